#include "kernels/column_moments.h"

#include <gtest/gtest.h>

#include <vector>

namespace ekgine::testing {
namespace {

TEST(ColumnMoments, OfAnyNumberOfColumns) {
  for (const std::int64_t columns : {1, 3, 8, 17, 187}) {
    // Column t holds t, t + 1 and t + 5: mean t + 2, squared deviations 4 + 1 + 9.
    std::vector<float> x;
    for (const float row : {0.0F, 1.0F, 5.0F}) {
      for (std::int64_t t = 0; t < columns; ++t) x.push_back(row + static_cast<float>(t));
    }
    std::vector<double> mean(static_cast<std::size_t>(columns), 7), squares(mean);
    kernels::column_moments(3, columns, x.data(), mean.data(), squares.data());
    for (std::int64_t t = 0; t < columns; ++t) {
      EXPECT_DOUBLE_EQ(mean[static_cast<std::size_t>(t)], static_cast<double>(t + 2));
      EXPECT_DOUBLE_EQ(squares[static_cast<std::size_t>(t)], 14);
    }
  }
}

// 1e6 away from zero, where the difference of two sums of floats would be lost.
TEST(ColumnMoments, FarFromZero) {
  const std::vector<float> x = {1e6F, 1e6F + 1};
  double mean = 0, squares = 0;
  kernels::column_moments(2, 1, x.data(), &mean, &squares);
  EXPECT_EQ(mean, 1e6 + 0.5);
  EXPECT_EQ(squares, 0.5);
}

}  // namespace
}  // namespace ekgine::testing
