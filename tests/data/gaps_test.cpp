#include "data/gaps.h"

#include <gtest/gtest.h>

#include <cmath>

namespace ekgine {
namespace {

TEST(Gaps, AreBridgedByALine) {
  const float nan = std::nanf("");
  std::vector<float> signal = {nan, 2, nan, nan, 5, nan};
  const std::vector<Gap> gaps = bridge_gaps(signal);
  EXPECT_EQ(signal, (std::vector<float>{2, 2, 3, 4, 5, 5}));
  ASSERT_EQ(gaps.size(), 3u);
  EXPECT_EQ(gaps[1].begin, 2);
  EXPECT_EQ(gaps[1].end, 4);
  std::vector<float> nothing = {nan, nan};
  EXPECT_EQ(bridge_gaps(nothing).size(), 1u);
  EXPECT_EQ(nothing, (std::vector<float>{0, 0}));
}

}  // namespace
}  // namespace ekgine
