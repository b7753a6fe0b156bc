#include "ranks/cores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <initializer_list>

#include "engine/check_same.h"
#include "tests/support/thread_ranks.h"

namespace ekgine {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

RankCores rank(const char* host, std::initializer_list<int> cores, int threads) {
  RankCores one;
  std::strncpy(one.host.data(), host, one.host.size() - 1);
  CPU_ZERO(&one.cores);
  for (const int core : cores) CPU_SET(core, &one.cores);
  one.threads = threads;
  return one;
}

TEST(Cores, NamesMachinesWithMoreThreadsThanCores) {
  EXPECT_THAT(crowded({rank("a", {0, 1, 2, 3}, 2), rank("a", {0, 1, 2, 3}, 2)}), IsEmpty());
  EXPECT_THAT(crowded({rank("a", {0, 1}, 2), rank("b", {0, 1}, 2)}), IsEmpty());
  EXPECT_THAT(crowded({rank("a", {0, 1, 2, 3}, 4), rank("a", {0, 1, 2, 3}, 4), rank("b", {0}, 1)}),
              ElementsAre(StartsWith("a: 2 ranks with 8 threads may run on 4 cores only, and will "
                                     "be slow; give each --threads 2,")));
  EXPECT_THAT(crowded({rank("a", {0}, 2), rank("b", {0}, 1), rank("b", {0}, 1)}),
              ElementsAre(StartsWith("a: 1 rank with 2 threads may run on 1 core only, and will be "
                                     "slow; give each --threads 1,"),
                          StartsWith("b: 2 ranks with 2 threads may run on 1 core only")));
  EXPECT_THAT(crowded({rank("a", {}, 2)}), IsEmpty()) << "it does not tell its cores";
}

TEST(Cores, AreThoseOfAllRanks) {
  testing::run_ranks(2, [](Ranks& ranks) {
    EXPECT_THAT(crowded(ranks, 4000),
                ElementsAre(StartsWith(host_name() + ": 2 ranks with 8000 ")));
  });
}

}  // namespace
}  // namespace ekgine
