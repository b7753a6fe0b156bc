#include "kernels/softmax_cross_entropy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "tests/cases/ops/softmax_cross_entropy.h"
#include "tests/support/expect_error.h"
#include "tests/support/op_test.h"

namespace ekgine::testing {
namespace {

TEST(SoftmaxCrossEntropy, GivesTheSameBitsAtAnyThreadCount) {
  expect_same_bits_at_any_thread_count(softmax_cross_entropy_case(3000, 5));
}

struct Outcome {
  double loss;
  std::vector<double> probabilities, gradient;
};

// Loss, probabilities and d loss / d logits of (B, C) logits.
template <class T>
Outcome cross_entropy(const std::vector<double>& logits, const std::vector<std::int32_t>& labels,
                      const std::vector<double>& class_weights) {
  const auto rows = static_cast<std::int64_t>(labels.size());
  const auto classes = static_cast<std::int64_t>(class_weights.size());
  const Shape shape{rows, classes};
  std::vector<T> z(logits.begin(), logits.end()), dz(z.size());
  Device device = Device::cpu(dtype_of<T>());
  Arena::Plan plan;
  Tape tape(device, Tape::Mode::training, plan);
  const auto [loss, probabilities] = softmax_cross_entropy(
      tape,
      tape.leaf(Tensor::view(z.data(), shape, dtype_of<T>()),
                Tensor::view(dz.data(), shape, dtype_of<T>())),
      tape.input({rows}, std::span(labels)), tape.input({classes}, std::span(class_weights)));
  tape.backward(loss);
  const std::span<T> p = probabilities.template span<T>();
  return {
      static_cast<double>(*loss.template data<T>()), {p.begin(), p.end()}, {dz.begin(), dz.end()}};
}

// The mean is over the rows, not over their weights: Keras' sum_over_batch_size.
TEST(SoftmaxCrossEntropy, WeighsEachRowByItsClassAndDividesByTheRows) {
  const Outcome found =
      cross_entropy<double>({0, 0, std::log(2.0), 0, std::log(3.0), 0}, {2, 1}, {1, 10, 4});
  // p = (1/4, 1/4, 1/2) and (1/5, 3/5, 1/5)
  EXPECT_DOUBLE_EQ(found.loss, (4 * std::log(2.0) + 10 * std::log(5.0 / 3)) / 2);
  const std::vector<double> p = {0.25, 0.25, 0.5, 0.2, 0.6, 0.2};
  const std::vector<double> gradient = {0.5, 0.5, -1, 1, -2, 1};
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_NEAR(found.probabilities[i], p[i], 1e-15) << i;
    EXPECT_NEAR(found.gradient[i], gradient[i], 1e-14) << i;
  }
}

TEST(SoftmaxCrossEntropy, IsExactlyZeroForASingleClass) {
  const Outcome found = cross_entropy<float>({3, -700}, {0, 0}, {2});
  EXPECT_EQ(found.loss, 0);
  EXPECT_EQ(found.probabilities, (std::vector<double>{1, 1}));
  EXPECT_EQ(found.gradient, (std::vector<double>{0, 0}));
}

TEST(SoftmaxCrossEntropy, NeitherOverflowsNorLosesTheLossOfUnlikelyLabels) {
  const Outcome found = cross_entropy<float>({1e4, -1e4, 0, -1e4, 1e4, 0}, {0, 0}, {1, 1, 1});
  EXPECT_EQ(found.loss, 1e4);  // (0 + 2e4)/2: −log of a probability that is 0 in float
  EXPECT_EQ(found.probabilities, (std::vector<double>{1, 0, 0, 0, 1, 0}));
  EXPECT_EQ(found.gradient, (std::vector<double>{0, 0, 0, -0.5, 0.5, 0}));
}

TEST(SoftmaxCrossEntropy, ShowsNaN) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  for (std::size_t where = 0; where < 3; ++where) {
    std::vector<double> logits = {0, 1, 2, 3, 4, 5};
    logits[where] = nan;
    const Outcome found = cross_entropy<float>(logits, {1, 1}, {1, 1, 1});
    EXPECT_TRUE(std::isnan(found.loss)) << "NaN at " << where;
    for (std::size_t i = 0; i < 6; ++i) {
      EXPECT_EQ(std::isnan(found.probabilities[i]), i < 3) << "NaN at " << where;
      EXPECT_EQ(std::isnan(found.gradient[i]), i < 3) << "NaN at " << where;
    }
  }
}

