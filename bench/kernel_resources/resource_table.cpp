#include "bench/kernel_resources/resource_table.h"

#include <cuda_occupancy.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "bench/kernel_resources/kernel_table.h"

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

std::string place(const KernelResources& k) {
  return place_of({k.file, k.kernel}, k.architecture);
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

const std::vector<std::string> common_columns = {"threads", "shared"};

// The assembler that a table says it was made with.
std::string assembler_of(const std::string& table) {
  const std::size_t at = table.find(made_by);
  if (at == std::string::npos) return "";
  const std::string line = table.substr(at + made_by.size());
  return line.substr(0, line.find(".\n"));
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
  struct Common {
    int threads = 0, shared = 0;
  };
  KernelRows rows;
  std::map<KernelKey, Common> common;
  for (const KernelResources& k : kernels) {
    const KernelKey key{k.file, k.kernel};
    const std::string cell =
        fmt::format("{} · {:.0f} %", k.registers, std::floor(100 * theoretical_occupancy(k)));
    if (!rows[key].of.emplace(k.architecture, cell).second) {
      fail("{}: there are two kernels of this name", place(k));
    }
    Common& of_all = common[key];
    of_all.threads = std::max(of_all.threads, k.threads_per_block);
    of_all.shared = std::max(of_all.shared, k.shared);
  }
  for (auto& [key, row] : rows) {
    row.common = {std::to_string(common[key].threads), std::to_string(common[key].shared)};
  }
  std::string text(introduction);
  if (!kernels.empty()) text += fmt::format("\n{}{}.\n", made_by, kernels.front().assembler);
  return text + "\n" + kernel_table(common_columns, rows);
}

std::vector<std::string> resource_offences(std::span<const KernelResources> kernels,
                                           const std::string& text, const std::string& name) {
  const KernelRows table = read_kernel_table(text, name, common_columns.size());
  std::vector<std::string> offences;
  std::set<KernelKey> seen;
  for (const KernelResources& k : kernels) {
    const auto report = [&]<class... A>(fmt::format_string<A...> what, A&&... arguments) {
      offences.push_back(
          fmt::format("{}: {}", place(k), fmt::format(what, std::forward<A>(arguments)...)));
    };
    seen.insert({k.file, k.kernel});
    if (k.stack != 0) report("{} bytes of stack, none is allowed", k.stack);
    if (k.threads_per_block == 0) report("no __launch_bounds__");
    const auto found = table.find({k.file, k.kernel});
    if (found == table.end() || !found->second.of.contains(k.architecture)) {
      report("not in {}", name);
      continue;
    }
    const KernelRow& budget = found->second;
    const int registers = numbers_of(budget.of.at(k.architecture)).front();
    const int threads = numbers_of(budget.common[0]).front();
    const int shared = numbers_of(budget.common[1]).front();
    if (k.registers > registers) {
      report("{} registers, the budget is {}", k.registers, registers);
    }
    if (k.shared > shared) {
      report("{} bytes of shared memory, the budget is {}", k.shared, shared);
    }
    if (k.threads_per_block != 0 && k.threads_per_block != threads) {
      report("{} threads per block, {} states {}", k.threads_per_block, name, threads);
    }
  }
  for (const auto& [key, budget] : table) {
    if (!seen.contains(key)) {
      offences.push_back(fmt::format("{}: in {}, but in no object file", place_of(key), name));
    }
  }
  if (const std::string assembler = assembler_of(text);
      !offences.empty() && !kernels.empty() && kernels.front().assembler != assembler) {
    offences.push_back(fmt::format("{}: made with another ptxas ({}; these objects: {})", name,
                                   assembler, kernels.front().assembler));
  }
  return offences;
}

}  // namespace ekgine
