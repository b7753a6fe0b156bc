// Cases of global_avg_pool: see tests/cases/op_cases.h.
#pragma once

#include "tests/cases/op_cases.h"

namespace ekgine::testing {

inline KernelCase global_avg_pool_case(const Shape& x) {
  return {
      .name = "global_avg_pool " + x.text(),
      .inputs = {{.shape = x}},
      .op = [](Tape& tape, std::span<const Tensor> in) { return global_avg_pool(tape, in[0]); },
      .cudnn = CudnnRival::global_avg_pool,
  };
}

inline OpCases global_avg_pool_cases() {
  OpCases op{
      .model = {global_avg_pool_case({128, 3, 128})},  // over the beats of a sequence
      .tiny = {global_avg_pool_case({4, 3, 8})},
      .counted = {global_avg_pool_case({64, 8, 128})},
      .shaped = {{"global_avg_pool",
                  {"rows", "positions", "channels"},
                  [](Extents e) {
                    return global_avg_pool_case({e[0], e[1], e[2]});
                  }}},
  };
  for (const std::int64_t c : {1, 2, 31, 32, 33, 127, 129}) {
    op.tests.push_back(global_avg_pool_case({3, 5, c}));
  }
  op.tests.push_back(global_avg_pool_case({1, 1, 7}));
  op.tests.push_back(global_avg_pool_case({4, 9}));
  op.tests.push_back(global_avg_pool_case({2, 3, 31, 6}));
  op.tests.push_back(global_avg_pool_case({2, 1, 187, 3}));
  return op;
}

}  // namespace ekgine::testing
