#include "data/medians.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/median.h"
#include "tests/cases/random.h"

namespace ekgine {
namespace {

// Of values with many ties, in windows shorter and longer than the sequence.
TEST(Medians, OfWindowsAreThoseOfMirroredValues) {
  testing::Random random(2);
  for (const std::int64_t half : {1, 10, 100}) {
    for (const std::int64_t n : {1, 2, 3, 10, 11, 50, 300}) {
      std::vector<double> values;
      for (std::int64_t i = 0; i < n; ++i) {
        values.push_back(0.25 * static_cast<double>(random.integer(0, 12)));
      }
      std::int64_t next = 0;
      for_each_window(values, half, [&](std::int64_t i, const SortedWindow& window) {
        ASSERT_EQ(i, next++);
        std::vector<double> expected;
        for (std::int64_t k = i - half; k <= i + half; ++k) {
          std::int64_t place = n > half ? std::abs(k) : std::clamp<std::int64_t>(k, 0, n - 1);
          if (place >= n) place = 2 * (n - 1) - place;
          expected.push_back(values[static_cast<std::size_t>(place)]);
        }
        std::ranges::sort(expected);
        for (std::int64_t rank = 0; rank <= 2 * half; ++rank) {
          ASSERT_EQ(window.ranked(rank), expected[static_cast<std::size_t>(rank)])
              << "value " << i << " of " << n << ", half " << half << ", rank " << rank;
        }
        const double middle = window.median();
        ASSERT_EQ(middle, median_of(expected));
        for (double& x : expected) x = std::abs(x - middle);
        ASSERT_EQ(window.deviation(), median_of(expected)) << i << " of " << n;
      });
      EXPECT_EQ(next, n);
    }
  }
  for_each_window({}, 3, [](std::int64_t, const SortedWindow&) { FAIL(); });
}

}  // namespace
}  // namespace ekgine
