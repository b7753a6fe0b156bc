// Cases of softmax_cross_entropy and softmax: see tests/cases/op_cases.h.
#pragma once

#include <algorithm>

#include "tests/cases/op_cases.h"

namespace ekgine::testing {

inline KernelCase softmax_cross_entropy_case(std::int64_t rows, std::int64_t classes,
                                             double offset = 0, double deviation = 1) {
  Random random(0x50F7);
  std::vector<std::int32_t> labels(static_cast<std::size_t>(rows));
  std::generate(labels.begin(), labels.end(),
                [&] { return static_cast<std::int32_t>(random.integer(0, classes - 1)); });
  return {
      .name = "softmax_cross_entropy " + Shape{rows, classes}.text() +
              (offset != 0 ? " far from zero" : "") + (deviation != 1 ? " spread" : ""),
      .inputs = {{.shape = {rows, classes}, .draw = normal(offset, deviation)},
                 {.shape = {rows}, .integers = labels},
                 {.shape = {classes},
                  .differentiable = false,
                  .draw = [](Random& r) { return r.uniform(0.25, 4); },
                  .parameter = true}},
      .op =
          [](Tape& tape, std::span<const Tensor> in) {
            return softmax_cross_entropy(tape, in[0], in[1], in[2]).loss;
          },
      // The difference z − max is exact to half a unit of its own size, which is exponentiated.
      .float_tolerance = deviation > 1 ? 2e-5 : 4e-6,
  };
}

inline KernelCase softmax_case(const Shape& shape, double offset = 0) {
  return {
      .name = "softmax " + shape.text() + (offset != 0 ? " far from zero" : ""),
      .inputs = {{.shape = shape, .differentiable = false, .draw = normal(offset, 1)}},
      .op = [](Tape& tape, std::span<const Tensor> in) { return softmax(tape, in[0]); },
  };
}

inline OpCases softmax_cross_entropy_cases() {
  OpCases op{
      // Losses of many rows are added up by another kernel there.
      .cuda_tests = {softmax_case({0, 5}), softmax_cross_entropy_case(512, 5),
                     softmax_cross_entropy_case(513, 5), softmax_cross_entropy_case(600, 9)},
      .model = {softmax_cross_entropy_case(128, 5), softmax_case({128, 5})},
      .tiny = {softmax_cross_entropy_case(6, 5), softmax_case({6, 5})},
      .counted = {softmax_cross_entropy_case(1024, 5), softmax_case({1024, 5})},
      .shaped = {{"softmax_cross_entropy",
                  {"rows", "classes"},
                  [](Extents e) { return softmax_cross_entropy_case(e[0], e[1]); }},
                 {"softmax",
                  {"rows", "classes"},
                  [](Extents e) {
                    return softmax_case({e[0], e[1]});
                  }}},
  };
  for (const std::int64_t rows : {1, 2, 3, 33}) {
    for (const std::int64_t classes : {2, 3, 5, 31, 32, 33, 127, 129}) {
      op.tests.push_back(softmax_cross_entropy_case(rows, classes));
    }
  }
  op.tests.push_back(softmax_cross_entropy_case(187, 5));
  op.tests.push_back(softmax_cross_entropy_case(7, 5, 1000));
  op.tests.push_back(softmax_cross_entropy_case(7, 5, 0, 10));
  for (const std::int64_t classes : {1, 2, 3, 5, 31, 32, 33, 127, 129, 187}) {
    op.tests.push_back(softmax_case({3, 2, classes}));
  }
  op.tests.push_back(softmax_case({187, 5}));
  op.tests.push_back(softmax_case({7, 5}, 1000));
  return op;
}

}  // namespace ekgine::testing
