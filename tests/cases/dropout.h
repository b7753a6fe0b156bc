// Cases of dropout: see tests/support/kernel_case.h.
#pragma once

#include <fmt/format.h>

#include "kernels/dropout.h"
#include "tests/support/kernel_case.h"

namespace ekgine::testing {

inline KernelCase dropout_case(const Shape& shape, double rate) {
  return {
      .name = fmt::format("dropout {} rate {}", shape.text(), rate),
      .inputs = {{.shape = shape}},
      .op = [rate](Tape& tape, std::span<const Tensor> in) { return dropout(tape, in[0], rate); },
      .random = true,
      .forward = kernels::dropout_cost(shape.size(), sizeof(float)),
      .backward = kernels::dropout_cost(shape.size(), sizeof(float)),
  };
}

inline std::vector<KernelCase> dropout_cases() {
  std::vector<KernelCase> cases;
  for (const std::int64_t n : {1, 2, 3, 31, 32, 33, 127, 129, 187}) {
    cases.push_back(dropout_case({n}, 0.3));
  }
  cases.push_back(dropout_case({3, 5, 7}, 0.9));
  cases.push_back(dropout_case({129, 5}, 0.2));
  return cases;
}

// What Main_Model does at batch 128.
inline std::vector<KernelCase> dropout_model_cases() {
  return {dropout_case({384, 512}, 0.2), dropout_case({384, 128}, 0.2)};
}

}  // namespace ekgine::testing
