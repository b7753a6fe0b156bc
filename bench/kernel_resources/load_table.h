// loads.md in this folder: how every kernel loads on every architecture, which is also how it has
// to.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "bench/kernel_resources/sass.h"

namespace ekgine {

// The table as Markdown: a section per file, a row per kernel, a column per architecture.
std::string load_table(std::span<const KernelLoads> kernels);

// Why `kernels` break the rules, one line each, for kernels that
// - have fewer loads in flight than `table` (the text of the file `table_name`) states for their
//   architecture, in the best loop, the second best and so on, as far as both have that many, or
//   more that a branch leads around;
// - use local memory;
// - are not in the table, or only there.
// Empty when all is well. The kernels may be of some of the table's architectures only. Errors: not
// a text of load_table().
std::vector<std::string> load_offences(std::span<const KernelLoads> kernels,
                                       const std::string& table, const std::string& table_name);

}  // namespace ekgine
