// Cases of batch_norm: see tests/cases/op_cases.h.
#pragma once

#include "tests/cases/op_cases.h"

namespace ekgine::testing {

// Inputs of a batch normalisation: x, weight, bias, running mean and variance.
inline std::vector<KernelInput> batch_norm_inputs(const Shape& x, double offset = 0) {
  const Shape channels{x[-1]};
  return {{.shape = x, .draw = normal(offset, 1)},
          {.shape = channels, .draw = normal(0.3, 1), .parameter = true},  // some are negative
          {.shape = channels, .parameter = true},
          {.shape = channels, .differentiable = false, .parameter = true},
          {.shape = channels,
           .differentiable = false,
           .draw = [](Random& random) { return random.uniform(0.5, 2); },
           .parameter = true}};
}

// The normalisation whose weights are inputs 1 to 4.
inline BatchNorm batch_norm_of(std::span<const Tensor> in) {
  return {.weight = in[1], .bias = in[2], .running_mean = in[3], .running_variance = in[4]};
}

inline KernelCase batch_norm_case(const Shape& x, double offset = 0) {
  return {
      .name = "batch_norm " + x.text() + (offset != 0 ? " far from zero" : ""),
      .inputs = batch_norm_inputs(x, offset),
      .op = [](Tape& tape,
               std::span<const Tensor> in) { return batch_norm(tape, in[0], batch_norm_of(in)); },
      // An offset of 1000 leaves float inputs three digits less. The gradients of one row are 0,
      // of two they nearly cancel; rounding errors are multiplied by rstd = 1/√ε.
      .float_tolerance = offset != 0     ? 1e-3
                         : x.rows() <= 2 ? 1e-3
                                         : 4e-6,
      .cudnn = CudnnRival::batch_norm,
  };
}

inline OpCases batch_norm_cases() {
  OpCases op{
      // Inside the Conformer's convolution module; and of the first image stage, were it not fused.
      .model = {batch_norm_case({128, 3, 128}), batch_norm_case({384, 32, 187, 32})},
      .tiny = {batch_norm_case({4, 3, 8})},
      .counted = {batch_norm_case({4096, 64})},
      .shaped = {{"batch_norm",
                  {"rows", "channels"},
                  [](Extents e) {
                    return batch_norm_case({e[0], e[1]});
                  }}},
  };
  for (const std::int64_t rows : {1, 2, 3, 33}) {
    for (const std::int64_t c : {1, 2, 31, 32, 33, 129}) {
      op.tests.push_back(batch_norm_case({rows, c}));
    }
  }
  op.tests.push_back(batch_norm_case({5, 7, 11, 3}));
  op.tests.push_back(batch_norm_case({1500, 5}));  // several parts, several blocks each
  op.tests.push_back(batch_norm_case({300, 32}, 1000));
  return op;
}

}  // namespace ekgine::testing
