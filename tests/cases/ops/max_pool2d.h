// Cases of max_pool2d: see tests/cases/op_cases.h.
#pragma once

#include "tests/cases/op_cases.h"

namespace ekgine::testing {

inline KernelCase max_pool2d_case(const Shape& x) {
  return {
      .name = "max_pool2d " + x.text(),
      .inputs = {{.shape = x}},
      .op = [](Tape& tape, std::span<const Tensor> in) { return max_pool2d(tape, in[0]); },
      .cudnn = CudnnRival::max_pool2d,
  };
}

inline OpCases max_pool2d_cases() {
  OpCases op{
      .cuda_tests = {max_pool2d_case({0, 4, 6, 3})},
      .model = {max_pool2d_case({384, 32, 187, 32})},  // the first pooling, were it not fused
      .tiny = {max_pool2d_case({2, 4, 7, 8})},
      .counted = {max_pool2d_case({2, 32, 188, 32})},
      .shaped = {{"max_pool2d",
                  {"images", "height", "width", "channels"},
                  [](Extents e) {
                    return max_pool2d_case({e[0], e[1], e[2], e[3]});
                  }}},
  };
  for (const std::int64_t c : {1, 3, 31, 32, 33}) op.tests.push_back(max_pool2d_case({2, 4, 6, c}));
  for (const auto& [h, w] : {std::pair{2, 2}, {3, 3}, {2, 3}, {5, 2}, {2, 187}, {33, 3}}) {
    op.tests.push_back(max_pool2d_case({3, h, w, 5}));
  }
  return op;
}

}  // namespace ekgine::testing
