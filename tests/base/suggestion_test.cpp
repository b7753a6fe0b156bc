#include "base/suggestion.h"

#include <gtest/gtest.h>

#include <vector>

namespace ekgine {
namespace {

TEST(DidYouMean, FindsWhatIsNear) {
  const std::vector<std::string> words = {"evaluate", "export", "train", "tune", "--epochs"};
  EXPECT_EQ(did_you_mean("evalute", words), "; did you mean evaluate?");  // one is missing
  EXPECT_EQ(did_you_mean("trrain", words), "; did you mean train?");      // one too many
  EXPECT_EQ(did_you_mean("trian", words), "; did you mean train?");       // two swapped
  EXPECT_EQ(did_you_mean("tuna", words), "; did you mean tune?");         // one is wrong
  EXPECT_EQ(did_you_mean("EXPORT", words), "; did you mean export?");     // case
  EXPECT_EQ(did_you_mean("eval", words), "; did you mean evaluate?");     // the beginning
  EXPECT_EQ(did_you_mean("--epoch", words), "; did you mean --epochs?");
}

TEST(DidYouMean, SaysNothingOfWhatIsNot) {
  const std::vector<std::string> words = {"evaluate", "train"};
  EXPECT_EQ(did_you_mean("download", words), "");
  EXPECT_EQ(did_you_mean("", words), "");
  EXPECT_EQ(did_you_mean(std::string(1000000, 't'), words), "");
  EXPECT_EQ(did_you_mean("train", {}), "");
}

}  // namespace
}  // namespace ekgine
