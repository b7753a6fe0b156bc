#include "kernels/order_statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace ekgine::testing {
namespace {

// By sorting.
float median_of(std::vector<float> values) {
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

TEST(OrderStatistics, KeysAreInTheOrderOfTheirValues) {
  const float small = std::numeric_limits<float>::denorm_min();
  const float large = std::numeric_limits<float>::max();
  const std::vector<float> values = {-large, -1.5F, -1, -small, 0, small, 1, 1.5F, large};
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(kernels::value_of_key(kernels::order_key(values[i])), values[i]);
    if (i > 0) {
      EXPECT_LT(kernels::order_key(values[i - 1]), kernels::order_key(values[i]));
    }
  }
  EXPECT_EQ(kernels::order_key(-0.0F), kernels::order_key(0.0F));
}

TEST(OrderStatistics, AreThoseOfTheSortedValues) {
  std::mt19937 random(19);
  std::normal_distribution<float> normal(0, 3);
  for (const std::int64_t n : {1, 2, 3, 4, 7, 8, 15, 16, 17, 187, 1000}) {
    for (const bool rounded : {false, true}) {  // rounded: many are equal
      std::vector<float> values(static_cast<std::size_t>(n));
      for (float& x : values) x = rounded ? std::round(normal(random)) : normal(random);
      std::vector<std::int32_t> keys(values.size());
      kernels::order_keys(n, values.data(), keys.data());
      EXPECT_EQ(kernels::median_of_keys(n, keys.data()), median_of(values)) << n << " values";
      const auto [low, high] = std::ranges::minmax(values);
      EXPECT_EQ(kernels::range_of_keys(n, keys.data()), high - low) << n << " values";
    }
  }
}

}  // namespace
}  // namespace ekgine::testing
