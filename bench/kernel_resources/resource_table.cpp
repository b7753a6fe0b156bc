#include "bench/kernel_resources/resource_table.h"

#include <cuda_occupancy.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <sstream>
#include <utility>

#include "base/error.h"

namespace ekgine {

namespace {

// Of the CUDA C++ Programming Guide, "Compute Capabilities"; what is the same for all is in
// device_properties.
struct Multiprocessor {
  int architecture;
  int threads;
  std::size_t shared, block_shared, reserved_shared;  // bytes; a block's at most; a block's tax
};
constexpr std::size_t kibibyte = 1024;
constexpr Multiprocessor multiprocessors[] = {
    {75, 1024, 64 * kibibyte, 64 * kibibyte, 0},
    {80, 2048, 164 * kibibyte, 163 * kibibyte, kibibyte},
    {86, 1536, 100 * kibibyte, 99 * kibibyte, kibibyte},
    {89, 1536, 100 * kibibyte, 99 * kibibyte, kibibyte},
    {90, 2048, 228 * kibibyte, 227 * kibibyte, kibibyte},
    {100, 2048, 228 * kibibyte, 227 * kibibyte, kibibyte},
    {120, 1536, 100 * kibibyte, 99 * kibibyte, kibibyte},
};

cudaOccDeviceProp device_properties(const Multiprocessor& m) {
  cudaOccDeviceProp p;
  p.computeMajor = m.architecture / 10;
  p.computeMinor = m.architecture % 10;
  p.maxThreadsPerBlock = 1024;
  p.maxThreadsPerMultiprocessor = m.threads;
  p.regsPerBlock = p.regsPerMultiprocessor = 64 * 1024;
  p.warpSize = 32;
  p.sharedMemPerBlock = 48 * kibibyte;
  p.sharedMemPerMultiprocessor = m.shared;
  p.sharedMemPerBlockOptin = m.block_shared;
  p.reservedSharedMemPerBlock = m.reserved_shared;
  p.numSms = 1;
  return p;
}

std::string place(const std::string& file, const std::string& kernel) {
  return fmt::format("{}: {}", file, kernel);
}
std::string place(const KernelResources& k) {
  return fmt::format("{}: sm_{}", place(k.file, k.kernel), k.architecture);
}

constexpr std::string_view made_by = "Assembled by ptxas, ";
constexpr std::string_view introduction = R"(# Registers, shared memory and occupancy

Every kernel on every architecture. This file is generated, and it is the budget: the check of `scripts/build_cuda --check` (a step of CI) fails where a kernel uses more registers or shared memory than stated here, has a stack (spilled registers or local arrays: none is allowed, and none is there), has no launch bounds, or is not listed. Who changes kernels regenerates it with

```
scripts/build_cuda
```

and looks at the difference: more registers or a lower occupancy need a reason.

- **threads**: per block, at most (`__launch_bounds__`).
- **shared**: bytes of static shared memory per block.
- **sm_NN**: registers per thread, and the theoretical occupancy: the share of a multiprocessor's warps that can be resident, by `cuda_occupancy.h`. Dynamic shared memory is chosen at launch and not counted: kernels that use it (in `attention`) may have less.
)";

using Key = std::pair<std::string, std::string>;  // file, kernel

struct Budget {
  int threads = 0, shared = 0;
  std::map<int, int> registers;  // of an architecture
};

struct Table {
  std::string assembler;
  std::map<Key, Budget> budgets;
};

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  for (std::size_t at = 1; at < line.size();) {
    const std::size_t end = std::min(line.find('|', at), line.size());
    const std::size_t first = std::min(line.find_first_not_of(' ', at), end);
    const std::size_t last = line.find_last_not_of(' ', end - 1);
    cells.push_back(line.substr(first, last < first ? 0 : last + 1 - first));
    at = end + 1;
  }
  return cells;
}

Table parse(const std::string& text, const std::string& name) {
  Table table;
  std::istringstream lines(text);
  std::string line, file;
  std::vector<int> columns;
  for (int number = 1; std::getline(lines, line); ++number) {
    const auto integer = [&](const std::string& word) {
      std::size_t used = 0;
      int value = 0;
      try {
        value = std::stoi(word, &used);
      } catch (const std::exception&) {
      }
      if (used == 0) fail("{}:{}: expected a number, found \"{}\"", name, number, word);
      return value;
    };
    if (line.starts_with(made_by)) {
      table.assembler = line.substr(made_by.size());
      table.assembler.resize(table.assembler.size() - 1);  // the full stop
    } else if (line.starts_with("## ")) {
      file = line.substr(3);
    } else if (line.starts_with("| kernel ")) {
      columns.clear();
      const std::vector<std::string> cells = cells_of(line);
      for (std::size_t i = 3; i < cells.size(); ++i) {
        columns.push_back(integer(cells[i].substr(std::min<std::size_t>(3, cells[i].size()))));
      }
    } else if (line.starts_with("| `")) {
      const std::vector<std::string> cells = cells_of(line);
      if (file.empty() || columns.empty() || cells.size() != 3 + columns.size()) {
        fail("{}:{}: a row of {} cells, expected {} under a heading", name, number, cells.size(),
             3 + columns.size());
      }
      Budget budget{integer(cells[1]), integer(cells[2]), {}};
      for (std::size_t i = 0; i < columns.size(); ++i) {
        if (cells[3 + i] != "–") budget.registers[columns[i]] = integer(cells[3 + i]);
      }
      table.budgets[{file, cells[0].substr(1, cells[0].size() - 2)}] = budget;
    }
  }
  if (table.budgets.empty()) fail("{}: no table of kernels in it", name);
  return table;
}

}  // namespace

