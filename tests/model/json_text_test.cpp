#include "model/json_text.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/json.h"

namespace ekgine {
namespace {

TEST(Brief, ShowsSmallValuesWhole) {
  EXPECT_EQ(brief("same"), R"("same")");
  EXPECT_EQ(brief(parse_json("[null,3,32]")), "[null,3,32]");
  EXPECT_EQ(brief(Json::array()), "[]");
  EXPECT_EQ(brief(nullptr), "null");
  EXPECT_EQ(brief(0.001), "0.001");
}

TEST(Brief, KeepsToOneShortLine) {
  EXPECT_EQ(brief("a\nb"), R"("a\nb")");
  EXPECT_EQ(brief(Json::object({{"a", 1}})), "an object");
  EXPECT_EQ(brief(Json(std::vector<int>(21, 1))), "an array");
  EXPECT_EQ(brief(std::string(1000, 'x')), fmt::format("\"{}...", std::string(79, 'x')));
  // Cut between characters: the quote and 39 two-byte characters are 79 bytes.
  std::string umlauts;
  for (int i = 0; i < 100; ++i) umlauts += "ü";
  EXPECT_EQ(brief(umlauts), fmt::format("\"{}...", umlauts.substr(0, 78)));
}

TEST(Brief, ShowsNoListsOfLists) {
  EXPECT_EQ(brief(parse_json("[[1]]")), "an array");
  EXPECT_EQ(brief(parse_json(R"([{"a": 1}])")), "an array");
}

}  // namespace
}  // namespace ekgine
