// Cases of layer_norm and add_layer_norm: see tests/cases/op_cases.h.
#pragma once

#include <fmt/format.h>

#include "tests/cases/op_cases.h"

namespace ekgine::testing {

inline KernelCase layer_norm_case(std::int64_t rows, std::int64_t channels, double offset = 0) {
  return {
      .name = "layer_norm " + Shape{rows, channels}.text() + (offset != 0 ? " far from zero" : ""),
      .inputs = {{.shape = {rows, channels}, .draw = normal(offset, 1)},
                 {.shape = {channels}, .draw = normal(1, 0.5), .parameter = true},
                 {.shape = {channels}, .parameter = true}},
      .op = [](Tape& tape,
               std::span<const Tensor> in) { return layer_norm(tape, in[0], in[1], in[2], 1e-3); },
      // An offset of 1000 leaves float inputs three digits less; a single channel has the gradient
      // 0, and rounding errors are multiplied by rstd = 1/√ε.
      .float_tolerance = offset != 0     ? 1e-3
                         : channels == 1 ? 1e-4
                                         : 4e-6,
  };
}

// Both outputs, so that both gradients meet in the sum's: y − 3·sum.
inline KernelCase add_layer_norm_case(std::int64_t rows, std::int64_t channels, double alpha,
                                      double rate = 0, double offset = 0) {
  KernelCase c = layer_norm_case(rows, channels, offset);
  c.name = fmt::format("add_layer_norm {} alpha {}{}{}", Shape{rows, channels}.text(), alpha,
                       rate != 0 ? fmt::format(" dropout {}", rate) : "",
                       offset != 0 ? " far from zero" : "");
  c.inputs.insert(c.inputs.begin() + 1, {.shape = {rows, channels}});
  c.op = [alpha, rate](Tape& tape, std::span<const Tensor> in) {
    const auto [sum, y] = add_layer_norm(tape, in[0], alpha, in[1], rate, in[2], in[3], 1e-3);
    return add_scaled(tape, y, -3, sum);
  };
  c.random = rate != 0;
  // The sum is stored in bfloat16, and around 1000 that is a multiple of 4; the spread of what is
  // normalised is some tens.
  if (offset != 0) c.bfloat16_tolerance = 0x1p-5;
  return c;
}

// Without the sum, as at the end of a block.
inline KernelCase add_layer_norm_alone_case(std::int64_t rows, std::int64_t channels, double alpha,
                                            double rate) {
  KernelCase c = add_layer_norm_case(rows, channels, alpha, rate);
  c.op = [alpha, rate](Tape& tape, std::span<const Tensor> in) {
    return add_layer_norm(tape, in[0], alpha, in[1], rate, in[2], in[3], 1e-3).y;
  };
  c.rivals = {{"composition: dropout, add_scaled, layer_norm",
               [alpha, rate](Tape& tape, std::span<const Tensor> in) {
                 const Tensor kept = dropout(tape, in[1], rate);
                 return layer_norm(tape, add_scaled(tape, in[0], alpha, kept), in[2], in[3], 1e-3);
               }}};
  return c;
}

inline OpCases layer_norm_cases() {
  OpCases op{
      // The sums of many rows take two stages there, and long rows a block each.
      .cuda_tests = {layer_norm_case(0, 4), add_layer_norm_case(0, 4, 0.5, 0.2),
                     layer_norm_case(1025, 3), add_layer_norm_case(1100, 8, 0.5, 0.2),
                     add_layer_norm_case(2, 600, 0.5, 0.2), layer_norm_case(1030, 516)},
      .model = {layer_norm_case(384, 128), add_layer_norm_alone_case(384, 128, 0.5, 0.2)},
      .tiny = {layer_norm_case(6, 16), add_layer_norm_alone_case(6, 16, 0.5, 0.2)},
      .counted = {layer_norm_case(384, 128), add_layer_norm_case(384, 128, 0.5, 0.2)},
      .shaped = {{"layer_norm",
                  {"rows", "channels"},
                  [](Extents e) { return layer_norm_case(e[0], e[1]); }},
                 {"add_layer_norm",
                  {"rows", "channels"},
                  [](Extents e) { return add_layer_norm_alone_case(e[0], e[1], 0.5, 0.2); }}},
  };
  for (const std::int64_t rows : {1, 3, 33}) {
    for (const std::int64_t channels : {1, 2, 3, 31, 32, 33, 127, 129}) {
      op.tests.push_back(layer_norm_case(rows, channels));
    }
  }
  op.tests.push_back(layer_norm_case(187, 32));
  op.tests.push_back(layer_norm_case(5, 64, 1000));
  for (const std::int64_t channels : {1, 3, 32, 33, 128, 129}) {
    op.tests.push_back(add_layer_norm_case(3, channels, 0.5));
  }
  for (const std::int64_t channels : {1, 3, 32, 33, 129, 300}) {
    op.tests.push_back(add_layer_norm_case(3, channels, 0.5, 0.3));
  }
  op.tests.push_back(add_layer_norm_case(37, 64, 1, 0.9));
  op.tests.push_back(add_layer_norm_case(187, 32, 1));
  op.tests.push_back(add_layer_norm_case(2, 8, -2.25));
  op.tests.push_back(add_layer_norm_case(2, 8, 0));
  op.tests.push_back(add_layer_norm_case(5, 64, 1, 0, 1000));
  return op;
}

}  // namespace ekgine::testing
