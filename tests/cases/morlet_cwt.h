// Cases of morlet_cwt: see tests/support/kernel_case.h.
#pragma once

#include "kernels/morlet_cwt.h"
#include "tests/support/kernel_case.h"

namespace ekgine::testing {

inline KernelCase morlet_cwt_case(std::int64_t signals, std::int64_t length, std::int64_t scales) {
  const auto constant = [](Shape shape, std::function<double(Random&)> draw = {}) {
    return KernelInput{
        .shape = shape, .differentiable = false, .draw = std::move(draw), .parameter = true};
  };
  return {
      .name = "morlet_cwt " + Shape{signals, scales, length}.text(),
      .inputs = {constant({signals, length}), constant({length}),
                 constant({length}, [](Random& random) { return random.uniform(0.5, 2); })},
      .op =
          [scales](Tape& tape, std::span<const Tensor> in) {
            return morlet_cwt(tape, in[0], scales, in[1], in[2]);
          },
      .forward = kernels::morlet_cwt_cost({signals, length, scales}, sizeof(float)),
  };
}

inline std::vector<KernelCase> morlet_cwt_cases() {
  std::vector<KernelCase> cases;
  for (const std::int64_t length : {1, 2, 3, 31, 32, 33, 127, 129, 187}) {
    cases.push_back(morlet_cwt_case(3, length, 5));
  }
  cases.push_back(morlet_cwt_case(1, 17, 1));
  cases.push_back(morlet_cwt_case(65, 8, 32));
  cases.push_back(morlet_cwt_case(129, 7, 2));
  // Long ones, which CUDA transforms; the filters are shorter than the signals, and longer.
  cases.push_back(morlet_cwt_case(3, 300, 2));
  cases.push_back(morlet_cwt_case(2, 300, 40));
  return cases;
}

// What Main_Model does at batch 128.
inline std::vector<KernelCase> morlet_cwt_model_cases() {
  return {morlet_cwt_case(384, 187, 32)};
}

}  // namespace ekgine::testing
