#include "engine/check_same.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/expect_error.h"
#include "tests/support/thread_ranks.h"

namespace ekgine {
namespace {

using testing::run_ranks;

// What all ranks say, which is the same.
std::string said(const std::vector<std::string>& texts) {
  std::vector<std::string> errors(texts.size());
  run_ranks(static_cast<int>(texts.size()), [&](Ranks& ranks) {
    const auto rank = static_cast<std::size_t>(ranks.rank());
    try {
      check_same(ranks, "options", texts[rank]);
    } catch (const AgreedError& error) {
      errors[rank] = error.what();
    }
    float one = 1;  // all are here, whatever was said
    ranks.sum(1, &one);
    EXPECT_EQ(one, static_cast<float>(texts.size()));
  });
  for (const std::string& error : errors) EXPECT_EQ(error, errors[0]);
  return errors[0];
}

TEST(CheckSame, NamesTheRankAndTheLineThatDiffers) {
  const std::string host = host_name();
  EXPECT_EQ(said({"", "", ""}), "");
  EXPECT_EQ(said({"a\nb\n", "a\nb\n"}), "");
  EXPECT_EQ(said({"one text", "one text", "another"}),
            "options: rank 2 on " + host + " has 'another', rank 0 on " + host + " 'one text'");
  EXPECT_EQ(said({"epochs = 3\nseed = 1\n", "epochs = 3\nseed = 2\n", "epochs = 9\nseed = 1\n"}),
            "options: rank 1 on " + host + " has 'seed = 2' in line 2, rank 0 on " + host +
                " 'seed = 1'");
  EXPECT_EQ(said({"a\nb\n", "a\n"}),
            "options: rank 1 on " + host + " has nothing in line 2, rank 0 on " + host + " 'b'");
  EXPECT_EQ(said({"", "EKGINE_GRAPH=0"}),
            "options: rank 1 on " + host + " has 'EKGINE_GRAPH=0', rank 0 on " + host + " nothing");
}

}  // namespace
}  // namespace ekgine
