#include "evaluation/record_bootstrap.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace ekgine {
namespace {

RecordStatistic mean_of(std::vector<double> values) {
  return [values](std::span<const std::size_t> drawn) -> std::optional<double> {
    double sum = 0;
    for (const std::size_t i : drawn) sum += values.at(i);
    return sum / static_cast<double>(drawn.size());
  };
}

TEST(RecordBootstrap, IsTheSameForASeed) {
  const RecordStatistic mean = mean_of({1, 2, 3, 4, 5, 6, 7});
  EXPECT_EQ(record_bootstrap(7, mean, 3), record_bootstrap(7, mean, 3));
  EXPECT_NE(record_bootstrap(7, mean, 3), record_bootstrap(7, mean, 4));
  // On any machine: the first draw of seed 0.
  std::vector<std::size_t> first;
  record_bootstrap(
      7,
      [&](std::span<const std::size_t> drawn) -> std::optional<double> {
        if (first.empty()) first.assign(drawn.begin(), drawn.end());
        return 0;
      },
      0);
  EXPECT_EQ(first, (std::vector<std::size_t>{1, 6, 0, 4, 3, 0, 4}));
}

// Of n values with spread s the mean's interval is about ± 1.96 s / √n.
TEST(RecordBootstrap, IsAsWideAsTheSpreadSays) {
  std::vector<double> values;
  double squares = 0;
  for (int i = 0; i < 100; ++i) {
    values.push_back(std::sin(i * 12.9898) * 10);
    squares += values.back() * values.back();
  }
  const double expected = 1.96 * std::sqrt(squares / 100) / 10;
  const Interval found = record_bootstrap(100, mean_of(values)).value();
  EXPECT_NEAR((found.high - found.low) / 2, expected, 0.1 * expected);
  EXPECT_NEAR((found.high + found.low) / 2, 0, 0.3 * expected);
}

TEST(RecordBootstrap, DrawsEveryRecord) {
  std::vector<int> seen(5);
  record_bootstrap(5, [&](std::span<const std::size_t> drawn) -> std::optional<double> {
    EXPECT_EQ(drawn.size(), 5u);
    for (const std::size_t i : drawn) ++seen.at(i);
    return 0;
  });
  for (const int count : seen) EXPECT_NEAR(count, bootstrap_draws, 0.1 * bootstrap_draws);
}

TEST(RecordBootstrap, IsInterpolated) {
  int draw = 0;
  const auto count = [&](std::span<const std::size_t>) -> std::optional<double> { return draw++; };
  EXPECT_EQ(record_bootstrap(2, count, 0, 101), (Interval{2.5, 97.5}));
}

TEST(RecordBootstrap, LeavesOutWhatIsNotDefined) {
  const auto undefined = [](std::span<const std::size_t>) { return std::optional<double>(); };
  EXPECT_FALSE(record_bootstrap(5, undefined));
  const auto of_first = [](std::span<const std::size_t> drawn) {
    return drawn[0] == 0 ? std::optional<double>(4) : std::nullopt;
  };
  EXPECT_EQ(record_bootstrap(5, of_first), (Interval{4, 4}));
  EXPECT_FALSE(record_bootstrap(1, mean_of({1}))) << "one record tells nothing of others";
  EXPECT_FALSE(record_bootstrap(0, undefined));
}

}  // namespace
}  // namespace ekgine
