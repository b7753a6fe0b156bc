#include "engine/schedule.h"

#include <gtest/gtest.h>

#include <cmath>

namespace ekgine {
namespace {

// What Keras' ReduceLROnPlateau(factor=0.2, patience=1, min_lr=1e-6, min_delta=1e-4) does.
TEST(PlateauSchedule, LowersTheRateAfterEveryEpochWithoutImprovement) {
  PlateauSchedule schedule;
  schedule.rate = 1e-5;
  EXPECT_FALSE(schedule.observe(1.0));
  EXPECT_FALSE(schedule.observe(0.9));
  EXPECT_TRUE(schedule.observe(0.9));
  EXPECT_NEAR(schedule.rate, 2e-6, 1e-20);
  EXPECT_TRUE(schedule.observe(0.95));
  EXPECT_EQ(schedule.rate, 1e-6);  // not below the smallest rate
  EXPECT_FALSE(schedule.observe(0.95));
  EXPECT_EQ(schedule.rate, 1e-6);
}

TEST(PlateauSchedule, IgnoresImprovementsBelowItsThreshold) {
  PlateauSchedule schedule;
  schedule.rate = 1;
  schedule.observe(1.0);
  EXPECT_TRUE(schedule.observe(1.0 - 0.9e-4));
  EXPECT_FALSE(schedule.observe(1.0 - 1.1e-4));
}

TEST(PlateauSchedule, WaitsForItsPatience) {
  PlateauSchedule schedule;
  schedule.rate = 1;
  schedule.patience = 3;
  schedule.observe(1.0);
  EXPECT_FALSE(schedule.observe(2.0));
  EXPECT_FALSE(schedule.observe(2.0));
  EXPECT_TRUE(schedule.observe(2.0));
  EXPECT_FALSE(schedule.observe(2.0));  // counts anew
}

TEST(PlateauSchedule, TakesNanForNoImprovement) {
  PlateauSchedule schedule;
  schedule.rate = 1;
  schedule.observe(1.0);
  EXPECT_TRUE(schedule.observe(std::nan("")));
  EXPECT_EQ(schedule.best, 1.0);
}

TEST(CosineRate, GoesFromTheInitialRateToZero) {
  EXPECT_EQ(cosine_rate(4e-4, 0, 100), 4e-4);
  EXPECT_NEAR(cosine_rate(4e-4, 50, 100), 2e-4, 1e-18);
  EXPECT_NEAR(cosine_rate(4e-4, 25, 100), 4e-4 * (1 + std::sqrt(0.5)) / 2, 1e-18);
  EXPECT_NEAR(cosine_rate(4e-4, 100, 100), 0, 1e-18);
  EXPECT_NEAR(cosine_rate(4e-4, 120, 100), 0, 1e-18);
}

TEST(WarmUpFactor, RisesEvenlyAndStays) {
  EXPECT_EQ(warm_up_factor(0, 4), 0.25);
  EXPECT_EQ(warm_up_factor(2, 4), 0.75);
  EXPECT_EQ(warm_up_factor(3, 4), 1);
  EXPECT_EQ(warm_up_factor(1'000'000, 4), 1);
  EXPECT_EQ(warm_up_factor(0, 0), 1);
}

TEST(EarlyStopping, StopsAfterItsPatienceAndKnowsTheBestEpoch) {
  EarlyStopping stopping;
  stopping.patience = 2;
  EXPECT_TRUE(stopping.observe(1, 0.5));
  EXPECT_FALSE(stopping.observe(2, 0.5));  // equal is no improvement
  EXPECT_FALSE(stopping.stop());
  EXPECT_TRUE(stopping.observe(3, 0.4));
  EXPECT_FALSE(stopping.observe(4, 0.6));
  EXPECT_FALSE(stopping.observe(5, std::nan("")));
  EXPECT_TRUE(stopping.stop());
  EXPECT_EQ(stopping.best_epoch, 3);
}

}  // namespace
}  // namespace ekgine
