#include "training/options.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "tests/support/expect_error.h"
#include "tests/support/option_values.h"
#include "training/option_table.h"

namespace ekgine::testing {
namespace {

// Every option is another than its default.
TrainOptions unusual() {
  TrainOptions options;
  for_each_training_option(
      options, [](const auto& option, auto& value) { value = other_value(option, value); });
  return options;
}

TEST(TrainOptions, EveryOptionSurvivesJson) {
  const Json json = unusual().to_json(), usual = TrainOptions().to_json();
  for_each_training_option(TrainOptions(), [&](const auto& option, const auto&) {
    EXPECT_NE(json.at(option.name), usual.at(option.name)) << option.name;
  });
  EXPECT_EQ(TrainOptions::from_json(json, "f").to_json(), json);
}

TEST(TrainOptions, EveryOptionIsMissed) {
  const Json whole = unusual().to_json();
  for (const auto& [name, value] : whole.items()) {
    const std::string text = "f: the option " + name + " is missing or of another type";
    Json json = whole;
    json[name] = nullptr;
    EXPECT_ERROR(TrainOptions::from_json(json, "f"), text);
    json.erase(name);
    EXPECT_ERROR(TrainOptions::from_json(json, "f"), text);
  }
}

// As it is typed, and as it is read back.
TEST(TrainOptions, EveryOptionIsRefusedOutOfItsRange) {
  for_each_training_option(TrainOptions(), [](const auto& option, const auto&) {
    for (const Json& value : values_out_of_range(option)) {
      // An architecture checks what it has.
      std::string refused;
      for (const std::string& model : model_names()) {
        Json json = unusual().to_json();
        json["model"] = model;
        json[option.name] = value;
        const std::string text = error_text([&] { TrainOptions::from_json(json, "f"); });
        if (text != "[no exception]") refused = text;
      }
      EXPECT_THAT(refused, ::testing::StartsWith("f: " + quantity(option.name)))
          << option.name << " " << value;
    }
  });
}

TEST(TrainOptions, OlderNamesAreRead) {
  TrainOptions options = unusual();
  options.stretch_length = 5;
  Json json = options.to_json();
  EXPECT_FALSE(json.contains("run-length"));
  json["run-length"] = 7;
  EXPECT_ERROR(TrainOptions::from_json(json, "f"), "f: the option stretch-length is not known");
  json.erase("stretch-length");
  EXPECT_EQ(TrainOptions::from_json(json, "f").stretch_length, 7);
  json["run-length"] = 0;
  EXPECT_ERROR(TrainOptions::from_json(json, "f"), "stretch length must be 1 to 1048576, got 0");
}

TEST(TrainOptions, ErrorsNameTheOption) {
  TrainOptions options = unusual();
  options.batch_size = 0;
  try {
    options.check();
    ADD_FAILURE() << "is not refused";
  } catch (const OptionError& error) {
    EXPECT_STREQ(error.what(), "batch size must be 1 to 65536, got 0");
    EXPECT_EQ(error.options(), std::vector<std::string>{"batch-size"});
  }
}

// Where a run is gone on with matters to nothing but its time.
TEST(TrainOptions, EveryOptionButTheMachinesMustBeTheSame) {
  for_each_training_option(TrainOptions(), [](const auto& option, const auto&) {
    Json started = unusual().to_json();
    started[option.name] = TrainOptions().to_json().at(option.name);
    const auto check = [&] { unusual().check_same(started, "run"); };
    if (option.group == OptionGroup::machine) {
      EXPECT_NO_THROW(check()) << option.name;
    } else {
      EXPECT_ERROR(check(), std::string("run: was started with ") + option.name + " ");
    }
  });
}

}  // namespace
}  // namespace ekgine::testing
