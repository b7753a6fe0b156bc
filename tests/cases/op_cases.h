// The one list of ops: what tests and benchmarks run over.
//
// A file tests/cases/ops/NAME.h defines `inline OpCases NAME_cases()`, the row of the op or ops of
// engine/ops/NAME.cpp. The build finds the files; there is no list to add a row to, and none of
// those who run over the rows has one of its own. tests/kernels/ops_test.cpp checks that every op
// in engine/ops.h has cases of every kind.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "tests/cases/kernel_case.h"

namespace ekgine::testing {

// The numbers of a shape, one per dimension.
using Extents = std::span<const std::int64_t>;

// An op at whatever shape somebody asks for.
struct ShapedOp {
  std::string op;                         // as engine/ops.h calls it
  std::vector<std::string> dimensions;    // what the numbers are: "sequences", "positions"
  std::function<KernelCase(Extents)> at;  // of numbers that are at least 1
};

struct OpCases {
  std::string name = {};  // of the file; all_ops() sets it

  // Checked on the CPU and on CUDA. Shapes are small and ragged: numeric gradients take time.
  std::vector<KernelCase> tests = {};
  // Checked on CUDA as well: batches without a row, whose gradients of weights are 0, and more than
  // numeric gradients have time for.
  std::vector<KernelCase> cuda_tests = {};
  // Timed on the CPU and on a GPU: what Main_Model does at batch 128, the name of the shape's place
  // in a comment; then what else is of interest.
  std::vector<KernelCase> model = {};
  // The same ops at shapes that the emulated device gets through.
  std::vector<KernelCase> tiny = {};
  // Memory traffic is counted on the emulated device: shapes aligned as in Main_Model, with fewer
  // beats, since counting takes a while and what is counted per row does not depend on their
  // number. Empty where none of the kernels are ours.
  std::vector<KernelCase> counted = {};
  // Timed at a shape that is asked for, all else as in `model`: one for every op in there.
  std::vector<ShapedOp> shaped = {};
};

inline std::ostream& operator<<(std::ostream& out, const OpCases& op) {
  return out << op.name;
}

// All rows, in the order of their names.
std::vector<OpCases> all_ops();

}  // namespace ekgine::testing
