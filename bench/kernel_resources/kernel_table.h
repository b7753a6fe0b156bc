// Tables of kernels in Markdown, as those of this folder are written and read: a section per file,
// a row per kernel, a column per architecture.
#pragma once

#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace ekgine {

using KernelKey = std::pair<std::string, std::string>;  // file, kernel

// What a row says: of all architectures, then of each.
struct KernelRow {
  std::vector<std::string> common = {};
  std::map<int, std::string> of = {};  // 86: what stands below sm_86
};
using KernelRows = std::map<KernelKey, KernelRow>;

// `common`: the headings of what is said of all architectures.
std::string kernel_table(std::span<const std::string> common, const KernelRows& rows);

// Reads what kernel_table() wrote with as many headings, wherever it stands in `text`. Errors name
// the file `name` and the line: other columns, a cell that begins with no number.
KernelRows read_kernel_table(const std::string& text, const std::string& name, std::size_t common);

// The numbers in a cell, which begins with one.
std::vector<int> numbers_of(const std::string& cell);

// "layer_norm: forward<float>", and with ": sm_86".
std::string place_of(const KernelKey& key);
std::string place_of(const KernelKey& key, int architecture);

}  // namespace ekgine
