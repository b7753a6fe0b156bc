#include "kernels/glu.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/runtime/reserved_workspace.h"
#include "tests/cases/ops/glu.h"
#include "tests/support/op_test.h"

namespace ekgine::testing {
namespace {

TEST(Glu, GivesTheSameBitsAtAnyThreadCount) {
  expect_same_bits_at_any_thread_count(glu_cases().model.front());
}

// The other way round (second half × σ(first half)) is a plausible mistake.
TEST(Glu, GatesTheFirstHalfByTheSecond) {
  const std::vector<double> y =
      evaluate(Tape::Mode::inference, {{{2, 4}, {3, 5, 0, 2, -7, 1, 100, -100}}},
               [](Tape& tape, std::span<const Tensor> in) { return glu(tape, in[0]); });
  ASSERT_EQ(y.size(), 4U);
  EXPECT_DOUBLE_EQ(y[0], 1.5);
  EXPECT_DOUBLE_EQ(y[1], 5 / (1 + std::exp(-2.0)));
  EXPECT_DOUBLE_EQ(y[2], -7);
  EXPECT_DOUBLE_EQ(y[3], std::exp(-100.0));
}

TEST(Glu, WritesItsGradientOverItsInput) {
  ReservedWorkspace workspace(1 << 16);
  const Cpu cpu{workspace};
  std::vector<double> x = {-2, 0.5, 1.5, 1, 3, -4}, dx(6);
  const std::vector<double> dy = {1, 2, 3};
  kernels::glu_backward(cpu, {1, 3}, x.data(), dy.data(), Gradient<double>{dx.data()});
  kernels::glu_backward(cpu, {1, 3}, x.data(), dy.data(), Gradient<double>{x.data()});
  EXPECT_EQ(x, dx);
}

TEST(Glu, NamesTheShapeItRefuses) {
  expect_op_error(
      {{2, 5}}, [](Tape& tape, std::span<const Tensor> in) { return glu(tape, in[0]); },
      "glu: x must be (...,2C), got (2,5)");
}

}  // namespace
}  // namespace ekgine::testing
