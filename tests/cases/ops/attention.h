// Cases of attention: see tests/cases/op_cases.h.
#pragma once

#include <fmt/format.h>

#include "tests/cases/op_cases.h"

namespace ekgine::testing {

inline KernelCase attention_case(std::int64_t sequences, std::int64_t positions, std::int64_t heads,
                                 std::int64_t width, double dropout = 0, double deviation = 1) {
  const Shape shape{sequences, positions, heads, width};
  return {
      .name = "attention " + shape.text() +
              (dropout != 0 ? fmt::format(" dropout {}", dropout) : "") +
              (deviation != 1 ? fmt::format(" deviation {}", deviation) : ""),
      .inputs = {{.shape = shape, .draw = normal(0, deviation)},
                 {.shape = shape, .draw = normal(0, deviation)},
                 {.shape = shape}},
      .op =
          [dropout](Tape& tape, std::span<const Tensor> in) {
            return attention(tape, in[0], in[1], in[2], dropout);
          },
      // Rounding errors of the scores grow with the scores and are exponentiated. With a single
      // position softmax is constant: the gradient of query and key is 0 but for rounding.
      .float_tolerance = deviation > 1    ? 1e-4
                         : positions == 1 ? 4e-5
                                          : 8e-6,
      // ds = p·(dp − delta) is a difference of sums of rounded y and dy, smaller than either.
      .bfloat16_tolerance = 0x1p-6,
      .random = dropout != 0,
      .products = true,
      // With a single position gradients are what rounding leaves: there is nothing to compare.
      .composed = positions > 1 ? ComposedRival::attention : ComposedRival::none,
      .dropout = dropout,
  };
}

inline OpCases attention_cases() {
  OpCases op{
      .cuda_tests = {attention_case(0, 3, 2, 4, 0.2), attention_case(0, 9, 2, 4, 0.2),
                     attention_case(1, 1024, 1, 4, 0.1)},  // as many positions as are promised
      // Main_Model's blocks; then many positions.
      .model = {attention_case(128, 3, 8, 128, 0.2), attention_case(8, 128, 8, 128, 0.2),
                attention_case(2, 512, 8, 128, 0.2), attention_case(1, 1024, 8, 128, 0.2)},
      // Few positions and many; more heads than sequences, and fewer.
      .tiny = {attention_case(2, 3, 3, 8, 0.2), attention_case(3, 13, 2, 8, 0.2)},
      .counted = {attention_case(8, 3, 8, 128, 0.2), attention_case(1, 128, 2, 64, 0.2)},
      .shaped = {{"attention",
                  {"sequences", "positions", "heads", "width"},
                  [](Extents e) { return attention_case(e[0], e[1], e[2], e[3], 0.2); }}},
  };
  for (const std::int64_t positions : {1, 2, 3, 31, 32, 33}) {
    op.tests.push_back(attention_case(2, positions, 3, 5));
  }
  for (const std::int64_t width : {1, 2, 3, 31, 32, 33, 127, 129}) {
    op.tests.push_back(attention_case(1, 3, 2, width));
  }
  op.tests.back().cuda_error =
      "attention: on CUDA D must be at most 128; query is (N,T,H,D)=(1,3,2,129)";
  op.tests.push_back(attention_case(1, 3, 2, 128));
  op.tests.push_back(attention_case(1, 129, 1, 7));  // several tiles of keys and queries, ragged
  op.tests.push_back(attention_case(1, 187, 1, 4, 0.2));
  // CUDA's tiles of 32 and 64 positions, for every width that it rounds up to.
  op.tests.push_back(attention_case(2, 9, 2, 33, 0.2));
  op.tests.push_back(attention_case(1, 41, 2, 64, 0.3));
  op.tests.push_back(attention_case(1, 65, 1, 128, 0.2));
  op.tests.push_back(attention_case(3, 3, 2, 16, 0.2));
  op.tests.push_back(attention_case(2, 7, 3, 4, 0.75));
  op.tests.push_back(attention_case(2, 5, 1, 8, 0, 3));
  return op;
}

}  // namespace ekgine::testing
