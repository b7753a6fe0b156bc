#include "kernels/swish.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/sigmoid.h"
#include "tests/cases/swish.h"
#include "tests/support/op_test.h"

namespace ekgine::testing {
namespace {

TEST(Swish, Kernel) {
  expect_no_faults(swish_cases());
}

TEST(Swish, GivesTheSameBitsAtAnyThreadCount) {
  expect_same_bits_at_any_thread_count(swish_model_cases().front());
}

// Both tails to the last digits: the naive 1/(1 + e^−x) overflows, its complement cancels.
TEST(Sigmoid, KeepsItsRelativeAccuracyInTheTails) {
  for (const double x : {0.0, 1e-8, 0.5, 3.0, 20.0, 37.0, 80.0, 87.0}) {
    const long double e = std::exp(-static_cast<long double>(x));
    const auto large = static_cast<double>(1 / (1 + e)), small = static_cast<double>(e / (1 + e));
    for (const bool negative : {false, true}) {
      const kernels::Sigmoid<double> found = kernels::sigmoid(negative ? -x : x);
      EXPECT_NEAR(found.value / (negative ? small : large), 1, 4e-16) << x;
      EXPECT_NEAR(found.complement / (negative ? large : small), 1, 4e-16) << x;
      const auto single = kernels::sigmoid(static_cast<float>(negative ? -x : x));
      // x itself is rounded to float first, which the exponential multiplies by |x|.
      const double tolerance = 2e-7 * std::max(1.0, std::abs(x));
      EXPECT_NEAR(single.value / (negative ? small : large), 1, tolerance) << x;
      EXPECT_NEAR(single.complement / (negative ? large : small), 1, tolerance) << x;
    }
  }
}

TEST(Swish, IsFiniteForEveryFiniteInputAndKeepsNaN) {
  Workspace workspace(1 << 16);
  const Cpu cpu{workspace};
  constexpr float huge = std::numeric_limits<float>::max();
  const std::vector<float> x = {-huge, -1000, -90,  0,
                                90,    1000,  huge, std::numeric_limits<float>::quiet_NaN()};
  const std::vector<float> dy(x.size(), 1);
  std::vector<float> y(x.size()), dx(x.size());
  kernels::swish_forward(cpu, 8, x.data(), y.data());
  kernels::swish_backward(cpu, 8, x.data(), dy.data(), Gradient<float>{dx.data()});
  const std::vector<float> expected_y = {0, 0, -90 * std::exp(-90.0F), 0, 90, 1000, huge};
  const std::vector<float> expected_dx = {0, 0, -89 * std::exp(-90.0F), 0.5, 1, 1, 1};
  for (std::size_t i = 0; i < 7; ++i) {
    EXPECT_FLOAT_EQ(y[i], expected_y[i]) << x[i];
    EXPECT_FLOAT_EQ(dx[i], expected_dx[i]) << x[i];
  }
  EXPECT_TRUE(std::isnan(y[7]));
  EXPECT_TRUE(std::isnan(dx[7]));
}

TEST(Swish, WritesItsGradientOverItsInput) {
  Workspace workspace(1 << 16);
  const Cpu cpu{workspace};
  std::vector<double> x = {-2, -0.5, 0, 1, 3}, dx(5);
  const std::vector<double> dy = {1, 2, 3, 4, 5};
  kernels::swish_backward(cpu, 5, x.data(), dy.data(), Gradient<double>{dx.data()});
  kernels::swish_backward(cpu, 5, x.data(), dy.data(), Gradient<double>{x.data()});
  EXPECT_EQ(x, dx);
}

}  // namespace
}  // namespace ekgine::testing
