#include "bench/cuda_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/ops.h"
#include "tests/cases/add_position.h"
#include "tests/cases/attention.h"
#include "tests/cases/batch_norm.h"
#include "tests/cases/batch_norm_relu_pool.h"
#include "tests/cases/conv2d.h"
#include "tests/cases/depthwise_conv1d.h"
#include "tests/cases/dropout.h"
#include "tests/cases/elementwise.h"
#include "tests/cases/gather.h"
#include "tests/cases/gather_jittered.h"
#include "tests/cases/global_avg_pool.h"
#include "tests/cases/glu.h"
#include "tests/cases/layer_norm.h"
#include "tests/cases/lstm.h"
#include "tests/cases/max_pool2d.h"
#include "tests/cases/morlet_cwt.h"
#include "tests/cases/relu.h"
#include "tests/cases/softmax_cross_entropy.h"
#include "tests/cases/swish.h"

namespace ekgine {
namespace {

using emulation::KernelCounters;
using testing::KernelCase;
using testing::KernelInput;
using Counters = std::map<std::string, KernelCounters>;

// An array of the device, filled from a seed.
struct Array {
  std::unique_ptr<Memory> memory;
  Tensor tensor;
};

Array array(const Device& device, const Shape& shape, DType type) {
  Array a;
  a.memory = device.allocate("array", static_cast<std::size_t>(shape.size()) * size_of(type));
  a.tensor = Tensor::view(a.memory->data(), shape, type);
  return a;
}

struct Counted {
  Counters forward, backward;
};

Counted count(Device& device, const KernelCase& c) {
  testing::Random random(1);
  std::vector<Array> values, gradients(c.inputs.size());
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    const KernelInput& input = c.inputs[i];
    if (!input.integers.empty()) {
      values.push_back(array(device, input.shape, DType::i32));
      device.write(values.back().tensor, std::span(input.integers));
      continue;
    }
    const DType type = input.parameter ? device.real_dtype() : device.dtype();
    values.push_back(array(device, input.shape, type));
    std::vector<double> drawn(static_cast<std::size_t>(input.shape.size()));
    for (double& v : drawn) v = input.draw ? input.draw(random) : random.normal();
    device.write(values.back().tensor, std::span<const double>(drawn));
    if (input.differentiable) gradients[i] = array(device, input.shape, type);
  }
  Arena::Plan plan;
  Tape tape(device, Tape::Mode::training, plan, {.seed = 1, .step = 1, .op = 0});
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < values.size(); ++i) {
    inputs.push_back(values[i].tensor);
    if (gradients[i].tensor) inputs.back() = tape.leaf(inputs.back(), gradients[i].tensor);
  }
  Counted counted;
  emulation::take_counters();
  Tensor y = c.op(tape, inputs);
  device.read(y);  // waits
  counted.forward = emulation::take_counters();
  if (y.id() >= 0) {
    const Array seed = array(device, y.shape(), y.dtype());
    device.write(seed.tensor, std::span<const double>(
                                  std::vector<double>(static_cast<std::size_t>(y.size()), 0.5)));
    emulation::take_counters();
    tape.backward(y, seed.tensor);
    device.read(seed.tensor);
    counted.backward = emulation::take_counters();
  }
  y = Tensor();
  inputs.clear();
  tape.finish();
  return counted;
}

double ratio(std::uint64_t sectors, std::uint64_t ideal) {
  return ideal == 0 ? 1 : static_cast<double>(sectors) / static_cast<double>(ideal);
}

// Aligned shapes as in Main_Model, with fewer beats: counting takes a while, and what is counted
// per row does not depend on their number.
std::vector<KernelCase> all_cases() {
  using namespace testing;
  return {
      morlet_cwt_case(4, 187, 32),
      conv2d_case({4, 32, 187, 1, 3, 3, 32}, false),
      batch_norm_case({4096, 64}),
      batch_norm_relu_pool_case(Pool::max, {4, 32, 187, 32}),
      batch_norm_relu_pool_case(Pool::average, {4, 8, 46, 128}),
      relu_case(65536),
      max_pool2d_case({2, 32, 188, 32}),
      global_avg_pool_case({64, 8, 128}),
      gather_jittered_case(1'000, 187, 144, 0.25),
      gather_windows_case(128, 128, 3),
      layer_norm_case(384, 128),
      add_layer_norm_case(384, 128, 0.5),
      swish_case({65536}),
      swish_dropout_case({65536}, 0.2),
      dropout_case({65536}, 0.2),
      add_position_case(128, 3, 128, 3),
      attention_case(8, 3, 8, 128, 0.2),
      attention_case(1, 128, 2, 64, 0.2),
      lstm_case(128, 3, 128),
      glu_case(384, 128),
      depthwise_conv1d_case(32, 3, 128, 11),
      depthwise_conv1d_case(2, 128, 128, 11),
      add_scaled_case({65536}, 0.5),
      softmax_cross_entropy_case(1024, 5),
  };
}

MemoryCount summarise(const std::string& op, DType type, Counters kernels, const Cost& cost) {
  std::uint64_t bytes = 0;
  for (const auto& [name, k] : kernels) bytes += k.loads.bytes + k.stores.bytes;
  // Costs of the cases are those of float; what is stored as Real is a small part.
  const double minimum = cost.bytes * static_cast<double>(size_of(type)) / sizeof(float);
  return {op, type, std::move(kernels), static_cast<double>(bytes) / minimum};
}

}  // namespace

std::vector<MemoryCount> count_memory(const std::vector<std::string>& names) {
  std::vector<MemoryCount> counts;
  emulation::count_accesses(true);
  for (const DType type : {DType::f32, DType::bf16}) {
    Device device =
        Device::cuda(0, type, {.activation_reserve = 1 << 26, .workspace_reserve = 1 << 26});
    for (const KernelCase& c : all_cases()) {
      if (!names.empty() && std::ranges::none_of(names, [&](const std::string& name) {
            return c.name.find(name) != std::string::npos;
          })) {
        continue;
      }
      Counted counted = count(device, c);
      counts.push_back(summarise(c.name + " forward", type, std::move(counted.forward), c.forward));
      if (!counted.backward.empty()) {
        counts.push_back(
            summarise(c.name + " backward", type, std::move(counted.backward), c.backward));
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

nlohmann::ordered_json as_json(const std::vector<MemoryCount>& counts) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const MemoryCount& count : counts) {
    nlohmann::ordered_json kernels = nlohmann::ordered_json::array();
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
