// Cases of relu: see tests/support/kernel_case.h.
#pragma once

#include "kernels/relu.h"
#include "tests/support/kernel_case.h"

namespace ekgine::testing {

inline KernelCase relu_case(std::int64_t n) {
  return {
      .name = "relu " + Shape{n}.text(),
      .inputs = {{.shape = {n}}},
      .op = [](Tape& tape, std::span<const Tensor> in) { return relu(tape, in[0]); },
      .forward = kernels::relu_forward_cost(n, sizeof(float)),
      .backward = kernels::relu_backward_cost(n, sizeof(float)),
  };
}

inline std::vector<KernelCase> relu_cases() {
  std::vector<KernelCase> cases;
  for (const std::int64_t n : {1, 2, 3, 31, 32, 33, 127, 129, 187, 40000}) {
    cases.push_back(relu_case(n));
  }
  return cases;
}

// One image stage of Main_Model at batch 128, were it not fused.
inline std::vector<KernelCase> relu_model_cases() {
  return {relu_case(std::int64_t{384} * 8 * 46 * 128)};
}

}  // namespace ekgine::testing
