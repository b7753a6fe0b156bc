#include "kernels/depthwise_conv1d.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/cases/ops/depthwise_conv1d.h"
#include "tests/support/op_test.h"

namespace ekgine::testing {
namespace {

Tensor convolve_depthwise(Tape& tape, std::span<const Tensor> in) {
  return depthwise_conv1d(tape, in[0], in[1], in[2]);
}

// The sum as the definition has it: pad a copy of the sequence, then slide the filter over it.
std::vector<double> padded_and_slid(kernels::DepthwiseConv1dShape s, const std::vector<double>& x,
                                    const std::vector<double>& weight,
                                    const std::vector<double>& bias) {
  const auto at = [](std::int64_t i) { return static_cast<std::size_t>(i); };
  const std::int64_t front = (s.width - 1) / 2, length = s.positions + s.width - 1;
  std::vector<double> y(x.size());
  for (std::int64_t n = 0; n < s.sequences; ++n) {
    for (std::int64_t c = 0; c < s.channels; ++c) {
      std::vector<double> padded(at(length), 0);
      for (std::int64_t t = 0; t < s.positions; ++t) {
        padded[at(front + t)] = x[at((n * s.positions + t) * s.channels + c)];
      }
      for (std::int64_t t = 0; t < s.positions; ++t) {
        double sum = bias[at(c)];
        for (std::int64_t k = 0; k < s.width; ++k) {
          sum += weight[at(k * s.channels + c)] * padded[at(t + k)];
        }
        y[at((n * s.positions + t) * s.channels + c)] = sum;
      }
    }
  }
  return y;
}

TEST(DepthwiseConv1d, IsTheSumOfItsDefinition) {
  Random random(4);
  const auto draw = [&](std::int64_t n) {
    std::vector<double> values(static_cast<std::size_t>(n));
    for (double& v : values) v = random.normal();
    return values;
  };
  for (const std::int64_t positions : {1, 2, 3, 4, 5, 11, 33}) {
    for (const std::int64_t width : {1, 2, 3, 4, 7, 8, 11}) {
      const kernels::DepthwiseConv1dShape s{2, positions, 3, width};
      const auto x = draw(2 * positions * 3), weight = draw(width * 3), bias = draw(3);
      const auto expected = padded_and_slid(s, x, weight, bias);
      const auto found =
          evaluate(Tape::Mode::inference,
                   {{{2, positions, 3}, x}, {{width, 3}, weight}, {{3}, bias}}, convolve_depthwise);
      for (std::size_t i = 0; i < found.size(); ++i) {
        ASSERT_NEAR(found[i], expected[i], 1e-13) << "T " << positions << " K " << width;
      }
    }
  }
}

// Keras pads an even filter by one more behind than in front: [0, 1] picks the next position.
TEST(DepthwiseConv1d, PadsAnEvenFilterAsKerasDoes) {
  EXPECT_EQ(evaluate(Tape::Mode::inference, {{{1, 3, 1}, {1, 2, 3}}, {{2, 1}, {0, 1}}, {{1}, {0}}},
                     convolve_depthwise),
            (std::vector<double>{2, 3, 0}));
  EXPECT_EQ(
      evaluate(Tape::Mode::inference,
               {{{1, 3, 1}, {1, 2, 3}}, {{4, 1}, {1, 0, 0, 10}}, {{1}, {0.5}}}, convolve_depthwise),
      (std::vector<double>{30.5, 1.5, 2.5}));
}

TEST(DepthwiseConv1d, GivesTheSameBitsAtAnyThreadCount) {
  expect_same_bits_at_any_thread_count(depthwise_conv1d_cases().model.front());
}

TEST(DepthwiseConv1d, NamesTheShapesItRefuses) {
  expect_op_error({{3, 4}, {7, 4}, {4}}, convolve_depthwise,
                  "depthwise_conv1d: x must be (N,T,C), got (3,4)");
  expect_op_error({{2, 3, 4}, {7, 5}, {4}}, convolve_depthwise,
                  "depthwise_conv1d: weight must be (K,C)=(K,4) with K >= 1, got (7,5); x is "
                  "(N,T,C)=(2,3,4)");
  expect_op_error({{2, 3, 4}, {0, 4}, {4}}, convolve_depthwise,
                  "depthwise_conv1d: weight must be (K,C)=(K,4) with K >= 1, got (0,4); x is "
                  "(N,T,C)=(2,3,4)");
  expect_op_error({{2, 3, 4}, {7, 4, 1}, {4}}, convolve_depthwise,
                  "depthwise_conv1d: weight must be (K,C)=(K,4) with K >= 1, got (7,4,1); x is "
                  "(N,T,C)=(2,3,4)");
  expect_op_error({{2, 3, 4}, {7, 4}, {3}}, convolve_depthwise,
                  "depthwise_conv1d: bias must be (C)=(4), got (3); x is (N,T,C)=(2,3,4)");
}

}  // namespace
}  // namespace ekgine::testing
