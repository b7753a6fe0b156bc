// Cases of glu: see tests/cases/op_cases.h.
#pragma once

#include "tests/cases/op_cases.h"

namespace ekgine::testing {

// channels are those of the output.
inline KernelCase glu_case(std::int64_t rows, std::int64_t channels, double deviation = 1) {
  return {
      .name = "glu " + Shape{rows, 2 * channels}.text() + (deviation != 1 ? " saturated" : ""),
      .inputs = {{.shape = {rows, 2 * channels}, .draw = normal(0, deviation)}},
      .op = [](Tape& tape, std::span<const Tensor> in) { return glu(tape, in[0]); },
  };
}

// On an input that nobody else holds, so that the gradient may lie over it.
inline KernelCase glu_over_input_case(std::int64_t rows, std::int64_t channels) {
  KernelCase c = glu_case(rows, channels);
  c.name += " of a sum";
  c.op = [](Tape& tape, std::span<const Tensor> in) {
    return glu(tape, add_scaled(tape, in[0], 1, in[0]));
  };
  return c;
}

inline OpCases glu_cases() {
  OpCases op{
      .cuda_tests = {glu_case(0, 4), glu_over_input_case(0, 4)},
      .model = {glu_case(384, 128)},
      .tiny = {glu_case(6, 8)},
      .counted = {glu_case(384, 128)},
      .shaped = {{"glu",
                  {"rows", "output_channels"},
                  [](Extents e) { return glu_case(e[0], e[1]); }}},
  };
  for (const std::int64_t rows : {1, 3, 33}) {
    for (const std::int64_t channels : {1, 2, 3, 31, 32, 33, 127, 129}) {
      op.tests.push_back(glu_case(rows, channels));
    }
  }
  op.tests.push_back(glu_case(187, 32));
  op.tests.push_back(glu_case(16, 16, 40));
  op.tests.push_back(glu_over_input_case(5, 33));
  return op;
}

}  // namespace ekgine::testing
