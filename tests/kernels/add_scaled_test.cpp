#include "kernels/add_scaled.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "kernels/runtime/reserved_workspace.h"
#include "tests/cases/ops/add_scaled.h"
#include "tests/support/op_test.h"

namespace ekgine::testing {
namespace {

TEST(AddScaled, GivesTheSameBitsAtAnyThreadCount) {
  expect_same_bits_at_any_thread_count(add_scaled_cases().model.front());
}

TEST(AddScaled, AddsExactly) {
  const std::vector<double> y = evaluate(
      Tape::Mode::inference, {{{3}, {1, 2, 3}}, {{3}, {10, 20, -30}}},
      [](Tape& tape, std::span<const Tensor> in) { return add_scaled(tape, in[0], 0.5, in[1]); });
  EXPECT_EQ(y, (std::vector<double>{6, 12, -12}));
}

TEST(AddScaled, NamesTheShapesItRefuses) {
  expect_op_error(
      {{2, 3}, {3, 2}},
      [](Tape& tape, std::span<const Tensor> in) { return add_scaled(tape, in[0], 1, in[1]); },
      "add_scaled: b must be the shape of a=(2,3), got (3,2)");
}

TEST(Scale, AssignsOrAddsAndDoesNothingUnasked) {
  ReservedWorkspace workspace(1 << 16);
  const Cpu cpu{workspace};
  const std::vector<float> x = {1, -2, 3};
  std::vector<float> y(3, std::numeric_limits<float>::quiet_NaN());
  kernels::scale(cpu, 3, 2.0F, x.data(), Gradient<float>{y.data(), false});
  EXPECT_EQ(y, (std::vector<float>{2, -4, 6}));
  kernels::scale(cpu, 3, 0.5F, x.data(), Gradient<float>{y.data(), true});
  EXPECT_EQ(y, (std::vector<float>{2.5, -5, 7.5}));
  kernels::scale(cpu, 3, 1.0F, x.data(), Gradient<float>{});
}

}  // namespace
}  // namespace ekgine::testing
