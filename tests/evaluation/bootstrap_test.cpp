#include "evaluation/bootstrap.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <thread>

#include "tests/cases/random.h"

namespace ekgine {
namespace {

// The mean of one number per record.
Statistic mean_of(const std::vector<double>& values) {
  return [&values](Draws draws, std::span<double> figures) {
    double sum = 0;
    for (std::size_t r = 0; r < draws.size(); ++r) sum += draws[r] * values[r];
    figures[0] = sum / static_cast<double>(draws.size());
  };
}

// Means of n normal numbers spread with s/√n: 1.96 of that either way hold 95 %. The percentiles of
// 1,000 resamples are within some 8 % of it, as of a seed that is fixed.
TEST(Bootstrap, OfAMeanIsWhatTheNormalDistributionSays) {
  testing::Random random(5);
  std::vector<double> values(400);
  for (double& value : values) value = random.normal();
  const double n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double half = 1.96 * std::sqrt(squares / n / n);
  const auto interval = bootstrap(values.size(), 1, mean_of(values))[0];
  ASSERT_TRUE(interval);
  EXPECT_NEAR(interval->low, mean - half, 0.15 * half);
  EXPECT_NEAR(interval->high, mean + half, 0.15 * half);
}

// Of two records a resample has none, one or two of the first, with chances 1/4, 1/2, 1/4: both
// ends are beyond 2.5 %.
TEST(Bootstrap, OfTwoRecordsReachesFromOneToTheOther) {
  const std::vector<double> values = {3, 5};
  const auto interval = bootstrap(2, 1, mean_of(values))[0];
  EXPECT_EQ(interval, (Interval{3, 5}));
}

TEST(Bootstrap, DrawsAsManyRecordsAsThereAreEachAsOften) {
  constexpr std::size_t records = 7;
  std::vector<std::int64_t> sums(records);
  int resamples = 0;
  bootstrap(records, 1, [&](Draws draws, std::span<double> figures) {
    ++resamples;
    std::int64_t all = 0;
    for (std::size_t r = 0; r < records; ++r) {
      sums[r] += draws[r];
      all += draws[r];
    }
    EXPECT_EQ(all, static_cast<std::int64_t>(records));
    figures[0] = 0;
  });
  EXPECT_EQ(resamples, bootstrap_resamples);
  // Draws of each are binomial of 7,000 at 1/7: standard deviation 29.
  for (const std::int64_t sum : sums) EXPECT_NEAR(static_cast<double>(sum), 1000, 5 * 29);
}

TEST(Bootstrap, OfOneRecordHasNoInterval) {
  const auto intervals = bootstrap(1, 2, [](Draws, std::span<double>) { FAIL() << "not called"; });
  ASSERT_EQ(intervals.size(), 2);
  EXPECT_FALSE(intervals[0] || intervals[1]);
  EXPECT_TRUE(bootstrap(0, 0, {}).empty());
}

// Of three records the first is missing in (2/3)³ = 30 % of the resamples, all but the first in
// 96 %.
TEST(Bootstrap, LeavesOutResamplesThatDoNotDefineAFigure) {
  const auto intervals = bootstrap(3, 2, [](Draws draws, std::span<double> figures) {
    figures[0] = draws[0] > 0 ? 1 : std::numeric_limits<double>::quiet_NaN();
    figures[1] = draws[0] == 3 ? 1 : std::numeric_limits<double>::quiet_NaN();
  });
  EXPECT_EQ(intervals[0], (Interval{1, 1}));
  EXPECT_FALSE(intervals[1]) << "four per cent of the resamples are not enough";
}

TEST(Bootstrap, IsTheSameInEveryThread) {
  testing::Random random(6);
  std::vector<double> values(20);
  for (double& value : values) value = random.normal();
  const auto expected = bootstrap(values.size(), 1, mean_of(values));
  std::vector<std::vector<std::optional<Interval>>> found(4);
  std::vector<std::thread> threads;
  threads.reserve(found.size());
  for (auto& one : found) {
    threads.emplace_back([&] { one = bootstrap(values.size(), 1, mean_of(values)); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& one : found) EXPECT_EQ(one, expected);
}

TEST(Bootstrap, AddsUpCountsOfTheRecordsDrawn) {
  const std::vector<std::int64_t> rows = {1, 10, 2, 20, 3, 30};
  const std::vector<std::int32_t> draws = {0, 1, 2};
  EXPECT_EQ(drawn_sum(draws, rows), (std::vector<std::int64_t>{8, 80}));
}

}  // namespace
}  // namespace ekgine
