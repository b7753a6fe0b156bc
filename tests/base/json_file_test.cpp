#include "base/json_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using testing::TemporaryDirectory;
using testing::write_bytes;

std::string refusal(const std::string& text) {
  try {
    parse_json(text, "f");
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(ParseJson, RefusesAKeyTwiceAtAnyDepth) {
  EXPECT_EQ(refusal(R"({"a": 1, "a": 2})"), "f: 'a' is given twice");
  EXPECT_EQ(refusal(R"({"b": [{"a": 1, "c": {"a": 2}, "a": 3}]})"), "f: 'a' is given twice");
  EXPECT_EQ(parse_json(R"({"a": {"a": 1}, "b": {"a": 2}})", "f").size(), 2u);
}

TEST(ParseJson, RefusesDeepNesting) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_EQ(refusal(nested(64)), "accepted");
  EXPECT_EQ(refusal(nested(65)), "f: is nested deeper than 64 levels");
  EXPECT_EQ(refusal(nested(200'000)), "f: is nested deeper than 64 levels");
}

TEST(ParseJson, SaysWhereItIsNoJson) {
  EXPECT_EQ(refusal("{\"a\": }"), "f: not JSON: unexpected at byte 7 of 7");
  EXPECT_EQ(refusal("{\"a\": 1"), "f: not JSON: it ends too early, after 7 bytes");
  EXPECT_EQ(refusal("1e999"), "f: not JSON: holds a number that is too large");
}

TEST(SealedJson, AcceptsNoFlippedBit) {
  const TemporaryDirectory folder;
  const auto path = folder.path() / "f.json";
  const std::string text = sealed_json({{"epochs", 3}, {"name", "x"}});
  write_bytes(path, text);
  EXPECT_EQ(read_json(path, Sealed::required), json::parse(R"({"epochs": 3, "name": "x"})"));
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
  EXPECT_EQ(read_json<ordered_json>(path, Sealed::if_present).dump(), R"({"b":1,"a":2})");
  EXPECT_THROW(read_json(path, Sealed::required), Error);
}

TEST(JsonAs, TakesNoValueForAnother) {
  const auto parsed = [](const char* text) { return json::parse(text); };
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
  EXPECT_EQ(json_as<double>(json(std::numeric_limits<double>::infinity())), std::nullopt);
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
