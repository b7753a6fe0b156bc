#include "research/hyperband.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace ekgine::testing {
namespace {

using Brackets = std::vector<std::vector<Round>>;

// Of KerasTuner 1.4's HyperbandOracle: _get_size and _get_epochs.
TEST(Hyperband, BracketsAreThoseOfKerasTuner) {
  EXPECT_EQ(hyperband_brackets(20, 3),
            (Brackets{{{12, 3}, {4, 7}, {2, 20}}, {{6, 7}, {2, 20}}, {{4, 20}}}));
  EXPECT_EQ(hyperband_brackets(10, 3),
            (Brackets{{{12, 2}, {4, 4}, {2, 10}}, {{6, 4}, {2, 10}}, {{4, 10}}}));
  EXPECT_EQ(hyperband_brackets(4, 2),
            (Brackets{{{4, 1}, {2, 2}, {1, 4}}, {{3, 2}, {2, 4}}, {{3, 4}}}));
  EXPECT_EQ(hyperband_brackets(1, 3), (Brackets{{{1, 1}}}));
  EXPECT_EQ(hyperband_brackets(2, 3), (Brackets{{{2, 2}}}));
}

// log(243)/log(3) is 4.999…: in floating point the bracket of 81 trials would be missing.
TEST(Hyperband, ExactPowersHaveAllTheirBrackets) {
  const Brackets brackets = hyperband_brackets(243, 3);
  ASSERT_EQ(brackets.size(), 6u);
  EXPECT_EQ(brackets[0].front(), (Round{243, 1}));
  EXPECT_EQ(brackets[0].back(), (Round{1, 243}));
  EXPECT_EQ(brackets[5], (std::vector<Round>{{6, 243}}));
}

TEST(Hyperband, RoundsShrinkAndGoOn) {
  for (const std::int64_t factor : {2, 3, 5}) {
    for (std::int64_t epochs = 1; epochs <= 130; ++epochs) {
      for (const auto& rounds : hyperband_brackets(epochs, factor)) {
        EXPECT_EQ(rounds.back().epochs, epochs);
        for (std::size_t i = 0; i < rounds.size(); ++i) {
          EXPECT_GE(rounds[i].trials, 1);
          EXPECT_GE(rounds[i].epochs, 1);
          if (i == 0) continue;
          EXPECT_LE(rounds[i].trials, rounds[i - 1].trials);
          EXPECT_GT(rounds[i].epochs, rounds[i - 1].epochs);
        }
      }
    }
  }
}

TEST(Hyperband, RefusesWhatMeansNothing) {
  EXPECT_ERROR(hyperband_brackets(0, 3), "hyperband: the epochs must be 1 or more, got 0");
  EXPECT_ERROR(hyperband_brackets(9, 1), "hyperband: the factor must be 2 or more, got 1");
}

}  // namespace
}  // namespace ekgine::testing
