// Cases of depthwise_conv1d: see tests/support/kernel_case.h.
#pragma once

#include <fmt/format.h>

#include "kernels/depthwise_conv1d.h"
#include "tests/support/kernel_case.h"

namespace ekgine::testing {

inline KernelCase depthwise_conv1d_case(std::int64_t sequences, std::int64_t positions,
                                        std::int64_t channels, std::int64_t width,
                                        double offset = 0) {
  const kernels::DepthwiseConv1dShape s{sequences, positions, channels, width};
  const Shape x{sequences, positions, channels};
  return {
      .name = fmt::format("depthwise_conv1d {} width {}{}", x.text(), width,
                          offset != 0 ? " far from zero" : ""),
      .inputs = {{.shape = x, .draw = normal(offset, 1)},
                 {.shape = {width, channels}, .parameter = true},
                 {.shape = {channels}, .parameter = true}},
      .op = [](Tape& tape,
               std::span<const Tensor> in) { return depthwise_conv1d(tape, in[0], in[1], in[2]); },
      .forward = kernels::depthwise_conv1d_forward_cost(s, sizeof(float)),
      .backward = kernels::depthwise_conv1d_backward_cost(s, sizeof(float)),
  };
}

inline std::vector<KernelCase> depthwise_conv1d_cases() {
  std::vector<KernelCase> cases;
  for (const std::int64_t positions : {1, 2, 3, 31, 32, 33, 187}) {
    for (const std::int64_t width : {1, 2, 7, 11}) {
      cases.push_back(depthwise_conv1d_case(2, positions, 5, width));
    }
  }
  for (const std::int64_t channels : {1, 2, 3, 31, 32, 33, 127, 129}) {
    cases.push_back(depthwise_conv1d_case(3, 3, channels, 4));
  }
  cases.push_back(depthwise_conv1d_case(33, 3, 16, 7));
  cases.push_back(depthwise_conv1d_case(2, 37, 4, 40));  // more taps than CUDA takes at a time
  cases.push_back(depthwise_conv1d_case(1, 70, 36, 65));
  cases.push_back(depthwise_conv1d_case(2, 12, 8, 7, 1000));
  return cases;
}

// What Main_Model does at batch 128; then many positions.
inline std::vector<KernelCase> depthwise_conv1d_model_cases() {
  return {depthwise_conv1d_case(128, 3, 128, 11), depthwise_conv1d_case(8, 128, 128, 11)};
}

}  // namespace ekgine::testing
