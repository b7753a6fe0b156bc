// Cases of swish: see tests/support/kernel_case.h.
#pragma once

#include <fmt/format.h>

#include "kernels/swish.h"
#include "tests/support/kernel_case.h"

namespace ekgine::testing {

inline KernelCase swish_case(const Shape& shape, double deviation = 1) {
  return {
      .name = "swish " + shape.text() + (deviation != 1 ? " saturated" : ""),
      .inputs = {{.shape = shape, .draw = normal(0, deviation)}},
      .op = [](Tape& tape, std::span<const Tensor> in) { return swish(tape, in[0]); },
      .forward = kernels::swish_forward_cost(shape.size(), sizeof(float)),
      .backward = kernels::swish_backward_cost(shape.size(), sizeof(float)),
  };
}

// On an input that nobody else holds, so that the gradient may lie over it.
inline KernelCase swish_over_input_case(const Shape& shape) {
  KernelCase c = swish_case(shape);
  c.name += " of a sum";
  c.op = [](Tape& tape, std::span<const Tensor> in) {
    return swish(tape, add_scaled(tape, in[0], 1, in[0]));
  };
  return c;
}

inline KernelCase swish_dropout_case(const Shape& shape, double rate, double deviation = 1) {
  return {
      .name = fmt::format("swish_dropout {} rate {}", shape.text(), rate) +
              (deviation != 1 ? " saturated" : ""),
      .inputs = {{.shape = shape, .draw = normal(0, deviation)}},
      .op = [rate](Tape& tape,
                   std::span<const Tensor> in) { return swish_dropout(tape, in[0], rate); },
      .random = true,
      .forward = kernels::swish_dropout_forward_cost(shape.size(), sizeof(float)),
      .backward = kernels::swish_dropout_backward_cost(shape.size(), sizeof(float)),
  };
}

inline KernelCase swish_dropout_over_input_case(const Shape& shape, double rate) {
  KernelCase c = swish_dropout_case(shape, rate);
  c.name += " of a sum";
  c.op = [rate](Tape& tape, std::span<const Tensor> in) {
    return swish_dropout(tape, add_scaled(tape, in[0], 1, in[0]), rate);
  };
  return c;
}

inline std::vector<KernelCase> swish_cases() {
  std::vector<KernelCase> cases;
  for (const std::int64_t n : {1, 2, 3, 31, 32, 33, 127, 129, 187}) {
    cases.push_back(swish_case({n}));
  }
  cases.push_back(swish_case({3, 5, 7}));
  cases.push_back(swish_case({256}, 40));
  cases.push_back(swish_over_input_case({4, 33}));
  for (const std::int64_t n : {1, 2, 3, 31, 33, 187}) {
    cases.push_back(swish_dropout_case({n}, 0.3));
  }
  cases.push_back(swish_dropout_case({3, 5, 7}, 0.9));
  cases.push_back(swish_dropout_case({256}, 0.2, 40));
  cases.push_back(swish_dropout_over_input_case({4, 33}, 0.2));
  return cases;
}

// What Main_Model does at batch 128: in the feed-forward modules, and in the convolution module.
inline std::vector<KernelCase> swish_model_cases() {
  return {swish_case({384, 512}), swish_case({384, 128}), swish_dropout_case({384, 512}, 0.2)};
}

}  // namespace ekgine::testing
