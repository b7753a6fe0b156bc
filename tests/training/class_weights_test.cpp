#include "training/class_weights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/support/beats.h"

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

TEST(ClassWeights, CountWhatAnEpochVisits) {
  const std::vector<RecordBeats> records = testing::random_records({40, 30, 50, 20});
  const MemoryDataset training(records, 3);
  const auto count = [&](std::size_t record, std::size_t label) {
    return std::count(records[record].labels.begin() + 2, records[record].labels.end(), label);
  };
  EXPECT_EQ(visited_classes(training, {}), training.class_counts());
  const ClassCounts found = visited_classes(training, {{1, 1}, {2, 0.5}});
  for (std::size_t c = 0; c < found.size(); ++c) {
    EXPECT_EQ(found[c], count(0, c) +
                            std::lround(0.5 * static_cast<double>(count(1, c) + count(2, c))) +
                            count(3, c))
        << c;
  }
}

}  // namespace
}  // namespace ekgine
