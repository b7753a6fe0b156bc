// Cases of batch_norm_relu_max_pool2d and batch_norm_relu_global_avg_pool: see
// tests/cases/op_cases.h.
#pragma once

#include "kernels/batch_norm_relu_pool.h"
#include "tests/cases/op_cases.h"
#include "tests/cases/ops/batch_norm.h"

namespace ekgine::testing {

enum class Pool { max, average };

inline KernelCase batch_norm_relu_pool_case(Pool pool, kernels::BatchNormReluPoolShape s,
                                            double offset = 0) {
  const Shape x{s.n, s.h, s.w, s.c};
  const bool max = pool == Pool::max;
  std::vector<KernelInput> inputs = batch_norm_inputs(x, offset);
  inputs[0].image = true;
  inputs[2].draw = normal(1, 0.3);  // most of the outputs are positive
  return {
      .name = (max ? "batch_norm_relu_max_pool2d " : "batch_norm_relu_global_avg_pool ") +
              x.text() + (offset != 0 ? " far from zero" : ""),
      .inputs = std::move(inputs),
      .op =
          [max](Tape& tape, std::span<const Tensor> in) {
            return max ? batch_norm_relu_max_pool2d(tape, in[0], batch_norm_of(in))
                       : batch_norm_relu_global_avg_pool(tape, in[0], batch_norm_of(in));
          },
      .float_tolerance = offset != 0            ? 1e-3
                         : s.n * s.h * s.w <= 4 ? 1e-4
                                                : 4e-6,
      .rivals = {{max ? "composition: batch_norm, relu, max_pool2d"
                      : "composition: batch_norm, relu, global_avg_pool",
                  [max](Tape& tape, std::span<const Tensor> in) {
                    const Tensor y = relu(tape, batch_norm(tape, in[0], batch_norm_of(in)));
                    return max ? max_pool2d(tape, y) : global_avg_pool(tape, y);
                  }}},
      .cudnn = max ? CudnnRival::batch_norm_relu_max_pool2d
                   : CudnnRival::batch_norm_relu_global_avg_pool,
  };
}

inline OpCases batch_norm_relu_pool_cases() {
  OpCases op{
      // The three convolution stages.
      .model = {batch_norm_relu_pool_case(Pool::max, {384, 32, 187, 32}),
                batch_norm_relu_pool_case(Pool::max, {384, 16, 93, 64}),
                batch_norm_relu_pool_case(Pool::average, {384, 8, 46, 128})},
      .tiny = {batch_norm_relu_pool_case(Pool::max, {2, 4, 6, 8}),
               batch_norm_relu_pool_case(Pool::average, {2, 2, 3, 8})},
      .counted = {batch_norm_relu_pool_case(Pool::max, {4, 32, 187, 32}),
                  batch_norm_relu_pool_case(Pool::average, {4, 8, 46, 128})},
      .shaped = {{"batch_norm_relu_max_pool2d",
                  {"images", "height", "width", "channels"},
                  [](Extents e) {
                    return batch_norm_relu_pool_case(Pool::max, {e[0], e[1], e[2], e[3]});
                  }},
                 {"batch_norm_relu_global_avg_pool",
                  {"images", "height", "width", "channels"},
                  [](Extents e) {
                    return batch_norm_relu_pool_case(Pool::average, {e[0], e[1], e[2], e[3]});
                  }}},
  };
  for (const Pool pool : {Pool::max, Pool::average}) {
    const auto add = [&](std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c,
                         double offset = 0) {
      op.tests.push_back(batch_norm_relu_pool_case(pool, {n, h, w, c}, offset));
    };
    for (const std::int64_t c : {1, 2, 31, 32, 33, 64}) add(2, 4, 6, c);
    // Odd heights and widths: the last row or column is in no window.
    add(1, 2, 2, 3);
    add(2, 3, 3, 2);
    add(3, 2, 5, 17);
    add(1, 5, 4, 32);
    add(1, 31, 3, 2);
    add(1, 2, 187, 1);
    // Few elements: one whose v is next to 0 in double may lie on the other side in float.
    add(2, 4, 6, 4, 1000);
  }
  return op;
}

}  // namespace ekgine::testing
