#include "base/json.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <new>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/expect_error.h"

namespace ekgine {
namespace {

using Limits64 = std::numeric_limits<std::int64_t>;

// What the JsonError of an action says; "none" without one.
template <class Action>
std::string refusal(const Action& action) {
  try {
    action();
  } catch (const JsonError& error) {
    return error.what();
  }
  return "none";
}

TEST(Json, KnowsItsKind) {
  struct Kind {
    Json json;
    const char* name;
    bool number = false, integer = false, is_unsigned = false, is_float = false;
  };
  for (const Kind& kind :
       {Kind{nullptr, "null"}, Kind{true, "boolean"}, Kind{1, "number", true, true, true},
        Kind{-1, "number", true, true}, Kind{1.0, "number", true, false, false, true},
        Kind{"x", "string"}, Kind{Json::array(), "array"}, Kind{Json::object(), "object"}}) {
    const std::string name = kind.name;
    EXPECT_EQ(kind.json.type_name(), name);
    EXPECT_EQ(kind.json.is_null(), name == "null");
    EXPECT_EQ(kind.json.is_boolean(), name == "boolean");
    EXPECT_EQ(kind.json.is_string(), name == "string");
    EXPECT_EQ(kind.json.is_array(), name == "array");
    EXPECT_EQ(kind.json.is_object(), name == "object");
    EXPECT_EQ(kind.json.is_number(), kind.number) << kind.json;
    EXPECT_EQ(kind.json.is_number_integer(), kind.integer) << kind.json;
    EXPECT_EQ(kind.json.is_number_unsigned(), kind.is_unsigned) << kind.json;
    EXPECT_EQ(kind.json.is_number_float(), kind.is_float) << kind.json;
  }
}

TEST(Json, KeepsKeysInTheirOrder) {
  Json json = {{"z", 1}, {"a", {{"y", 2}, {"b", 3}}}, {"z", 4}};
  json["m"] = Json::array({1, "two", nullptr});
  EXPECT_EQ(json.dump(), R"({"z":4,"a":{"y":2,"b":3},"m":[1,"two",null]})");
  json.erase("a");
  json.erase("never there");
  json.update({{"n", true}, {"z", 5}});
  EXPECT_EQ(json.dump(), R"({"z":5,"m":[1,"two",null],"n":true})");
  EXPECT_EQ(parse_json(json.dump()).dump(), json.dump());
}

TEST(Json, IndentsOnRequest) {
  const Json json = {{"a", Json::array({1, Json::array()})}, {"b", Json::object()}};
  EXPECT_EQ(json.dump(2), "{\n  \"a\": [\n    1,\n    []\n  ],\n  \"b\": {}\n}");
}

// Braces with two texts are a member, never a list or a text between two pointers.
TEST(Json, TakesBracesForAnObject) {
  EXPECT_EQ(Json({{"a", "b"}}).dump(), R"({"a":"b"})");
  const Json one = {{"a", 1}};
  EXPECT_EQ(Json{one}.dump(), R"({"a":1})");
  EXPECT_EQ(Json::array({one}).dump(), R"([{"a":1}])");
  EXPECT_EQ(Json(std::vector<std::string>{"a", "b"}).dump(), R"(["a","b"])");
  EXPECT_EQ(Json(std::vector<std::vector<std::int64_t>>{{1}, {}}).dump(), "[[1],[]]");
}

TEST(Json, NullBecomesWhatIsPutIn) {
  Json list, object, null;
  EXPECT_EQ(list.push_back(1), 1);
  object["a"]["b"] = 2;
  EXPECT_EQ(list.dump() + object.dump(), R"([1]{"a":{"b":2}})");
  EXPECT_TRUE(std::as_const(null).items().empty());
  EXPECT_TRUE(null.is_null());
  null.update({{"c", 3}});
  EXPECT_EQ(null.dump(), R"({"c":3})");
  EXPECT_EQ(Json().size(), 0U);
  EXPECT_EQ(Json(7).size(), 1U);
  EXPECT_EQ(list.size(), 1U);
  EXPECT_TRUE(Json::object().empty());
}

TEST(Json, IteratesLists) {
  Json list = Json::array({1, 2, 3});
  for (Json& element : list) element = element.get<int>() * 2;
  EXPECT_EQ(list, Json::array({2, 4, 6}));
  EXPECT_EQ(Json().begin(), Json().end());
  EXPECT_EQ(refusal([] { Json("x").begin(); }), "type must be array, but is string");
}

TEST(Json, SaysWhatItIsNot) {
  const Json json = {{"a", Json::array({1})}, {"text", "x"}, {"half", 0.5}, {"least", -1}};
  EXPECT_EQ(refusal([&] { json.at("b"); }), "key 'b' not found");
  EXPECT_EQ(refusal([&] { json["b"]; }), "key 'b' not found");
  EXPECT_EQ(refusal([&] { json.at("a").at(1); }), "array index 1 is out of range");
  EXPECT_EQ(refusal([&] { json.at("text").at("b"); }), "cannot use at() with string");
  EXPECT_EQ(refusal([&] { json.at(0); }), "cannot use at() with object");
  EXPECT_EQ(refusal([&] { json.at("a").text(); }), "type must be string, but is array");
  EXPECT_EQ(refusal([&] { json.at("text").get<double>(); }), "type must be number, but is string");
  EXPECT_EQ(refusal([&] { json.at("least").get<bool>(); }), "type must be boolean, but is number");
  EXPECT_EQ(refusal([&] { json.at("half").get<int>(); }), "0.5 is no integer, or too large");
  EXPECT_EQ(refusal([&] { json.at("least").get<std::uint64_t>(); }),
            "-1 is no integer, or too large");
  EXPECT_EQ(refusal([&] { json.at("a").items(); }), "type must be object, but is array");
  Json text = "x";
  EXPECT_EQ(refusal([&] { text["a"] = 1; }),
            "cannot use operator[] with a string argument with string");
  EXPECT_EQ(refusal([&] { text.push_back(1); }), "cannot use push_back() with string");
  EXPECT_EQ(refusal([&] {
              text.update({{"a", 1}});
            }),
            "cannot use operator[] with a string argument with string");
  EXPECT_EQ(refusal([&] { text.erase("a"); }), "type must be object, but is string");
  EXPECT_EQ(json.find("b"), nullptr);
  EXPECT_EQ(text.find("b"), nullptr);
  EXPECT_EQ(json.find("text"), &json.at("text"));
}

TEST(Json, KeepsWholeNumbersWhole) {
  for (const char* text : {"0", "-1", "9223372036854775807", "-9223372036854775808",
                           "9223372036854775808", "18446744073709551615"}) {
    const Json json = parse_json(text);
    EXPECT_TRUE(json.is_number_integer()) << text;
    EXPECT_EQ(json.is_number_unsigned(), text[0] != '-') << text;
    EXPECT_EQ(json.dump(), text);
  }
  EXPECT_EQ(parse_json("-9223372036854775808").get<std::int64_t>(), Limits64::min());
  EXPECT_EQ(Json(Limits64::max()), parse_json("9223372036854775807"));
  EXPECT_EQ(Json(18446744073709551615U).get<std::uint64_t>(), 18446744073709551615U);
  EXPECT_EQ(refusal([] { Json(18446744073709551615U).get<std::int64_t>(); }),
            "18446744073709551615 is no integer, or too large");
  // Beyond both they are doubles.
  EXPECT_EQ(parse_json("18446744073709551616").dump(), "1.8446744073709552e+19");
}

TEST(Json, WritesDoublesThatReadBackTheSame) {
  struct Written {
    double value;
    const char* text;
  };
  for (const auto& [value, text] :
       {Written{0.0, "0.0"}, Written{-0.0, "-0.0"}, Written{1.0, "1.0"}, Written{0.1, "0.1"},
        Written{1e300, "1e+300"}, Written{1e308, "1e+308"}, Written{-1.5e-7, "-1.5e-07"},
        Written{1e14, "100000000000000.0"}, Written{1e15, "1e+15"},
        Written{std::numeric_limits<double>::max(), "1.7976931348623157e+308"},
        Written{std::numeric_limits<double>::min(), "2.2250738585072014e-308"},
        Written{std::numeric_limits<double>::denorm_min(), "5e-324"},
        Written{1.0 / 3.0, "0.3333333333333333"}}) {
    EXPECT_EQ(Json(value).dump(), text);
    const Json back = parse_json(text);
    ASSERT_TRUE(back.is_number_float()) << text;
    EXPECT_EQ(std::bit_cast<std::uint64_t>(back.get<double>()),
              std::bit_cast<std::uint64_t>(value));
  }
  EXPECT_EQ(Json(std::nan("")).dump(), "null");
  EXPECT_EQ(Json(-std::numeric_limits<double>::infinity()).dump(), "null");
}

TEST(Json, EscapesTexts) {
  const std::string text = "\"\\/\b\f\n\r\t\x01 ü €  \U0001F600\x7f";
  EXPECT_EQ(Json(text).dump(), "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001 ü €  \U0001F600\x7f\"");
  EXPECT_EQ(Json("ü\U0001F600\x7f").dump(-1, JsonText::ascii), R"("\u00fc\ud83d\ude00\u007f")");
  EXPECT_EQ(parse_json(Json(text).dump()).text(), text);
  EXPECT_EQ(parse_json(Json(text).dump(-1, JsonText::ascii)).text(), text);
}

TEST(Json, WritesNoBytesThatAreNoUtf8) {
  const Json json = {{"k\xff", "a\xc3"}};
  EXPECT_EQ(refusal([&] { json.dump(); }), "a text is not UTF-8");
  EXPECT_EQ(json.dump(-1, JsonText::replaced), "{\"k\uFFFD\":\"a\uFFFD\"}");
  EXPECT_EQ(json.dump(-1, JsonText::ascii), R"({"k\ufffd":"a\ufffd"})");
  std::ostringstream shown;
  shown << json;
  EXPECT_EQ(shown.str(), json.dump(-1, JsonText::replaced));
}

TEST(Json, ComparesByValue) {
  EXPECT_EQ(Json(1), Json(1.0));
  EXPECT_EQ(Json(-1), Json(-1.0));
  EXPECT_NE(Json(1), Json(true));
  EXPECT_NE(Json(0), Json());
  EXPECT_NE(Json("1"), Json(1));
  EXPECT_NE(Json(-1), Json(18446744073709551615U));
  EXPECT_NE(Json(std::nan("")), Json(std::nan("")));
  EXPECT_EQ(Json({{"a", 1}, {"b", 2}}), Json({{"b", 2.0}, {"a", 1}}));
  EXPECT_NE(Json({{"a", 1}, {"b", 2}}), Json({{"a", 1}}));
  EXPECT_NE(Json({{"a", 1}}), Json({{"b", 1}}));
  EXPECT_EQ(Json::array({Json({{"a", 1}, {"b", 2}})}), Json::array({Json({{"b", 2}, {"a", 1}})}));
  EXPECT_NE(Json::array({1, 2}), Json::array({2, 1}));
  EXPECT_NE(Json::array(), Json::object());
}

TEST(Json, GivesListsOfOneKind) {
  const Json list = parse_json("[1, 2]");
  EXPECT_EQ(list.get<std::vector<std::int64_t>>(), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(list.get<std::vector<double>>(), (std::vector<double>{1, 2}));
  EXPECT_EQ(refusal([&] { list.get<std::vector<std::string>>(); }),
            "type must be string, but is number");
  EXPECT_EQ(refusal([] { Json(1).get<std::vector<double>>(); }),
            "type must be array, but is number");
}

TEST(Json, IsCopiedWhole) {
  Json json = {{"a", Json::array({1, 2})}};
  const Json copy = json;
  json["a"].push_back(3);
  EXPECT_EQ(copy.dump(), R"({"a":[1,2]})");
  json = json.at("a");  // a part of itself
  json = json.at(2);
  EXPECT_EQ(json, 3);
}

#ifndef __SANITIZE_ADDRESS__
// A text, within a list, within an object. It is larger than what malloc keeps for later.
TEST(Json, IsNotHalfCopiedWithoutMemory) {
  const std::string text(std::size_t{40} << 20, 'x');
  const auto copy_without_memory = [](const Json& json) {
    const rlimit none{0, 0};
    setrlimit(RLIMIT_AS, &none);
    try {
      const Json copy = json;
    } catch (const std::bad_alloc&) {
      std::_Exit(7);
    }
    std::_Exit(1);
  };
  Json value = text;
  EXPECT_EXIT(copy_without_memory(value), ::testing::ExitedWithCode(7), "");
  value = Json::array({1, std::move(value)});
  EXPECT_EXIT(copy_without_memory(value), ::testing::ExitedWithCode(7), "");
  value = {{"a", "b"}, {"c", std::move(value)}};
  EXPECT_EXIT(copy_without_memory(value), ::testing::ExitedWithCode(7), "");
}
#endif

TEST(ParseJson, ReadsWhatIsThere) {
  const Json json =
      parse_json(R"( {"b": [1, -2, 3.5, "xü", true, false, null, {}], "a": {"c": []}} )");
  EXPECT_EQ(json.dump(), R"({"b":[1,-2,3.5,"xü",true,false,null,{}],"a":{"c":[]}})");
  EXPECT_EQ(parse_json("7"), 7);
}

std::string error_of(const std::string& text) {
  return testing::error_text([&] { parse_json(text, "f"); });
}

TEST(ParseJson, RefusesAKeyTwiceAtAnyDepth) {
  EXPECT_EQ(error_of(R"({"a": 1, "a": 2})"), "f: 'a' is given twice");
  EXPECT_EQ(error_of(R"({"b": [{"a": 1, "c": {"a": 2}, "a": 3}]})"), "f: 'a' is given twice");
  EXPECT_EQ(parse_json(R"({"a": {"a": 1}, "b": {"a": 2}})", "f").size(), 2U);
}

TEST(ParseJson, RefusesDeepNesting) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_EQ(error_of(nested(64)), "[no exception]");
  EXPECT_EQ(error_of(nested(65)), "f: is nested deeper than 64 levels");
  EXPECT_EQ(error_of(nested(200'000)), "f: is nested deeper than 64 levels");
}

TEST(ParseJson, SaysWhereItIsNoJson) {
  EXPECT_EQ(error_of("{\"a\": }"), "f: not JSON: unexpected at byte 7 of 7");
  EXPECT_EQ(error_of("{\"a\": 1"), "f: not JSON: it ends too early, after 7 bytes");
  EXPECT_EQ(error_of(""), "f: not JSON: it ends too early, after 0 bytes");
  EXPECT_EQ(error_of("[1] 2"), "f: not JSON: unexpected at byte 5 of 5");
  EXPECT_EQ(error_of("[NaN]"), "f: not JSON: unexpected at byte 2 of 5");
  EXPECT_EQ(error_of("[\"\xff\"]"), "f: not JSON: unexpected at byte 3 of 5");
  EXPECT_EQ(error_of("1e999"), "f: not JSON: holds a number that is too large");
}

}  // namespace
}  // namespace ekgine
