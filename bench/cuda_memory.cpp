#include "bench/cuda_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "bench/workload.h"
#include "tests/cases/op_cases.h"

namespace ekgine {
namespace {

using emulation::KernelCounters;
using testing::KernelCase;
using Counters = std::map<std::string, KernelCounters>;

struct Counted {
  Counters forward, backward;
  testing::StatedCosts costs;
};

Counted count(Device& device, const KernelCase& c) {
  Workload workload(device, c, measure_footprint(device, c));
  workload.write(device);
  const CostNotes costs(device);
  Pass pass(device, workload);
  Counted counted;
  device.wait();
  emulation::take_counters();
  pass.forward();
  device.wait();
  counted.forward = emulation::take_counters();
  if (pass.differentiable()) {
    pass.backward();
    device.wait();
    counted.backward = emulation::take_counters();
  }
  pass.finish();
  counted.costs = costs.so_far();
  return counted;
}

double ratio(std::uint64_t sectors, std::uint64_t ideal) {
  return ideal == 0 ? 1 : static_cast<double>(sectors) / static_cast<double>(ideal);
}

MemoryCount summarise(const std::string& op, DType type, Counters kernels, const Cost& cost) {
  std::uint64_t bytes = 0;
  for (const auto& [name, k] : kernels) bytes += k.loads.bytes + k.stores.bytes;
  return {op, type, std::move(kernels), static_cast<double>(bytes) / cost.bytes};
}

}  // namespace

std::vector<KernelCase> counted_cases(const std::vector<std::string>& names) {
  std::vector<KernelCase> cases;
  for (const testing::OpCases& op : testing::all_ops()) {
    std::ranges::copy_if(op.counted, std::back_inserter(cases), [&](const KernelCase& c) {
      return names.empty() || std::ranges::any_of(names, [&](const std::string& name) {
               return c.name.find(name) != std::string::npos;
             });
    });
  }
  return cases;
}

std::vector<MemoryCount> count_memory(const std::vector<KernelCase>& cases) {
  std::vector<MemoryCount> counts;
  emulation::count_accesses(true);
  for (const DType type : {DType::f32, DType::bf16}) {
    Device device =
        Device::cuda(0, type, {.activation_reserve = 1 << 26, .workspace_reserve = 1 << 26});
    for (const KernelCase& c : cases) {
      Counted counted = count(device, c);
      counts.push_back(
          summarise(c.name + " forward", type, std::move(counted.forward), counted.costs.forward));
      if (!counted.backward.empty()) {
        counts.push_back(summarise(c.name + " backward", type, std::move(counted.backward),
                                   counted.costs.backward));
      }
    }
  }
  emulation::count_accesses(false);
  return counts;
}

void print_memory(const std::vector<MemoryCount>& counts) {
  std::optional<DType> type;
  for (const MemoryCount& count : counts) {
    if (type != count.type) {
      type = count.type;
      fmt::print(
          "\n## {}\n\n| {:<60} | {:>8} | {:>5} | {:>5} | {:>6} | {:>6} "
          "|\n|---|--:|--:|--:|--:|--:|\n",
          name_of(count.type), "op, kernel", "launches", "bytes", "loads", "stores", "shared");
    }
    fmt::print("| {:<60} | {:>8} | {:>5.2f} | {:>5} | {:>6} | {:>6} |\n", "**" + count.op + "**",
               "", count.bytes_over_minimum, "", "", "");
    for (const auto& [name, k] : count.kernels) {
      fmt::print("| {:<60} | {:>8} | {:>5} | {:>5.2f} | {:>6.2f} | {:>6} |\n", name, k.launches, "",
                 ratio(k.loads.sectors, k.loads.ideal_sectors),
                 ratio(k.stores.sectors, k.stores.ideal_sectors),
                 std::max<std::uint64_t>(1, k.worst_bank_conflict));
    }
  }
}

Json as_json(const std::vector<MemoryCount>& counts) {
  Json json = Json::array();
  for (const MemoryCount& count : counts) {
    Json kernels = Json::array();
    for (const auto& [name, k] : count.kernels) {
      kernels.push_back({{"kernel", name},
                         {"launches", k.launches},
                         {"loads", ratio(k.loads.sectors, k.loads.ideal_sectors)},
                         {"stores", ratio(k.stores.sectors, k.stores.ideal_sectors)},
                         {"shared", std::max<std::uint64_t>(1, k.worst_bank_conflict)}});
    }
    json.push_back({{"op", count.op},
                    {"precision", name_of(count.type)},
                    {"bytes_over_minimum", count.bytes_over_minimum},
                    {"kernels", std::move(kernels)}});
  }
  return json;
}

}  // namespace ekgine
