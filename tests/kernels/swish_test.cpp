#include "kernels/swish.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/runtime/reserved_workspace.h"
#include "kernels/sigmoid.h"
#include "tests/cases/ops/swish.h"
#include "tests/support/op_test.h"

namespace ekgine::testing {
namespace {

TEST(Swish, GivesTheSameBitsAtAnyThreadCount) {
  expect_same_bits_at_any_thread_count(swish_cases().model.front());
}

// Output and gradient of an op in double, at op number 2 of a fixed step.
std::vector<std::vector<double>> values_and_gradients(const OpFunction& op, std::int64_t n,
                                                      bool overwrite,
                                                      std::size_t* memory = nullptr) {
  Random random(17);
  std::vector<double> x(static_cast<std::size_t>(n)), dy(x.size()), dx(x.size());
  for (double& v : x) v = 3 * random.normal();
  for (double& v : dy) v = random.normal();
  Device device = Device::cpu(DType::f64, {.activation_reserve = std::size_t{1} << 26,
                                           .workspace_reserve = std::size_t{1} << 20,
                                           .guarded = true});
  Arena::Plan plan;
  Tape tape(device, Tape::Mode::training, plan, {.seed = 77, .step = 5, .op = 2});
  Tensor in =
      tape.leaf(Tensor::view(x.data(), {n}, DType::f64), Tensor::view(dx.data(), {n}, DType::f64));
  if (overwrite) in = add_scaled(tape, in, 0, in);
  Tensor y = op(tape, std::span<const Tensor>(&in, 1));
  in = Tensor();  // the tape alone holds it, as in a model
  std::vector<std::vector<double>> result{{y.span<double>().begin(), y.span<double>().end()}};
  tape.backward(y, Tensor::view(dy.data(), {n}, DType::f64));
  result.push_back(dx);
  result.push_back({static_cast<double>(tape.next_draw())});
  y = Tensor();
  tape.finish();
  EXPECT_EQ(device.activations().faults(), 0);
  if (memory != nullptr) *memory = plan.bytes();
  return result;
}

// The composition of the two ops is the specification: same random bits, in and out of place.
TEST(SwishDropout, IsTheComposition) {
  for (const std::int64_t n : {1, 3, 4, 255, 256, 257, 20011}) {
    for (const double rate : {0.0, 0.2, 0.7}) {
      const auto expected = values_and_gradients(
          [rate](Tape& tape, std::span<const Tensor> in) {
            return dropout(tape, swish(tape, in[0]), rate);
          },
          n, false);
      for (const bool overwrite : {false, true}) {
        const auto found = values_and_gradients(
            [rate](Tape& tape, std::span<const Tensor> in) {
              return swish_dropout(tape, in[0], rate);
            },
            n, overwrite);
        for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
          ASSERT_DOUBLE_EQ(found[0][i], expected[0][i]) << "y at " << i << " of " << n;
          ASSERT_DOUBLE_EQ(found[1][i], expected[1][i]) << "dx at " << i << " of " << n;
        }
        EXPECT_EQ(found[2], expected[2]) << "random streams that were used";
        if (rate > 0 && n > 1000) {
          const auto dropped =
              static_cast<double>(std::count(found[0].begin(), found[0].end(), 0.0));
          const auto count = static_cast<double>(n);
          EXPECT_NEAR(dropped / count, rate, 4 * std::sqrt(rate * (1 - rate) / count));
        }
      }
    }
  }
}

// What the fusion is for: neither swish's output nor its gradient is kept.
TEST(SwishDropout, KeepsNothingButItsInput) {
  constexpr std::int64_t n = 1 << 15;
  std::size_t fused = 0, composed = 0;
  values_and_gradients(
      [](Tape& tape, std::span<const Tensor> in) { return swish_dropout(tape, in[0], 0.2); }, n,
      true, &fused);
  values_and_gradients(
      [](Tape& tape, std::span<const Tensor> in) { return dropout(tape, swish(tape, in[0]), 0.2); },
      n, true, &composed);
  EXPECT_LE(fused + n * sizeof(double), composed);
}

TEST(SwishDropout, IsSwishInInference) {
  const std::pair<Shape, std::vector<double>> x{{5}, {-2, -0.5, 0, 1, 3}};
  EXPECT_EQ(evaluate(Tape::Mode::inference, {x},
                     [](Tape& tape, std::span<const Tensor> in) {
                       return swish_dropout(tape, in[0], 0.5);
                     }),
            evaluate(Tape::Mode::inference, {x},
                     [](Tape& tape, std::span<const Tensor> in) { return swish(tape, in[0]); }));
}

TEST(SwishDropout, ZeroesEvenNaN) {
  ReservedWorkspace workspace(1 << 16);
  const Cpu cpu{workspace, {.seed = 1, .number = 2}};
  const kernels::Dropout drop{0.5, 3};
  const std::vector<double> x(300, std::numeric_limits<double>::quiet_NaN()), ones(300, 1);
  std::vector<double> y(300), dx(300), factor(300);
  kernels::dropout_factors(cpu.step, drop, 0, 300, factor.data());
  kernels::swish_dropout_forward(cpu, 300, drop, x.data(), y.data());
  kernels::swish_dropout_backward(cpu, 300, drop, x.data(), ones.data(),
                                  Gradient<double>{dx.data()});
  for (std::size_t i = 0; i < 300; ++i) {
    EXPECT_EQ(std::isnan(y[i]), factor[i] != 0) << i;
    EXPECT_EQ(std::isnan(dx[i]), factor[i] != 0) << i;
  }
}

TEST(SwishDropout, GivesTheSameBitsAtAnyThreadCount) {
  expect_same_bits_at_any_thread_count(swish_dropout_case({384, 512}, 0.2));
}

TEST(SwishDropout, NamesTheRateItRefuses) {
  expect_op_error(
      {{4}}, [](Tape& tape, std::span<const Tensor> in) { return swish_dropout(tape, in[0], 1); },
      "swish_dropout: dropout rate must be in [0, 1), got 1");
}

TEST(Sigmoid, TakesExponentialsInFloatToItsLastDigits) {
  for (float x = 0; x > -105; x -= 0.00391F) {
    const auto found = static_cast<double>(kernels::exp_of_negative(x));
    const double expected = std::exp(static_cast<double>(x));
    // Below the smallest normal number half of the last bit counts.
    ASSERT_NEAR(found, expected, 1e-7 * expected + 0.501 * 0x1p-149) << x;
  }
  EXPECT_EQ(kernels::exp_of_negative(0.0F), 1);
  EXPECT_EQ(kernels::exp_of_negative(-std::numeric_limits<float>::infinity()), 0);
  EXPECT_TRUE(std::isnan(kernels::exp_of_negative(std::numeric_limits<float>::quiet_NaN())));
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
  ReservedWorkspace workspace(1 << 16);
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
  ReservedWorkspace workspace(1 << 16);
  const Cpu cpu{workspace};
  std::vector<double> x = {-2, -0.5, 0, 1, 3}, dx(5);
  const std::vector<double> dy = {1, 2, 3, 4, 5};
  kernels::swish_backward(cpu, 5, x.data(), dy.data(), Gradient<double>{dx.data()});
  kernels::swish_backward(cpu, 5, x.data(), dy.data(), Gradient<double>{x.data()});
  EXPECT_EQ(x, dx);
}

}  // namespace
}  // namespace ekgine::testing
