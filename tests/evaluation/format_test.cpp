#include "evaluation/format.h"

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

}  // namespace
}  // namespace ekgine