TEST(SoftmaxCrossEntropy, NamesTheLabelItRefuses) {
  for (const std::int32_t wrong : {-1, 3, 1000000}) {
    Device device = Device::cpu(DType::f32);
    Arena::Plan plan;
    Tape tape(device, Tape::Mode::training, plan);
    const std::vector<std::int32_t> labels = {2, 0, wrong, 1};
    const Tensor logits = tape.input({4, 3}, std::vector<float>(12));
    const Tensor weights = tape.input({3}, std::vector<float>(3));
    const Tensor tensor = tape.input({4}, std::span(labels));
    EXPECT_ERROR(
        softmax_cross_entropy(tape, logits, tensor, weights),
        fmt::format("softmax_cross_entropy: label 2 of 4 is {}, there are 3 classes", wrong));
  }
}

TEST(SoftmaxCrossEntropy, NamesTheShapesItRefuses) {
  const auto op = [](Tape& tape, std::span<const Tensor> in) {
    return softmax_cross_entropy(tape, in[0], in[1], in[2]).loss;
  };
  expect_op_error({{2, 4, 3}, {2}, {3}}, op,
                  "softmax_cross_entropy: logits must be (B,C) with B, C >= 1, got (2,4,3)");
  expect_op_error({{0, 3}, {0}, {3}}, op,
                  "softmax_cross_entropy: logits must be (B,C) with B, C >= 1, got (0,3)");
  expect_op_error({{4, 3}, {3}, {3}}, op,
                  "softmax_cross_entropy: labels must be (B)=(4), got (3); logits are (B,C)=(4,3)");
  expect_op_error(
      {{4, 3}, {4}, {4}}, op,
      "softmax_cross_entropy: class_weights must be (C)=(3), got (4); logits are (B,C)=(4,3)");
  expect_op_error({{4, 3}, {4}, {3}}, op, "tensor (4) holds f32, not i32");
}

std::vector<double> softmax_of(const std::vector<double>& logits, std::int64_t classes) {
  const auto n = static_cast<std::int64_t>(logits.size());
  return evaluate(Tape::Mode::inference, {{{n / classes, classes}, logits}},
                  [](Tape& tape, std::span<const Tensor> in) { return softmax(tape, in[0]); });
}

TEST(Softmax, RowsSumToOneWhateverTheShift) {
  Random random(6);
  std::vector<double> logits(33 * 7), shifted(33 * 7);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    logits[i] = static_cast<float>(3 * random.normal());
    shifted[i] = logits[i] + static_cast<double>(i / 7) * 4096;  // exact
  }
  const std::vector<double> p = softmax_of(logits, 7);
  EXPECT_EQ(p, softmax_of(shifted, 7));
  for (std::size_t r = 0; r < 33; ++r) {
    double sum = 0;
    for (std::size_t c = 0; c < 7; ++c) {
      sum += p[r * 7 + c];
      const double odds = std::exp(logits[r * 7 + c] - logits[r * 7]);
      EXPECT_NEAR(p[r * 7 + c] / p[r * 7] / odds, 1, 1e-14);
    }
    EXPECT_NEAR(sum, 1, 1e-15);
  }
}

TEST(Softmax, NamesTheShapeItRefuses) {
  expect_op_error(
      {{4, 0}}, [](Tape& tape, std::span<const Tensor> in) { return softmax(tape, in[0]); },
      "softmax: logits must be (...,C) with C >= 1, got (4,0)");
}

}  // namespace
}  // namespace ekgine::testing
