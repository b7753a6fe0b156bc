#include "base/shard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/support/expect_error.h"

namespace ekgine::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Shard, IsReadFromText) {
  EXPECT_EQ(parse_shard("2/3", "--shard").number, 2);
  EXPECT_EQ(parse_shard("2/3", "--shard").of, 3);
  EXPECT_EQ(parse_shard("1/1", "--shard").of, 1);
  EXPECT_EQ(parse_shard("1000000/1000000", "--shard").number, 1000000);
}

TEST(Shard, RefusesWhatIsNone) {
  for (const char* text : {"",     "/",     "1",     "1/",        "/2",
                           "0/2",  "3/2",   "1/0",   "-1/2",      "1/-2",
                           "+1/2", "1/2/3", "a/2",   "1/b",       " 1/2",
                           "1 /2", "1/2 ",  "1.0/2", "1/1000001", "1/99999999999999999999",
                           "0x1/2"}) {
    EXPECT_ERROR(parse_shard(text, "--shard"),
                 std::string("--shard: '") + text +
                     "' is no part of a list, expected K/N with 1 <= K <= N <= 1000000");
  }
}

TEST(Shard, PartsMakeTheListAndNoneHasAnothersEntry) {
  std::vector<int> list(17);
  for (int i = 0; i < 17; ++i) list[static_cast<std::size_t>(i)] = i;
  for (std::int64_t of = 1; of <= 20; ++of) {
    std::vector<int> all;
    for (std::int64_t number = 1; number <= of; ++number) {
      const std::vector<int> part = part_of(list, {number, of});
      EXPECT_TRUE(std::ranges::is_sorted(part));
      EXPECT_LE(std::ssize(part), 17 / of + 1) << "dealt evenly";
      all.insert(all.end(), part.begin(), part.end());
    }
    std::ranges::sort(all);
    EXPECT_EQ(all, list) << of;
  }
  EXPECT_THAT(part_of(list, {2, 5}), ElementsAre(1, 6, 11, 16));
  EXPECT_THAT(part_of(list, {18, 18}), IsEmpty());
}

}  // namespace
}  // namespace ekgine::testing
