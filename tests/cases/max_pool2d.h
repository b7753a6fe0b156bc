// Cases of max_pool2d: see tests/support/kernel_case.h.
#pragma once

#include "kernels/max_pool2d.h"
#include "tests/support/kernel_case.h"

namespace ekgine::testing {

inline KernelCase max_pool2d_case(kernels::MaxPool2dShape s) {
  const Shape x{s.n, s.h, s.w, s.c};
  return {
      .name = "max_pool2d " + x.text(),
      .inputs = {{.shape = x}},
      .op = [](Tape& tape, std::span<const Tensor> in) { return max_pool2d(tape, in[0]); },
      .forward = kernels::max_pool2d_forward_cost(s, sizeof(float)),
      .backward = kernels::max_pool2d_backward_cost(s, sizeof(float)),
  };
}

inline std::vector<KernelCase> max_pool2d_cases() {
  std::vector<KernelCase> cases;
  for (const std::int64_t c : {1, 3, 31, 32, 33}) cases.push_back(max_pool2d_case({2, 4, 6, c}));
  for (const auto& [h, w] : {std::pair{2, 2}, {3, 3}, {2, 3}, {5, 2}, {2, 187}, {33, 3}}) {
    cases.push_back(max_pool2d_case({3, h, w, 5}));
  }
  return cases;
}

// The first pooling of Main_Model at batch 128, were it not fused.
inline std::vector<KernelCase> max_pool2d_model_cases() {
  return {max_pool2d_case({384, 32, 187, 32})};
}

}  // namespace ekgine::testing
