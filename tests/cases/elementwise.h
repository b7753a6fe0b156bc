// Cases of the elementwise sums: see tests/support/kernel_case.h.
#pragma once

#include <fmt/format.h>

#include "kernels/elementwise.h"
#include "tests/support/kernel_case.h"

namespace ekgine::testing {

inline KernelCase add_scaled_case(const Shape& shape, double alpha) {
  return {
      .name = fmt::format("add_scaled {} alpha {}", shape.text(), alpha),
      .inputs = {{.shape = shape}, {.shape = shape}},
      .op = [alpha](Tape& tape,
                    std::span<const Tensor> in) { return add_scaled(tape, in[0], alpha, in[1]); },
      .forward = kernels::add_scaled_cost(shape.size(), sizeof(float)),
      // The gradient of a is passed on; that of b is scaled.
      .backward = {static_cast<double>(shape.size()),
                   2 * static_cast<double>(shape.size()) * sizeof(float)},
  };
}

inline std::vector<KernelCase> elementwise_cases() {
  std::vector<KernelCase> cases;
  for (const std::int64_t n : {1, 2, 3, 31, 32, 33, 127, 129, 187}) {
    cases.push_back(add_scaled_case({n}, 0.5));
  }
  cases.push_back(add_scaled_case({3, 5, 7}, 1));
  cases.push_back(add_scaled_case({4, 3}, -2.25));
  cases.push_back(add_scaled_case({4, 3}, 0));
  KernelCase same = add_scaled_case({4, 33}, 0.5);  // the gradients of both meet
  same.name += " with itself";
  same.inputs.pop_back();
  same.op = [](Tape& tape, std::span<const Tensor> in) {
    return add_scaled(tape, in[0], 0.5, in[0]);
  };
  cases.push_back(same);
  return cases;
}

// What Main_Model does at batch 128.
inline std::vector<KernelCase> elementwise_model_cases() {
  return {add_scaled_case({128, 3, 128}, 0.5)};
}

}  // namespace ekgine::testing
