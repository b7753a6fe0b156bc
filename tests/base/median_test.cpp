#include "base/median.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace ekgine {
namespace {

double sorted_middle(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t n = values.size();
  return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

TEST(Median, IsTheMiddleOrTheMeanOfTwo) {
  EXPECT_EQ(median_of({}), 0);
  EXPECT_EQ(median_of({7}), 7);
  EXPECT_EQ(median_of({4, 1}), 2.5);
  for (int n = 1; n < 40; ++n) {
    std::vector<double> values;
    values.reserve(static_cast<std::size_t>(n));
    for (int i = 0; i < n; ++i) values.push_back(7 * i % 19 - 9);
    EXPECT_EQ(median_of(values), sorted_middle(values)) << n;
  }
}

}  // namespace
}  // namespace ekgine
