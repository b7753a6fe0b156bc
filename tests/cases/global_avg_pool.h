// Cases of global_avg_pool: see tests/support/kernel_case.h.
#pragma once

#include "kernels/global_avg_pool.h"
#include "tests/support/kernel_case.h"

namespace ekgine::testing {

inline KernelCase global_avg_pool_case(const Shape& x) {
  const kernels::GlobalAvgPoolShape s{x[0], x.size() / (x[0] * x[-1]), x[-1]};
  return {
      .name = "global_avg_pool " + x.text(),
      .inputs = {{.shape = x}},
      .op = [](Tape& tape, std::span<const Tensor> in) { return global_avg_pool(tape, in[0]); },
      .forward = kernels::global_avg_pool_cost(s, sizeof(float)),
      .backward = kernels::global_avg_pool_cost(s, sizeof(float)),
  };
}

inline std::vector<KernelCase> global_avg_pool_cases() {
  std::vector<KernelCase> cases;
  for (const std::int64_t c : {1, 2, 31, 32, 33, 127, 129}) {
    cases.push_back(global_avg_pool_case({3, 5, c}));
  }
  cases.push_back(global_avg_pool_case({1, 1, 7}));
  cases.push_back(global_avg_pool_case({4, 9}));
  cases.push_back(global_avg_pool_case({2, 3, 31, 6}));
  cases.push_back(global_avg_pool_case({2, 1, 187, 3}));
  return cases;
}

// What Main_Model does at batch 128: the mean over the beats of a sequence.
inline std::vector<KernelCase> global_avg_pool_model_cases() {
  return {global_avg_pool_case({128, 3, 128})};
}

}  // namespace ekgine::testing
