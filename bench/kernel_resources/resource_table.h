// table.md in this folder: what every kernel uses on every architecture, which is also what it may
// use.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "bench/kernel_resources/cubin.h"

namespace ekgine {

// Share of the warps a multiprocessor can hold that it holds when it runs nothing else than this
// kernel, without dynamic shared memory, in blocks of threads_per_block: by cuda_occupancy.h.
// Errors: an architecture that is not listed in resource_table.cpp; no threads_per_block.
double theoretical_occupancy(const KernelResources& kernel);

// The table as Markdown: a section per file, a row per kernel, a column per architecture.
std::string resource_table(std::span<const KernelResources> kernels);

// Why `kernels` break the rules, one line each, for kernels that
// - use more registers or static shared memory than `table` (the text of the file `table_name`)
//   states for their architecture, or other threads per block;
// - have a stack, or no __launch_bounds__;
// - are not in the table, or only there.
// Empty when all is well. The kernels may be of some of the table's architectures only. Errors: not
// a text of resource_table().
std::vector<std::string> resource_offences(std::span<const KernelResources> kernels,
                                           const std::string& table, const std::string& table_name);

}  // namespace ekgine
