#include "training/class_weights.h"

#include <gtest/gtest.h>

#include <cmath>

namespace ekgine {
namespace {

constexpr ClassCounts counts = {80, 10, 5, 5, 0};

// sklearn.utils.class_weight.compute_class_weight("balanced") on the four classes that occur.
TEST(ClassWeights, BalancedIsInverseFrequency) {
  EXPECT_EQ(class_weights(ClassWeighting::balanced, counts),
            (std::vector<float>{0.3125F, 2.5F, 5, 5, 0}));
}

TEST(ClassWeights, SqrtIsItsRoot) {
  const std::vector<float> weights = class_weights(ClassWeighting::sqrt, counts);
  EXPECT_FLOAT_EQ(weights[0], std::sqrt(0.3125F));
  EXPECT_FLOAT_EQ(weights[1], std::sqrt(2.5F));
  EXPECT_EQ(weights[4], 0);
}

TEST(ClassWeights, NoneCountsEveryClassThatOccursOnce) {
  EXPECT_EQ(class_weights(ClassWeighting::none, counts), (std::vector<float>{1, 1, 1, 1, 0}));
}

// Balanced weights leave the mean weight of a sequence at 1, so learning rates carry over.
TEST(ClassWeights, BalancedWeightsAverageToOneOverTheSequences) {
  const std::vector<float> weights = class_weights(ClassWeighting::balanced, {70, 13, 9, 5, 3});
  const ClassCounts n = {70, 13, 9, 5, 3};
  double sum = 0;
  for (std::size_t c = 0; c < n.size(); ++c) sum += weights[c] * static_cast<double>(n[c]);
  EXPECT_NEAR(sum, 100, 1e-4);
}

}  // namespace
}  // namespace ekgine
