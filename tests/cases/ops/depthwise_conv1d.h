// Cases of depthwise_conv1d: see tests/cases/op_cases.h.
#pragma once

#include <fmt/format.h>

#include "tests/cases/op_cases.h"

namespace ekgine::testing {

inline KernelCase depthwise_conv1d_case(std::int64_t sequences, std::int64_t positions,
                                        std::int64_t channels, std::int64_t width,
                                        double offset = 0) {
  const Shape x{sequences, positions, channels};
  return {
      .name = fmt::format("depthwise_conv1d {} width {}{}", x.text(), width,
                          offset != 0 ? " far from zero" : ""),
      .inputs = {{.shape = x, .draw = normal(offset, 1)},
                 {.shape = {width, channels}, .parameter = true},
                 {.shape = {channels}, .parameter = true}},
      .op = [](Tape& tape,
               std::span<const Tensor> in) { return depthwise_conv1d(tape, in[0], in[1], in[2]); },
      .composed = ComposedRival::depthwise_conv1d,
  };
}

inline OpCases depthwise_conv1d_cases() {
  OpCases op{
      .cuda_tests = {depthwise_conv1d_case(0, 3, 5, 3)},
      // The Conformer's convolution module; then many positions.
      .model = {depthwise_conv1d_case(128, 3, 128, 11), depthwise_conv1d_case(8, 128, 128, 11),
                depthwise_conv1d_case(2, 512, 128, 11)},
      .tiny = {depthwise_conv1d_case(2, 3, 8, 5), depthwise_conv1d_case(2, 3, 5, 8)},
      .counted = {depthwise_conv1d_case(32, 3, 128, 11), depthwise_conv1d_case(2, 128, 128, 11)},
      .shaped = {{"depthwise_conv1d",
                  {"sequences", "positions", "channels", "kernel_width"},
                  [](Extents e) { return depthwise_conv1d_case(e[0], e[1], e[2], e[3]); }}},
  };
  for (const std::int64_t positions : {1, 2, 3, 31, 32, 33, 187}) {
    for (const std::int64_t width : {1, 2, 7, 11}) {
      op.tests.push_back(depthwise_conv1d_case(2, positions, 5, width));
    }
  }
  for (const std::int64_t channels : {1, 2, 3, 31, 32, 33, 127, 129}) {
    op.tests.push_back(depthwise_conv1d_case(3, 3, channels, 4));
  }
  op.tests.push_back(depthwise_conv1d_case(33, 3, 16, 7));
  op.tests.push_back(depthwise_conv1d_case(2, 37, 4, 40));  // more taps than CUDA takes at a time
  op.tests.push_back(depthwise_conv1d_case(1, 70, 36, 65));
  op.tests.push_back(depthwise_conv1d_case(2, 12, 8, 7, 1000));
  return op;
}

}  // namespace ekgine::testing
