// Cases of add_scaled: see tests/cases/op_cases.h.
#pragma once

#include <fmt/format.h>

#include "tests/cases/op_cases.h"

namespace ekgine::testing {

inline KernelCase add_scaled_case(const Shape& shape, double alpha) {
  return {
      .name = fmt::format("add_scaled {} alpha {}", shape.text(), alpha),
      .inputs = {{.shape = shape}, {.shape = shape}},
      .op = [alpha](Tape& tape,
                    std::span<const Tensor> in) { return add_scaled(tape, in[0], alpha, in[1]); },
  };
}

inline OpCases add_scaled_cases() {
  OpCases op{
      .cuda_tests = {add_scaled_case({0, 4}, 0.5)},
      .model = {add_scaled_case({128, 3, 128}, 0.5)},
      .tiny = {add_scaled_case({6, 16}, 0.5)},
      .counted = {add_scaled_case({65536}, 0.5)},
      .shaped = {{"add_scaled",
                  {"rows", "channels"},
                  [](Extents e) {
                    return add_scaled_case({e[0], e[1]}, 0.5);
                  }}},
  };
  for (const std::int64_t n : {1, 2, 3, 31, 32, 33, 127, 129, 187}) {
    op.tests.push_back(add_scaled_case({n}, 0.5));
  }
  op.tests.push_back(add_scaled_case({3, 5, 7}, 1));
  op.tests.push_back(add_scaled_case({4, 3}, -2.25));
  op.tests.push_back(add_scaled_case({4, 3}, 0));
  KernelCase same = add_scaled_case({4, 33}, 0.5);  // the gradients of both meet
  same.name += " with itself";
  same.inputs.pop_back();
  same.op = [](Tape& tape, std::span<const Tensor> in) {
    return add_scaled(tape, in[0], 0.5, in[0]);
  };
  op.tests.push_back(same);
  return op;
}

}  // namespace ekgine::testing
