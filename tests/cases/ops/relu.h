// Cases of relu: see tests/cases/op_cases.h.
#pragma once

#include "tests/cases/op_cases.h"

namespace ekgine::testing {

inline KernelCase relu_case(std::int64_t n) {
  return {
      .name = "relu " + Shape{n}.text(),
      .inputs = {{.shape = {n}}},
      .op = [](Tape& tape, std::span<const Tensor> in) { return relu(tape, in[0]); },
      .cudnn = CudnnRival::relu,
  };
}

inline OpCases relu_cases() {
  OpCases op{
      .cuda_tests = {relu_case(0)},
      .model = {relu_case(std::int64_t{384} * 8 * 46 * 128)},  // an image stage, were it not fused
      .tiny = {relu_case(100)},
      .counted = {relu_case(65536)},
      .shaped = {{"relu", {"elements"}, [](Extents e) { return relu_case(e[0]); }}},
  };
  for (const std::int64_t n : {1, 2, 3, 31, 32, 33, 127, 129, 187, 40000}) {
    op.tests.push_back(relu_case(n));
  }
  return op;
}

}  // namespace ekgine::testing
