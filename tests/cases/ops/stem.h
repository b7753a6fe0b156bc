// Cases of stem: see tests/cases/op_cases.h.
#pragma once

#include "kernels/stem.h"
#include "tests/cases/op_cases.h"
#include "tests/cases/ops/batch_norm.h"

namespace ekgine::testing {

// x, the kernel, and the inputs of its batch normalisation.
inline std::vector<KernelInput> stem_inputs(kernels::StemShape s, double offset = 0) {
  std::vector<KernelInput> inputs = batch_norm_inputs({s.c});
  inputs[0] = {.shape = {3, 3, 1, s.c}, .parameter = true};
  inputs[2].draw = normal(1, 0.3);  // most of the outputs are positive
  inputs.insert(inputs.begin(), {.shape = {s.n, s.h, s.w, 1},
                                 .differentiable = false,
                                 .draw = normal(offset, 1),
                                 .image = true});
  return inputs;
}

inline Tensor stem_of(Tape& tape, std::span<const Tensor> in) {
  return stem(tape, in[0], in[1], batch_norm_of(in.subspan(1)));
}

// The specification.
inline Tensor composed_stem(Tape& tape, std::span<const Tensor> in) {
  return batch_norm_relu_max_pool2d(tape, conv2d(tape, in[0], in[1]), batch_norm_of(in.subspan(1)));
}

inline KernelCase stem_case(kernels::StemShape s, double offset = 0) {
  return {
      .name = "stem " + Shape{s.n, s.h, s.w, 1}.text() + " to " + std::to_string(s.c) +
              (offset != 0 ? " far from zero" : ""),
      .inputs = stem_inputs(s, offset),
      .op = stem_of,
      .float_tolerance = offset != 0 ? 1e-3 : 4e-6,
      .rivals = {{"composition: conv2d, batch_norm_relu_max_pool2d", composed_stem}},
  };
}

// Equal maxima: the first takes the gradient. Most weights are zeros, so that patches which differ
// give the same sum, and which of them was taken shows in the kernel's gradient.
inline KernelCase stem_ties_case(kernels::StemShape s) {
  KernelCase c = stem_case(s);
  c.name += " with ties";
  c.inputs[0].draw = [](Random& random) { return random.uniform(0, 1) < 0.5 ? 0.0 : 1.0; };
  c.inputs[1].draw = [](Random& random) {
    const bool zero = random.uniform(0, 1) < 0.7;
    const double weight = random.normal();
    return zero ? 0 : weight;
  };
  return c;
}

inline OpCases stem_cases() {
  OpCases op{
      // More than a tile of windows both ways, than a block's channels, than two parts of the sums.
      .cuda_tests = {stem_case({3, 19, 150, 5}), stem_case({1, 4, 70, 70}),
                     stem_case({40, 12, 9, 3}),
                     // Without a window, but with statistics.
                     stem_case({3, 1, 6, 4}), stem_case({3, 6, 1, 4}),
                     stem_ties_case({2, 8, 12, 33})},
      .model = {stem_case({384, 32, 187, 32})},
      .tiny = {stem_case({2, 4, 6, 8})},
      .counted = {stem_case({8, 32, 187, 32})},
      .shaped = {{"stem",
                  {"images", "height", "width", "filters"},
                  [](Extents e) {
                    return stem_case({e[0], e[1], e[2], e[3]});
                  }}},
  };
  for (const std::int64_t c : {1, 2, 31, 32, 33}) op.tests.push_back(stem_case({2, 4, 6, c}));
  // Odd heights and widths: the last row or column is in no window, but in the statistics.
  op.tests.push_back(stem_case({2, 3, 3, 2}));
  op.tests.push_back(stem_case({3, 2, 5, 17}));
  op.tests.push_back(stem_case({1, 5, 4, 32}));
  op.tests.push_back(stem_case({1, 31, 3, 2}));
  op.tests.push_back(stem_case({1, 2, 187, 1}));
  op.tests.push_back(stem_case({2, 32, 187, 3}));
  op.tests.push_back(stem_case({2, 4, 6, 4}, 1000));
  return op;
}

}  // namespace ekgine::testing
