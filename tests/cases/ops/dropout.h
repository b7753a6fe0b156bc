// Cases of dropout: see tests/cases/op_cases.h.
#pragma once

#include <fmt/format.h>

#include "tests/cases/op_cases.h"

namespace ekgine::testing {

inline KernelCase dropout_case(const Shape& shape, double rate) {
  return {
      .name = fmt::format("dropout {} rate {}", shape.text(), rate),
      .inputs = {{.shape = shape}},
      .op = [rate](Tape& tape, std::span<const Tensor> in) { return dropout(tape, in[0], rate); },
      .random = true,
  };
}

inline OpCases dropout_cases() {
  OpCases op{
      .cuda_tests = {dropout_case({0, 4}, 0.5)},
      .model = {dropout_case({384, 512}, 0.2), dropout_case({384, 128}, 0.2)},
      .tiny = {dropout_case({6, 16}, 0.2)},
      .counted = {dropout_case({65536}, 0.2)},
      .shaped = {{"dropout",
                  {"rows", "channels"},
                  [](Extents e) {
                    return dropout_case({e[0], e[1]}, 0.2);
                  }}},
  };
  for (const std::int64_t n : {1, 2, 3, 31, 32, 33, 127, 129, 187}) {
    op.tests.push_back(dropout_case({n}, 0.3));
  }
  op.tests.push_back(dropout_case({3, 5, 7}, 0.9));
  op.tests.push_back(dropout_case({129, 5}, 0.2));
  return op;
}

}  // namespace ekgine::testing
