#include "engine/ranks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <string>
#include <vector>

#include "base/error.h"
#include "tests/support/expect_error.h"
#include "tests/support/thread_ranks.h"

namespace ekgine {
namespace {

using ::testing::ElementsAre;
using testing::run_ranks;

constexpr int most_ranks = 4;

// Values whose sum depends on the order in which they are added.
template <class T>
T value(int rank, std::int64_t i) {
  const T parts[] = {T(1e8), T(1), T(-1e8), T(0.3)};
  return parts[(rank + i) % 4] + static_cast<T>(rank);
}

template <class T>
std::vector<T> values(int rank, std::int64_t n) {
  std::vector<T> all;
  for (std::int64_t i = 0; i < n; ++i) all.push_back(value<T>(rank, i));
  return all;
}

// In the order of the ranks.
template <class T>
std::vector<T> plain_sum(int ranks, std::int64_t n) {
  std::vector<T> sum = values<T>(0, n);
  for (int r = 1; r < ranks; ++r) {
    for (std::int64_t i = 0; i < n; ++i) sum[static_cast<std::size_t>(i)] += value<T>(r, i);
  }
  return sum;
}

TEST(Ranks, SlicesAreConsecutiveAndNearlyEqual) {
  NoOthers one;
  EXPECT_EQ(one.slice(5).first, 0);
  EXPECT_EQ(one.slice(5).count, 5);
  for (int count = 1; count <= most_ranks; ++count) {
    run_ranks(count, [&](Ranks& ranks) {
      for (const std::int64_t all : {0, 1, 3, 4, 7, 128}) {
        std::int64_t next = 0, before = all;
        for (int r = 0; r < count; ++r) {
          const Slice slice = ranks.slice(all, r);
          EXPECT_EQ(slice.first, next);
          EXPECT_LE(slice.count, before);
          EXPECT_GE(slice.count, all / count);
          EXPECT_LE(slice.count, all / count + 1);
          next += slice.count;
          before = slice.count;
        }
        EXPECT_EQ(next, all);
      }
    });
  }
}

TEST(Ranks, AllHaveTheRowsOfAll) {
  for (int count = 1; count <= most_ranks; ++count) {
    run_ranks(count, [&](Ranks& ranks) {
      for (const std::int64_t rows : {0, 1, 2, 3, 7, 12}) {
        std::vector<float> expected(static_cast<std::size_t>(rows * 3));
        std::iota(expected.begin(), expected.end(), 1.0F);
        const Slice slice = ranks.slice(rows);
        const auto begin = expected.begin() + slice.first * 3;
        const std::vector<float> mine(begin, begin + slice.count * 3);
        std::vector<float> all(expected.size(), -1);
        ranks.gather_rows(rows, 3, mine.data(), all.data());
        EXPECT_EQ(all, expected);

        std::vector<float> in_place(expected.size(), -1);
        std::copy(mine.begin(), mine.end(), in_place.begin() + slice.first * 3);
        ranks.gather_rows(rows, 3, in_place.data() + slice.first * 3, in_place.data());
        EXPECT_EQ(in_place, expected);
      }
    });
  }
}

template <class T>
void sums_are_in_the_order_of_the_ranks() {
  for (int count = 1; count <= most_ranks; ++count) {
    run_ranks(count, [&](Ranks& ranks) {
      for (const std::int64_t rows : {0, 1, 2, 3, 7, 12}) {
        const std::int64_t width = 2, n = rows * width;
        const std::vector<T> expected = plain_sum<T>(count, n), mine = values<T>(ranks.rank(), n);
        std::vector<T> whole = mine;
        ranks.sum(n, whole.data());
        EXPECT_EQ(whole, expected);

        const Slice slice = ranks.slice(rows);
        std::vector<T> part(static_cast<std::size_t>(slice.count * width), T(-1));
        ranks.sum_slice(rows, width, mine.data(), part.data());
        const auto begin = expected.begin() + slice.first * width;
        EXPECT_EQ(part, std::vector<T>(begin, begin + slice.count * width));
      }
    });
  }
}

TEST(Ranks, SumsAreInTheOrderOfTheRanks) {
  sums_are_in_the_order_of_the_ranks<float>();
  sums_are_in_the_order_of_the_ranks<double>();
  // What holds nothing of the order would show nothing.
  EXPECT_NE(value<float>(0, 0) + value<float>(1, 0) + value<float>(2, 0),
            value<float>(0, 0) + value<float>(2, 0) + value<float>(1, 0));
}

TEST(Ranks, BytesOfAllAreInTheirOrder) {
  run_ranks(3, [](Ranks& ranks) {
    const std::array<char, 2> mine = {static_cast<char>('a' + ranks.rank()), 'z'};
    const std::vector<std::array<char, 2>> all = ranks.gather(mine);
    EXPECT_THAT(all, ElementsAre(std::array{'a', 'z'}, std::array{'b', 'z'}, std::array{'c', 'z'}));
    const std::string text(static_cast<std::size_t>(2 - ranks.rank()), 'x');
    EXPECT_THAT(ranks.gather_texts(text), ElementsAre("xx", "x", ""));
    EXPECT_THAT(ranks.gather_texts(""), ElementsAre("", "", ""));
    EXPECT_TRUE(ranks.any(ranks.rank() == 1));
    EXPECT_FALSE(ranks.any(false));
  });
}

// The support itself: a rank that ends leaves none waiting.
TEST(ThreadRanks, TheFirstErrorIsThrown) {
  const auto one_throws = [](Ranks& ranks) {
    if (ranks.rank() == 1) fail("rank 1 is out of order");
    ranks.any(false);
  };
  EXPECT_ERROR(run_ranks(3, one_throws), "rank 1 is out of order");
  const auto one_leaves = [](Ranks& ranks) {
    if (ranks.rank() != 2) ranks.any(false);
  };
  EXPECT_ERROR(run_ranks(3, one_leaves), "another rank has ended");
  const auto others_sum = [](Ranks& ranks) {
    float one = 1;
    if (ranks.rank() == 0) {
      ranks.any(false);
    } else {
      ranks.sum(1, &one);
    }
  };
  EXPECT_ERROR(run_ranks(2, others_sum), " calls all_");
}

}  // namespace
}  // namespace ekgine
