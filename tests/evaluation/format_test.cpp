#include "evaluation/format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace ekgine {
namespace {

TEST(Format, GroupsThousands) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(15573), "15,573");
  EXPECT_EQ(grouped(123456), "123,456");
  EXPECT_EQ(grouped(std::numeric_limits<std::int64_t>::max()), "9,223,372,036,854,775,807");
}

TEST(Format, WritesPercents) {
  EXPECT_EQ(percent(1, 3), "33.3 %");
  EXPECT_EQ(percent(0, 7), "0.0 %");
  EXPECT_EQ(percent(7, 7), "100.0 %");
}

// The rule's own examples are 0.827 ± 0.119 → 0.83 ± 0.12 and 0.827 ± 0.367 → 0.8 ± 0.4.
TEST(Format, KeepsTheDigitsThatADeviationWarrants) {
  EXPECT_EQ(spread(0.827, 0.119), "0.83 ± 0.12");
  EXPECT_EQ(spread(0.827, 0.367), "0.8 ± 0.4");
  EXPECT_EQ(spread(14.674, 0.964), "14.7 ± 1.0");
  EXPECT_EQ(spread(0.87112, 0.0354), "0.871 ± 0.035");
  EXPECT_EQ(spread(0.87112, 0.0356), "0.87 ± 0.04");
  EXPECT_EQ(spread(0.87112, 0.0096), "0.871 ± 0.010");
  EXPECT_EQ(spread(0.87112, 0.01), "0.871 ± 0.010");
  EXPECT_EQ(spread(0.87112, 1e-9), "0.8711 ± 0.0000") << "four at most";
  EXPECT_EQ(spread(0.87112, 0.0), "0.8711 ± 0.0000");
  EXPECT_EQ(spread(31.26, 12.0), "31.3 ± 12.0") << "one at least";
  EXPECT_EQ(spread(0.87112, std::nullopt), "0.871");
  EXPECT_EQ(decimals(std::optional(std::numeric_limits<double>::infinity())), 3);
}

TEST(Format, KeepsTheDigitsThatAnIntervalWarrants) {
  // Four deviations wide: 0.0045, and 0.035.
  EXPECT_EQ(figure(0.87112, Interval{0.861, 0.879}), "0.871");
  EXPECT_EQ(figure(0.87112, Interval{0.79, 0.94}), "0.87");
  EXPECT_EQ(interval_text(Interval{0.79, 0.9349}, " to ", "-"), "0.79 to 0.93");
  EXPECT_EQ(figure(0, Interval{0, 0}), "0.000") << "it has no width";
  EXPECT_EQ(figure(0.87112, std::nullopt), "0.871");
  EXPECT_EQ(interval_text(std::nullopt, " to ", "-"), "-");
}

TEST(RoundTicks, AreAboutFiveRoundNumbers) {
  EXPECT_THAT(round_ticks(0, 1), ::testing::ElementsAre(0, 0.5, 1));
  EXPECT_THAT(round_ticks(38, 122), ::testing::ElementsAre(50, 100));
  EXPECT_THAT(round_ticks(-1, 8), ::testing::ElementsAre(0, 5));
  EXPECT_THAT(round_ticks(3, 3), ::testing::ElementsAre(3));
}

}  // namespace
}  // namespace ekgine
