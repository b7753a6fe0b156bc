// Cases of glu: see tests/support/kernel_case.h.
#pragma once

#include "kernels/glu.h"
#include "tests/support/kernel_case.h"

namespace ekgine::testing {

// channels are those of the output.
inline KernelCase glu_case(std::int64_t rows, std::int64_t channels, double deviation = 1) {
  const kernels::GluShape s{rows, channels};
  return {
      .name = "glu " + Shape{rows, 2 * channels}.text() + (deviation != 1 ? " saturated" : ""),
      .inputs = {{.shape = {rows, 2 * channels}, .draw = normal(0, deviation)}},
      .op = [](Tape& tape, std::span<const Tensor> in) { return glu(tape, in[0]); },
      .forward = kernels::glu_forward_cost(s, sizeof(float)),
      .backward = kernels::glu_backward_cost(s, sizeof(float)),
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

inline std::vector<KernelCase> glu_cases() {
  std::vector<KernelCase> cases;
  for (const std::int64_t rows : {1, 3, 33}) {
    for (const std::int64_t channels : {1, 2, 3, 31, 32, 33, 127, 129}) {
      cases.push_back(glu_case(rows, channels));
    }
  }
  cases.push_back(glu_case(187, 32));
  cases.push_back(glu_case(16, 16, 40));
  cases.push_back(glu_over_input_case(5, 33));
  return cases;
}

// What Main_Model does at batch 128.
inline std::vector<KernelCase> glu_model_cases() {
  return {glu_case(384, 128)};
}

}  // namespace ekgine::testing
