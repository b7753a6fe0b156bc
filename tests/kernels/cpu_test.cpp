#include "kernels/runtime/cpu.h"

#include <gtest/gtest.h>

#include <mutex>
#include <set>
#include <tuple>
#include <vector>

#include "tests/support/thread_count.h"

namespace ekgine::testing {
namespace {

TEST(ParallelFor, CoversEveryItemOnceInPartsOfAtLeastTheGrain) {
  for (const int threads : {1, 2, 3, 8}) {
    const ThreadCount count(threads);
    for (const std::int64_t n : {0, 1, 2, 3, 31, 32, 33, 127, 129, 187, 1000}) {
      for (const std::int64_t grain : {0, 1, 2, 32, 100, 5000}) {
        std::mutex mutex;
        std::set<std::tuple<std::int64_t, std::int64_t, int>> ranges;
        const int parts =
            parallel_for(n, grain, [&](std::int64_t begin, std::int64_t end, int part) {
              const std::lock_guard lock(mutex);
              ranges.insert({begin, end, part});
            });
        ASSERT_EQ(static_cast<int>(ranges.size()), parts);
        ASSERT_LE(parts, threads);
        ASSERT_EQ(parts == 0, n == 0);
        std::int64_t next = 0;
        int expected_part = 0;
        for (const auto& [begin, end, part] : ranges) {
          ASSERT_EQ(begin, next);
          ASSERT_EQ(part, expected_part++);
          if (parts > 1) {
            ASSERT_GE(end - begin, grain) << n << " items on " << threads << " threads";
          }
          next = end;
        }
        ASSERT_EQ(next, n);
      }
    }
  }
}

TEST(ParallelFor, UsesAllThreadsForEnoughWork) {
  const ThreadCount count(4);
  EXPECT_EQ(parallel_for(400, 100, [](std::int64_t, std::int64_t, int) {}), 4);
  EXPECT_EQ(parallel_for(399, 100, [](std::int64_t, std::int64_t, int) {}), 3);
  EXPECT_EQ(parallel_for(199, 100, [](std::int64_t, std::int64_t, int) {}), 1);
}

TEST(Gradient, AssignsOrAdds) {
  std::vector<double> values = {5, 5};
  EXPECT_FALSE(Gradient<double>{});
  const Gradient<double> assigned{values.data(), false}, added{values.data() + 1, true};
  EXPECT_TRUE(assigned);
  assigned.put(0, 2);
  added.put(0, 2);
  EXPECT_EQ(values, (std::vector<double>{2, 7}));
}

}  // namespace
}  // namespace ekgine::testing
