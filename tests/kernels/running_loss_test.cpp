#include "kernels/running_loss.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/runtime/reserved_workspace.h"

namespace ekgine {
namespace {

constexpr float nan_value = std::numeric_limits<float>::quiet_NaN();

class RunningLossTest : public ::testing::Test {
 protected:
  void add(std::uint32_t step, float loss, const std::vector<float>& probabilities,
           const std::vector<std::int32_t>& labels) {
    const auto rows = std::ssize(labels);
    kernels::running_loss(Cpu{workspace_, {.number = step}},
                          {rows, std::ssize(probabilities) / rows}, &loss, probabilities.data(),
                          labels.data(), &totals_);
  }

  ReservedWorkspace workspace_{1 << 16};
  kernels::RunningLoss totals_;
};

TEST_F(RunningLossTest, AddsLossesAndHits) {
  add(1, 0.5F, {0.1F, 0.9F, 0.6F, 0.4F, 0.2F, 0.8F}, {1, 1, 1});
  add(2, 2.0F, {0.3F, 0.7F}, {0});
  EXPECT_EQ(totals_.loss, 3 * 0.5 + 2.0);
  EXPECT_EQ(totals_.correct, 2);
  EXPECT_EQ(totals_.sequences, 4);
  EXPECT_EQ(totals_.failed_step, 0U);
}

// The first of equal ones is the answer; a NaN is no answer.
TEST_F(RunningLossTest, BreaksTiesByTheFirst) {
  add(1, 1, {0.5F, 0.5F, 0.5F, 0.5F}, {0, 1});
  EXPECT_EQ(totals_.correct, 1);
}

TEST_F(RunningLossTest, KeepsTheFirstLossThatIsNotFinite) {
  add(1, 1, {1, 0}, {0});
  add(2, std::numeric_limits<float>::infinity(), {1, 0}, {0});
  add(3, nan_value, {1, 0}, {0});
  add(4, 1, {1, 0}, {0});
  EXPECT_EQ(totals_.failed_step, 2U);
  EXPECT_TRUE(std::isinf(totals_.failed_loss));
  EXPECT_EQ(totals_.loss, 1);
  EXPECT_EQ(totals_.sequences, 1);
  EXPECT_EQ(totals_.correct, 1);
}

}  // namespace
}  // namespace ekgine