double theoretical_occupancy(const KernelResources& kernel) {
  const auto* const m =
      std::ranges::find(multiprocessors, kernel.architecture, &Multiprocessor::architecture);
  if (m == std::end(multiprocessors)) {
    fail("{}: the multiprocessor of this architecture is unknown", place(kernel));
  }
  if (kernel.threads_per_block == 0) fail("{}: no __launch_bounds__", place(kernel));
  const cudaOccDeviceProp properties = device_properties(*m);
  cudaOccFuncAttributes attributes{};
  attributes.maxThreadsPerBlock = kernel.threads_per_block;
  attributes.numRegs = kernel.registers;
  attributes.sharedSizeBytes = static_cast<std::size_t>(kernel.shared);
  attributes.partitionedGCConfig = PARTITIONED_GC_OFF;
  attributes.shmemLimitConfig = FUNC_SHMEM_LIMIT_OPTIN;
  attributes.maxDynamicSharedSizeBytes = 0;
  attributes.numBlockBarriers = 1;
  const cudaOccDeviceState state{};
  cudaOccResult result;
  const cudaOccError error = cudaOccMaxActiveBlocksPerMultiprocessor(
      &result, &properties, &attributes, &state, kernel.threads_per_block, 0);
  if (error != CUDA_OCC_SUCCESS) {
    fail("{}: cuda_occupancy.h reports error {}", place(kernel), static_cast<int>(error));
  }
  const int warps = (kernel.threads_per_block + 31) / 32;
  return static_cast<double>(result.activeBlocksPerMultiprocessor * warps) / (m->threads / 32);
}

std::string resource_table(std::span<const KernelResources> kernels) {
  std::set<int> architectures;
  std::map<std::string, std::map<std::string, std::map<int, const KernelResources*>>> files;
  for (const KernelResources& k : kernels) {
    architectures.insert(k.architecture);
    if (!files[k.file][k.kernel].emplace(k.architecture, &k).second) {
      fail("{}: there are two kernels of this name", place(k));
    }
  }
  std::string text(introduction);
  if (!kernels.empty()) text += fmt::format("\n{}{}.\n", made_by, kernels.front().assembler);
  for (const auto& [file, rows] : files) {
    text += fmt::format("\n## {}\n\n| kernel | threads | shared |", file);
    for (const int architecture : architectures) text += fmt::format(" sm_{} |", architecture);
    text += "\n| --- | ---: | ---: |";
    for (std::size_t i = 0; i < architectures.size(); ++i) text += " ---: |";
    for (const auto& [kernel, row] : rows) {
      int threads = 0, shared = 0;
      for (const auto& [architecture, k] : row) {
        threads = std::max(threads, k->threads_per_block);
        shared = std::max(shared, k->shared);
      }
      text += fmt::format("\n| `{}` | {} | {} |", kernel, threads, shared);
      for (const int architecture : architectures) {
        const auto found = row.find(architecture);
        text += found == row.end()
                    ? " – |"
                    : fmt::format(" {} · {:.0f} % |", found->second->registers,
                                  std::floor(100 * theoretical_occupancy(*found->second)));
      }
    }
    text += "\n";
  }
  return text;
}

std::vector<std::string> resource_offences(std::span<const KernelResources> kernels,
                                           const std::string& text, const std::string& name) {
  const Table table = parse(text, name);
  std::vector<std::string> offences;
  std::set<Key> seen;
  for (const KernelResources& k : kernels) {
    const auto report = [&]<class... A>(fmt::format_string<A...> what, A&&... arguments) {
      offences.push_back(
          fmt::format("{}: {}", place(k), fmt::format(what, std::forward<A>(arguments)...)));
    };
    seen.insert({k.file, k.kernel});
    if (k.stack != 0) report("{} bytes of stack, none is allowed", k.stack);
    if (k.threads_per_block == 0) report("no __launch_bounds__");
    const auto found = table.budgets.find({k.file, k.kernel});
    if (found == table.budgets.end() || !found->second.registers.contains(k.architecture)) {
      report("not in {}", name);
      continue;
    }
    const Budget& budget = found->second;
    const int registers = budget.registers.at(k.architecture);
    if (k.registers > registers) {
      report("{} registers, the budget is {}", k.registers, registers);
    }
    if (k.shared > budget.shared) {
      report("{} bytes of shared memory, the budget is {}", k.shared, budget.shared);
    }
    if (k.threads_per_block != 0 && k.threads_per_block != budget.threads) {
      report("{} threads per block, {} states {}", k.threads_per_block, name, budget.threads);
    }
  }
  for (const auto& [key, budget] : table.budgets) {
    if (!seen.contains(key)) {
      offences.push_back(
          fmt::format("{}: in {}, but in no object file", place(key.first, key.second), name));
    }
  }
  if (!offences.empty() && !kernels.empty() && kernels.front().assembler != table.assembler) {
    offences.push_back(fmt::format("{}: made with another ptxas ({}; these objects: {})", name,
                                   table.assembler, kernels.front().assembler));
  }
  return offences;
}

}  // namespace ekgine
