// Cases of new_op: see tests/cases/op_cases.h.
#pragma once

#include <fmt/format.h>

#include "tests/cases/op_cases.h"

namespace ekgine::testing {

inline KernelCase new_op_case(const Shape& shape, double factor) {
  return {
      .name = fmt::format("new_op {} factor {}", shape.text(), factor),
      .inputs = {{.shape = shape}},
      .op = [factor](Tape& tape,
                     std::span<const Tensor> in) { return new_op(tape, in[0], factor); },
  };
}

inline OpCases new_op_cases() {
  OpCases op{
      .cuda_tests = {new_op_case({0, 4}, 0.5)},
      .model = {new_op_case({384, 512}, 0.5)},
      .tiny = {new_op_case({6, 16}, 0.5)},
      .counted = {new_op_case({65536}, 0.5)},
      .shaped = {{"new_op",
                  {"rows", "channels"},
                  [](Extents e) {
                    return new_op_case({e[0], e[1]}, 0.5);
                  }}},
  };
  for (const std::int64_t n : {1, 2, 3, 31, 32, 33, 127, 129, 187, 40000}) {
    op.tests.push_back(new_op_case({n}, 0.5));
  }
  op.tests.push_back(new_op_case({3, 5, 7}, -2.25));
  return op;
}

}  // namespace ekgine::testing
