#include "base/json_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

using testing::TemporaryDirectory;
using testing::write_bytes;

TEST(SealedJson, AcceptsNoFlippedBit) {
  const TemporaryDirectory folder;
  const auto path = folder.path() / "f.json";
  const std::string text = sealed_json({{"epochs", 3}, {"name", "x"}});
  write_bytes(path, text);
  EXPECT_EQ(read_json(path, Sealed::required), parse_json(R"({"epochs": 3, "name": "x"})"));
  for (std::size_t bit = 0; bit < 8 * text.size(); ++bit) {
    std::string flipped = text;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
    write_bytes(path, flipped);
    EXPECT_THROW(read_json(path, Sealed::required), Error) << flipped;
  }
}

TEST(SealedJson, MayBeMissingWhereFilesComeFromElsewhere) {
  const TemporaryDirectory folder;
  const auto path = folder.path() / "f.json";
  write_bytes(path, R"({"b": 1, "a": 2})");
  EXPECT_EQ(read_json(path, Sealed::if_present).dump(), R"({"b":1,"a":2})");
  EXPECT_THROW(read_json(path, Sealed::required), Error);
}

TEST(JsonAs, TakesNoValueForAnother) {
  const auto parsed = [](const char* text) { return parse_json(text); };
  EXPECT_EQ(json_as<std::int64_t>(parsed("7")), 7);
  EXPECT_EQ(json_as<std::int64_t>(parsed("-7")), -7);
  EXPECT_EQ(json_as<std::uint64_t>(parsed("18446744073709551615")), 18446744073709551615U);
  for (const char* other :
       {"7.0", "1e300", "true", "null", "\"7\"", "[7]", "9223372036854775808"}) {
    EXPECT_EQ(json_as<std::int64_t>(parsed(other)), std::nullopt) << other;
  }
  EXPECT_EQ(json_as<std::uint64_t>(parsed("-1")), std::nullopt);
  EXPECT_EQ(json_as<double>(parsed("7")), 7.0);
  EXPECT_EQ(json_as<double>(parsed("true")), std::nullopt);
  EXPECT_EQ(json_as<double>(Json(std::numeric_limits<double>::infinity())), std::nullopt);
  EXPECT_EQ(json_as<bool>(parsed("1")), std::nullopt);
  EXPECT_EQ(json_as<std::vector<std::string>>(parsed(R"(["a", "b"])")),
            (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(json_as<std::vector<std::string>>(parsed(R"(["a", 1])")), std::nullopt);
  EXPECT_EQ(json_as<std::vector<std::string>>(parsed(R"({"a": "b"})")), std::nullopt);
}

TEST(JsonText, IsUtf8WhateverItHolds) {
  EXPECT_EQ(json_text({{"path", "a\xff"}}), "{\"path\":\"a\uFFFD\"}");
}

}  // namespace
}  // namespace ekgine
