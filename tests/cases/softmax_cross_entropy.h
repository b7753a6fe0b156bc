// Cases of softmax_cross_entropy: see tests/support/kernel_case.h.
#pragma once

#include <algorithm>

#include "kernels/softmax_cross_entropy.h"
#include "tests/support/kernel_case.h"

namespace ekgine::testing {

inline KernelCase softmax_cross_entropy_case(std::int64_t rows, std::int64_t classes,
                                             double offset = 0, double deviation = 1) {
  const kernels::SoftmaxShape s{rows, classes};
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
      .forward = kernels::softmax_cross_entropy_forward_cost(s, sizeof(float)),
      .backward = kernels::softmax_cross_entropy_backward_cost(s, sizeof(float)),
  };
}

inline std::vector<KernelCase> softmax_cross_entropy_cases() {
  std::vector<KernelCase> cases;
  for (const std::int64_t rows : {1, 2, 3, 33}) {
    for (const std::int64_t classes : {2, 3, 5, 31, 32, 33, 127, 129}) {
      cases.push_back(softmax_cross_entropy_case(rows, classes));
    }
  }
  cases.push_back(softmax_cross_entropy_case(187, 5));
  cases.push_back(softmax_cross_entropy_case(7, 5, 1000));
  cases.push_back(softmax_cross_entropy_case(7, 5, 0, 10));
  return cases;
}

// What Main_Model does at batch 128.
inline std::vector<KernelCase> softmax_cross_entropy_model_cases() {
  return {softmax_cross_entropy_case(128, 5)};
}

inline KernelCase softmax_case(const Shape& shape, double offset = 0) {
  const kernels::SoftmaxShape s{shape.rows(), shape[-1]};
  return {
      .name = "softmax " + shape.text() + (offset != 0 ? " far from zero" : ""),
      .inputs = {{.shape = shape, .differentiable = false, .draw = normal(offset, 1)}},
      .op = [](Tape& tape, std::span<const Tensor> in) { return softmax(tape, in[0]); },
      .forward = kernels::softmax_cost(s, sizeof(float)),
  };
}

inline std::vector<KernelCase> softmax_cases() {
  std::vector<KernelCase> cases;
  for (const std::int64_t classes : {1, 2, 3, 5, 31, 32, 33, 127, 129, 187}) {
    cases.push_back(softmax_case({3, 2, classes}));
  }
  cases.push_back(softmax_case({187, 5}));
  cases.push_back(softmax_case({7, 5}, 1000));
  return cases;
}

inline std::vector<KernelCase> softmax_model_cases() {
  return {softmax_case({128, 5})};
}

}  // namespace ekgine::testing
