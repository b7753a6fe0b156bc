#include "kernels/batch_norm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/runtime/reserved_workspace.h"
#include "tests/cases/ops/batch_norm.h"
#include "tests/support/op_test.h"

namespace ekgine::testing {
namespace {

using ::testing::Each;
using ::testing::IsNan;

template <class T>
struct Statistics {
  std::vector<T> mean, rstd, running_mean, running_variance;
};

template <class T>
Statistics<T> statistics(kernels::BatchNormShape s, T epsilon, T momentum,
                         const std::vector<T>& x) {
  ReservedWorkspace workspace(1 << 24);
  const auto channels = static_cast<std::size_t>(s.channels);
  Statistics<T> found{std::vector<T>(channels, T(NAN)), std::vector<T>(channels, T(NAN)),
                      std::vector<T>(channels, T(10)), std::vector<T>(channels, T(20))};
  kernels::batch_norm_statistics(Cpu{workspace}, s, epsilon, momentum, x.data(), found.mean.data(),
                                 found.rstd.data(), found.running_mean.data(),
                                 found.running_variance.data());
  return found;
}

// Two passes in extended precision, over numbers of rows that fill blocks and threads and do not.
TEST(BatchNorm, StatisticsAreExactFarFromZero) {
  for (const std::int64_t channels : {1, 5, 32, 70}) {
    for (const std::int64_t rows : {1, 2, 127, 128, 129, 513, 6000}) {
      for (const double offset : {0.0, 1e3, -1e5}) {
        Random random(11);
        std::vector<float> x(static_cast<std::size_t>(rows * channels));
        for (float& v : x) v = static_cast<float>(offset + random.normal());
        const auto found = statistics<float>({rows, channels}, 1e-3F, 0.5F, x);
        for (std::int64_t c = 0; c < channels; ++c) {
          long double sum = 0, squares = 0;
          for (std::int64_t r = 0; r < rows; ++r)
            sum += x[static_cast<std::size_t>(r * channels + c)];
          const long double mean = sum / rows;
          for (std::int64_t r = 0; r < rows; ++r) {
            const long double d = x[static_cast<std::size_t>(r * channels + c)] - mean;
            squares += d * d;
          }
          const auto variance = static_cast<double>(squares / rows);
          const auto i = static_cast<std::size_t>(c);
          const std::string where =
              fmt::format("channel {} of ({},{}) around {}", c, rows, channels, offset);
          // One rounding of the mean is half of the 24th bit.
          EXPECT_NEAR(found.mean[i], static_cast<double>(mean), 1e-7 * (1 + std::abs(offset)))
              << where;
          EXPECT_NEAR(found.rstd[i] * std::sqrt(variance + 1e-3), 1, 1e-6 + 2e-8 * std::abs(offset))
              << where;
          EXPECT_NEAR(found.running_mean[i], 0.5 * 10 + 0.5 * static_cast<double>(mean),
                      1e-6 * (1 + std::abs(offset)))
              << where;
          EXPECT_NEAR(found.running_variance[i], 0.5 * 20 + 0.5 * variance, 2e-5) << where;
        }
      }
    }
  }
}

TEST(BatchNorm, RunningStatisticsMoveByTheMomentum) {
  // Mean 3 and biased variance 4.
  const auto found = statistics<double>({4, 1}, 0.0, 0.9, {1, 5, 1, 5});
  EXPECT_DOUBLE_EQ(found.mean[0], 3);
  EXPECT_DOUBLE_EQ(found.rstd[0], 0.5);
  EXPECT_DOUBLE_EQ(found.running_mean[0], 0.9 * 10 + 0.1 * 3);
  EXPECT_DOUBLE_EQ(found.running_variance[0], 0.9 * 20 + 0.1 * 4);
}

// Running statistics that started at 0 and 1 with the plain momentum made runs of a few hundred
// steps learn well and evaluate as badly as a coin: they had seen a third of nothing.
TEST(BatchNorm, RunningStatisticsOfTheFirstStepsAreTheAverageOfTheirBatches) {
  std::vector<double> running_mean{0}, running_variance{1}, weight{1}, bias{0};
  const auto view = [](std::vector<double>& v) { return Tensor::view(v.data(), {1}, DType::f64); };
  const BatchNorm norm{view(weight),           view(bias), view(running_mean),
                       view(running_variance), 1e-3,       0.75};
  // Of batch t the mean is t and the biased variance 4t².
  const auto train = [&norm](std::uint32_t step) {
    const double t = step;
    evaluate(
        Tape::Mode::training, {{{4, 1}, {-t, 3 * t, -t, 3 * t}}},
        [&norm](Tape& tape, std::span<const Tensor> in) { return batch_norm(tape, in[0], norm); },
        {.seed = 1, .step = step, .op = 0});
  };
  train(1);
  EXPECT_DOUBLE_EQ(running_mean[0], 1);
  EXPECT_DOUBLE_EQ(running_variance[0], 4);
  train(2);
  train(3);
  train(4);  // 1/(1 − momentum): the last one of the plain average
  EXPECT_DOUBLE_EQ(running_mean[0], (1 + 2 + 3 + 4) / 4.0);
  EXPECT_DOUBLE_EQ(running_variance[0], 4 * (1 + 4 + 9 + 16) / 4.0);
  train(5);
  EXPECT_DOUBLE_EQ(running_mean[0], 0.75 * 2.5 + 0.25 * 5);
  EXPECT_DOUBLE_EQ(running_variance[0], 0.75 * 30 + 0.25 * 100);
}

TEST(BatchNorm, InferenceNormalisesWithTheRunningStatistics) {
  std::vector<double> running_mean{1, 10}, running_variance{3.999, 8.999};
  const auto view = [](std::vector<double>& v) { return Tensor::view(v.data(), {2}, DType::f64); };
  std::vector<double> weight{2, -3}, bias{0.5, 0};
  EXPECT_THAT(
      evaluate(Tape::Mode::inference, {{{2, 2}, {1, 10, 5, 16}}},
               [&](Tape& tape, std::span<const Tensor> in) {
                 return batch_norm(tape, in[0],
                                   {.weight = view(weight),
                                    .bias = view(bias),
                                    .running_mean = view(running_mean),
                                    .running_variance = view(running_variance)});
               }),
      ::testing::Pointwise(::testing::DoubleNear(1e-12), std::vector<double>{0.5, 0, 4.5, -6}));
  EXPECT_EQ(running_mean, (std::vector<double>{1, 10})) << "inference changes nothing";
  EXPECT_EQ(running_variance, (std::vector<double>{3.999, 8.999})) << "inference changes nothing";
}

// Training that goes astray must show: a NaN reaches every output of its channel. What is kept from
// step to step stays sound, as the weights do.
TEST(BatchNorm, DoesNotHideNaN) {
  std::vector<float> x(600, 1);
  x[599] = NAN;
  const auto found = statistics<float>({600, 1}, 1e-3F, 0.5F, x);
  EXPECT_THAT(found.mean, Each(IsNan()));
  EXPECT_THAT(found.rstd, Each(IsNan()));
  EXPECT_THAT(found.running_mean, Each(10));
  EXPECT_THAT(found.running_variance, Each(20));
}

TEST(BatchNorm, NamesTheShapesItRefuses) {
  const auto op = [](Tape& tape, std::span<const Tensor> in) {
    return batch_norm(tape, in[0], batch_norm_of(in));
  };
  expect_op_error({{0, 4}, {4}, {4}, {4}, {4}}, op,
                  "batch_norm: x must be (...,C) with at least one element, got (0,4)");
  expect_op_error({{2, 4}, {5}, {4}, {4}, {4}}, op,
                  "batch_norm: weight must be (C)=(4), got (5); x is (...,C)=(2,4)");
  expect_op_error({{2, 4}, {4}, {5}, {4}, {4}}, op,
                  "batch_norm: bias must be (C)=(4), got (5); x is (...,C)=(2,4)");
  expect_op_error({{2, 4}, {4}, {4}, {1, 4}, {4}}, op,
                  "batch_norm: running_mean must be (C)=(4), got (1,4); x is (...,C)=(2,4)");
  expect_op_error({{2, 4}, {4}, {4}, {4}, {5}}, op,
                  "batch_norm: running_variance must be (C)=(4), got (5); x is (...,C)=(2,4)");
}

}  // namespace
}  // namespace ekgine::testing
