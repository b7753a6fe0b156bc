#include "kernels/standardise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <utility>
#include <vector>

#include "kernels/runtime/reserved_workspace.h"
#include "tests/cases/ops/standardise.h"
#include "tests/support/expect_error.h"
#include "tests/support/op_test.h"

namespace ekgine::testing {
namespace {

constexpr Step standardise_step{.seed = 5, .number = 3};

// Rows of zeros with mean 0 and standard deviation 1: what is left is the noise.
std::vector<double> spoilt(kernels::StandardiseShape s, const kernels::FeatureNoise& noise,
                           double x = 0, const Step& at = standardise_step) {
  ReservedWorkspace workspace(1 << 22);
  const std::vector<double> in(static_cast<std::size_t>(s.rows * s.width), x);
  const std::vector<double> mean(static_cast<std::size_t>(s.width), 0.0);
  const std::vector<double> std(static_cast<std::size_t>(s.width), 1.0);
  std::vector<double> y(static_cast<std::size_t>(s.rows * s.channels), -99);
  kernels::standardise(Cpu{workspace, at}, s, noise, in.data(), mean.data(), std.data(), y.data());
  return y;
}

TEST(Standardise, SubtractsTheMeanAndDividesInInference) {
  EXPECT_EQ(
      evaluate(Tape::Mode::inference, {{{2, 2}, {1, 10, 3, 30}}, {{2}, {2, 10}}, {{2}, {0.5, 4}}},
               [](Tape& tape, std::span<const Tensor> in) {
                 return standardise(tape, in[0], in[1], in[2],
                                    {.noise = 1, .dropout = 0.5, .group = 2});
               }),
      (std::vector<double>{-2, 0, 2, 5}));
}

// What stands in the others does not matter.
TEST(Standardise, TakesTheColumnsThatItIsTold) {
  EXPECT_EQ(evaluate(Tape::Mode::inference,
                     {{{2, 4}, {NAN, 1, 10, NAN, NAN, 3, 30, NAN}},
                      {{4}, {NAN, 2, 10, NAN}},
                      {{4}, {NAN, 0.5, 4, NAN}}},
                     [](Tape& tape, std::span<const Tensor> in) {
                       return standardise(tape, in[0], in[1], in[2], {}, Columns{1, 2});
                     }),
            (std::vector<double>{-2, 0, 2, 5}));
}

// A feature is tied by its place among all; what is drawn for it, by that among those taken.
TEST(Standardise, SpoilsColumnsAsThoseOfAMatrixOfTheirOwn) {
  const kernels::StandardiseShape some{9, 7, 2, 2, 3}, alone{9, 3, 2};
  const auto noise = [](std::uint64_t tied) {
    return kernels::FeatureNoise{.deviation = 0.2,
                                 .op = 4,
                                 .drop = {.rate = 0.3, .op = 7},
                                 .shift = 0.3,
                                 .shift_op = 6,
                                 .tied = tied};
  };
  EXPECT_EQ(spoilt(some, noise(0b1010100)), spoilt(alone, noise(0b101)));
}

TEST(Standardise, AddsUniformNoiseOfTheStatedDeviation) {
  const std::vector<double> noise = spoilt({2000, 10, 1}, {.deviation = 0.2, .op = 4});
  double sum = 0, squares = 0;
  for (const double value : noise) {
    EXPECT_LE(std::abs(value), 0.2 * std::sqrt(3.0));
    sum += value / 0.2;
    squares += value * value / 0.04;
  }
  const auto n = static_cast<double>(noise.size());
  EXPECT_NEAR(sum / n, 0, 4 / std::sqrt(n));
  // The variance of the square of a uniform variable of variance 1 is 4/5.
  EXPECT_NEAR(squares / n, 1, 4 * std::sqrt(0.8 / n));
  EXPECT_GT(std::set<double>(noise.begin(), noise.end()).size(), noise.size() * 99 / 100);
}

// Groups of three rows: the first begins with the first row, and the last has one.
TEST(Standardise, DropsAFeatureFromTheWholeGroup) {
  const kernels::StandardiseShape s{400, 16, 3};
  const std::vector<double> y = spoilt(s, {.drop = {.rate = 0.25, .op = 7}}, 3);
  std::int64_t dropped = 0;
  for (std::int64_t i = 0; i < s.rows; ++i) {
    for (std::int64_t c = 0; c < s.channels; ++c) {
      const double value = y[static_cast<std::size_t>(i * s.channels + c)];
      EXPECT_TRUE(value == 0 || value == 4) << value;
      EXPECT_EQ(value, y[static_cast<std::size_t>((i - i % 3) * s.channels + c)])
          << "row " << i << ", feature " << c;
      if (i % 3 == 0) dropped += value == 0 ? 1 : 0;
    }
  }
  const double n = 134.0 * 16;
  EXPECT_NEAR(static_cast<double>(dropped) / n, 0.25, 4 * std::sqrt(0.25 * 0.75 / n));
}

// By as much in a group, by another amount in the next; the others stay.
TEST(Standardise, MovesTiedFeaturesTogether) {
  const kernels::StandardiseShape s{6000, 5, 3};
  const std::vector<double> y = spoilt(s, {.shift = 0.3, .shift_op = 6, .tied = 0b10010}, 1);
  double sum = 0, squares = 0;
  for (std::int64_t i = 0; i < s.rows; ++i) {
    const double* const row = y.data() + i * s.channels;
    EXPECT_EQ(row[0], 1);
    EXPECT_EQ(row[2], 1);
    EXPECT_EQ(row[1], row[4]);
    EXPECT_EQ(row[1], y[static_cast<std::size_t>((i - i % 3) * s.channels + 1)]);
    if (i % 3 == 0) {
      sum += (row[1] - 1) / 0.3;
      squares += (row[1] - 1) * (row[1] - 1) / 0.09;
    }
  }
  EXPECT_NEAR(sum / 2000, 0, 4 / std::sqrt(2000.0));
  EXPECT_NEAR(squares / 2000, 1, 4 * std::sqrt(2 / 2000.0));
}

TEST(Standardise, DrawsAnewForEveryStepAndFromTwoStreams) {
  const kernels::FeatureNoise noise{.deviation = 0.5, .op = 1, .drop = {.rate = 0.5, .op = 2}};
  Step next = standardise_step;
  ++next.number;
  EXPECT_EQ(spoilt({8, 5, 2}, noise), spoilt({8, 5, 2}, noise));
  EXPECT_NE(spoilt({8, 5, 2}, noise), spoilt({8, 5, 2}, noise, 0, next));
}

TEST(Standardise, GivesTheSameBitsAtAnyThreadCount) {
  expect_same_bits_at_any_thread_count(standardise_cases().model.front());
}

TEST(Standardise, RefusesStatisticsOfAnotherWidth) {
  EXPECT_ERROR(evaluate(Tape::Mode::inference, {{{1, 2}, {0, 0}}, {{3}, {0, 0, 0}}, {{2}, {1, 1}}},
                        [](Tape& tape, std::span<const Tensor> in) {
                          return standardise(tape, in[0], in[1], in[2]);
                        }),
               "standardise: mean must be (W)=(2), got (3); x is (N,W)=(1,2)");
}

TEST(Standardise, RefusesColumnsThatAreNotThere) {
  for (const auto& [first, count] : {std::pair(1, 2), {-1, 1}, {0, 3}, {0, -1}, {3, 0}}) {
    const Columns columns{first, count};
    EXPECT_ERROR(
        evaluate(Tape::Mode::inference, {{{1, 2}, {0, 0}}, {{2}, {0, 0}}, {{2}, {1, 1}}},
                 [&](Tape& tape, std::span<const Tensor> in) {
                   return standardise(tape, in[0], in[1], in[2], {}, columns);
                 }),
        fmt::format("standardise: {} columns from {} on: expected some of x's 2", count, first));
  }
}

TEST(TakeColumns, GivesThemAsTheyAre) {
  const OpFunction op = [](Tape& tape, std::span<const Tensor> in) {
    return take_columns(tape, in[0], {1, 2});
  };
  // In training, too: nothing is drawn.
  for (const Tape::Mode mode : {Tape::Mode::inference, Tape::Mode::training}) {
    EXPECT_EQ(evaluate(mode, {{{2, 4}, {NAN, 1, -10, NAN, NAN, 3, 30, NAN}}}, op),
              (std::vector<double>{1, -10, 3, 30}));
  }
  EXPECT_ERROR(evaluate(Tape::Mode::inference, {{{1, 2}, {0, 0}}}, op),
               "take_columns: 2 columns from 1 on: expected some of x's 2");
}

}  // namespace
}  // namespace ekgine::testing
