// Cases of swish and swish_dropout: see tests/cases/op_cases.h.
#pragma once

#include <fmt/format.h>

#include "tests/cases/op_cases.h"

namespace ekgine::testing {

inline KernelCase swish_case(const Shape& shape, double deviation = 1) {
  return {
      .name = "swish " + shape.text() + (deviation != 1 ? " saturated" : ""),
      .inputs = {{.shape = shape, .draw = normal(0, deviation)}},
      .op = [](Tape& tape, std::span<const Tensor> in) { return swish(tape, in[0]); },
      .cudnn = CudnnRival::swish,
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
      .rivals = {{"composition: swish, dropout",
                  [rate](Tape& tape, std::span<const Tensor> in) {
                    return dropout(tape, swish(tape, in[0]), rate);
                  }}},
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

inline OpCases swish_cases() {
  OpCases op{
      .cuda_tests = {swish_case({0, 4}), swish_over_input_case({0, 4}),
                     swish_dropout_case({0, 4}, 0.5), swish_dropout_over_input_case({0, 4}, 0.5)},
      // In the feed-forward modules, and in the convolution module.
      .model = {swish_case({384, 512}), swish_case({384, 128}),
                swish_dropout_case({384, 512}, 0.2)},
      .tiny = {swish_case({6, 16}), swish_dropout_case({6, 16}, 0.2)},
      .counted = {swish_case({65536}), swish_dropout_case({65536}, 0.2)},
      .shaped = {{"swish",
                  {"rows", "channels"},
                  [](Extents e) {
                    return swish_case({e[0], e[1]});
                  }},
                 {"swish_dropout",
                  {"rows", "channels"},
                  [](Extents e) {
                    return swish_dropout_case({e[0], e[1]}, 0.2);
                  }}},
  };
  for (const std::int64_t n : {1, 2, 3, 31, 32, 33, 127, 129, 187}) {
    op.tests.push_back(swish_case({n}));
  }
  op.tests.push_back(swish_case({3, 5, 7}));
  op.tests.push_back(swish_case({256}, 40));
  op.tests.push_back(swish_over_input_case({4, 33}));
  for (const std::int64_t n : {1, 2, 3, 31, 33, 187}) {
    op.tests.push_back(swish_dropout_case({n}, 0.3));
  }
  op.tests.push_back(swish_dropout_case({3, 5, 7}, 0.9));
  op.tests.push_back(swish_dropout_case({256}, 0.2, 40));
  op.tests.push_back(swish_dropout_over_input_case({4, 33}, 0.2));
  return op;
}

}  // namespace ekgine::testing
