#include "kernels/batch_norm_relu_pool.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/runtime/reserved_workspace.h"
#include "tests/cases/ops/batch_norm_relu_pool.h"
#include "tests/support/double_step.h"
#include "tests/support/op_test.h"

namespace ekgine::testing {
namespace {

TEST(BatchNormReluPool, AccumulatesInBfloat16) {
  const kernels::BatchNormReluPoolShape s{2, 3, 5, 33};
  Random random(4);
  const auto draw = [&](std::int64_t n) {
    std::vector<bfloat16> values(static_cast<std::size_t>(n));
    for (bfloat16& v : values) v = bfloat16(static_cast<float>(random.normal()));
    return values;
  };
  const std::vector<bfloat16> x = draw(s.n * s.h * s.w * s.c), dy = draw(s.n * 1 * 2 * s.c);
  const std::vector<float> mean(33, 0.1F), rstd(33, 0.9F), weight(33, 1.2F), bias(33, 0.3F);
  ReservedWorkspace workspace(std::size_t{1} << 28);
  expect_accumulates_in_bfloat16(s.n * s.h * s.w * s.c, [&](Gradient<bfloat16> dx) {
    kernels::batch_norm_relu_max_pool2d_backward(Cpu{workspace}, s, x.data(), mean.data(),
                                                 rstd.data(), weight.data(), bias.data(), dy.data(),
                                                 dx, Gradient<float>(), Gradient<float>());
  });
}

// Records op on x (or on a copy made by another op, which backward may overwrite).
Arrays step(const Shape& shape, const OpFunction& op, bool overwrite, const Change& change = {},
            std::size_t* memory = nullptr) {
  const OpFunction copying = [&](Tape& tape, std::span<const Tensor> in) {
    std::vector<Tensor> copied(in.begin(), in.end());
    copied[0] = add_scaled(tape, in[0], 0, in[0]);
    return op(tape, copied);
  };
  return double_step(batch_norm_inputs(shape), overwrite ? copying : op, change, memory);
}

void expect_equal(const Arrays& found, const Arrays& expected, const std::string& what) {
  testing::expect_equal(found, expected,
                        {"output", "dx", "dweight", "dbias", "running_mean", "running_variance"},
                        what);
}

Tensor fused(Pool pool, Tape& tape, std::span<const Tensor> in) {
  return pool == Pool::max ? batch_norm_relu_max_pool2d(tape, in[0], batch_norm_of(in))
                           : batch_norm_relu_global_avg_pool(tape, in[0], batch_norm_of(in));
}

Tensor composed(Pool pool, Tape& tape, std::span<const Tensor> in) {
  const Tensor y = relu(tape, batch_norm(tape, in[0], batch_norm_of(in)));
  return pool == Pool::max ? max_pool2d(tape, y) : global_avg_pool(tape, y);
}

OpFunction bind(Tensor (*op)(Pool, Tape&, std::span<const Tensor>), Pool pool) {
  return [=](Tape& tape, std::span<const Tensor> in) { return op(pool, tape, in); };
}

// The composition of the three ops is the specification, in and out of place.
TEST(BatchNormReluPool, IsTheComposition) {
  for (const Pool pool : {Pool::max, Pool::average}) {
    for (const Shape& shape :
         {Shape{2, 4, 6, 3}, Shape{3, 5, 7, 32}, Shape{1, 31, 33, 5}, Shape{2, 2, 187, 40}}) {
      const std::string what = shape.text() + (pool == Pool::max ? " max" : " average");
      const Arrays expected = step(shape, bind(composed, pool), false);
      expect_equal(step(shape, bind(fused, pool), false), expected, what);
      expect_equal(step(shape, bind(fused, pool), true), expected, what + " in place");
    }
  }
}

// Equal maxima: the first takes the gradient. Coarse values make ties in most windows.
TEST(BatchNormReluPool, BreaksTiesAsTheComposition) {
  const auto coarse = [](std::vector<double>& x) {
    for (double& v : x) v = std::round(v);
  };
  const Shape shape{2, 6, 9, 33};
  expect_equal(step(shape, bind(fused, Pool::max), true, coarse),
               step(shape, bind(composed, Pool::max), false, coarse), "ties");
}

// The gradient of x takes the memory of x: activations are largest here.
TEST(BatchNormReluPool, OverwritesItsInputInBackward) {
  for (const Pool pool : {Pool::max, Pool::average}) {
    std::size_t in_place = 0, copied = 0;
    step({8, 16, 16, 32}, bind(fused, pool), true, {}, &in_place);
    step({8, 16, 16, 32}, bind(composed, pool), true, {}, &copied);
    const std::size_t x_bytes = std::size_t{8} * 16 * 16 * 32 * sizeof(double);
    EXPECT_LT(in_place, x_bytes * 3 / 2);
    EXPECT_GT(copied, x_bytes * 2) << "the comparison shows nothing";
  }
}

// Parts of the work differ with the number of threads; nothing but rounding may.
TEST(BatchNormReluPool, IsTheSameForAnyNumberOfThreads) {
  const Shape shape{5, 14, 22, 40};
  const int threads = thread_count();
  for (const Pool pool : {Pool::max, Pool::average}) {
    set_thread_count(1);
    const Arrays expected = step(shape, bind(fused, pool), true);
    for (const int n : {2, 3, 7}) {
      set_thread_count(n);
      expect_equal(step(shape, bind(fused, pool), true), expected, fmt::format("{} threads", n));
    }
  }
  set_thread_count(threads);
}

TEST(BatchNormReluPool, NamesTheShapesItRefuses) {
  expect_op_error({{2, 4, 6}, {6}, {6}, {6}, {6}}, bind(fused, Pool::max),
                  "batch_norm_relu_max_pool2d: x must be (N,H,W,C) with at least one element, got "
                  "(2,4,6)");
  expect_op_error({{0, 4, 6, 2}, {2}, {2}, {2}, {2}}, bind(fused, Pool::average),
                  "batch_norm_relu_global_avg_pool: x must be (N,H,W,C) with at least one element, "
                  "got (0,4,6,2)");
  expect_op_error({{2, 4, 6, 3}, {3}, {3}, {3}, {2}}, bind(fused, Pool::max),
                  "batch_norm_relu_max_pool2d: running_variance must be (C)=(3), got (2); x is "
                  "(...,C)=(2,4,6,3)");
  expect_op_error({{2, 4, 6, 3}, {3}, {4}, {3}, {3}}, bind(fused, Pool::average),
                  "batch_norm_relu_global_avg_pool: bias must be (C)=(3), got (4); x is "
                  "(...,C)=(2,4,6,3)");
}

}  // namespace
}  // namespace ekgine::testing
