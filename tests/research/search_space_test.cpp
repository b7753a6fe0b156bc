#include "research/search_space.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include "model/config.h"
#include "tests/support/expect_error.h"
#include "tests/support/option_values.h"
#include "training/option_table.h"

namespace ekgine::testing {
namespace {

SearchSpace space(const std::string& text) {
  return SearchSpace::parse(text, "space.toml");
}

TEST(SearchSpace, DrawsEveryValueAndNoOther) {
  const SearchSpace s = space(
      "num-heads = { min = 2, max = 8, step = 3 }\n"
      "num-blocks = { min = 1, max = 3 }\n"
      "dropout = { min = 0.0, max = 0.4, step = 0.1 }\n"
      "class-weights = [\"none\", \"sqrt\"]\n"
      "encode-each = [true, false]\n"
      "weight-decay = [0, 0.01]\n"
      "learning-rate = { min = 1e-5, max = 1e-2, scale = \"log\" }\n"
      "amplitude-jitter = { min = 0.1, max = 0.3 }\n"
      "stretch-length = { min = 1, max = 64, scale = \"log\" }\n");
  std::map<std::string, std::set<std::string>> seen;
  int small_rates = 0, short_stretches = 0;
  for (std::int64_t trial = 1; trial <= 600; ++trial) {
    const Json values = s.draw(7, trial, 0);
    for (const auto& [name, value] : values.items()) seen[name].insert(value.dump());
    const auto rate = values.at("learning-rate").get<double>(),
               jitter = values.at("amplitude-jitter").get<double>();
    EXPECT_GE(rate, 1e-5);
    EXPECT_LE(rate, 1e-2);
    EXPECT_GE(jitter, 0.1);
    EXPECT_LE(jitter, 0.3);
    small_rates += rate < std::sqrt(1e-7);
    short_stretches += values.at("stretch-length").get<int>() <= 8;
    EXPECT_NO_THROW(with_values(
        [] {
          TrainOptions base;
          base.train_records = {"100"};
          base.threads = 1;
          return base;
        }(),
        values));
  }
  EXPECT_EQ(seen["num-heads"], (std::set<std::string>{"2", "5", "8"}));
  EXPECT_EQ(seen["num-blocks"], (std::set<std::string>{"1", "2", "3"}));
  EXPECT_EQ(seen["dropout"], (std::set<std::string>{"0.0", "0.1", "0.2", "0.3", "0.4"}));
  EXPECT_EQ(seen["class-weights"], (std::set<std::string>{"\"none\"", "\"sqrt\""}));
  EXPECT_EQ(seen["encode-each"], (std::set<std::string>{"true", "false"}));
  EXPECT_EQ(seen["weight-decay"], (std::set<std::string>{"0.0", "0.01"}));
  EXPECT_GT(seen["learning-rate"].size(), 500u);
  // Uniform in the logarithm: half of the draws in each half of the decades.
  EXPECT_NEAR(small_rates, 300, 60);
  EXPECT_NEAR(short_stretches, 310, 60);
}

TEST(SearchSpace, DrawsDependOnSeedTrialAndAttemptAlone) {
  const SearchSpace s = space("learning-rate = { min = 1e-5, max = 1e-2 }\nembed-dim = [1,2,3,4]");
  EXPECT_EQ(s.draw(1, 2, 3), s.draw(1, 2, 3));
  EXPECT_NE(s.draw(1, 2, 3), s.draw(2, 2, 3));
  EXPECT_NE(s.draw(1, 2, 3), s.draw(1, 3, 3));
  EXPECT_NE(s.draw(1, 2, 3), s.draw(1, 2, 4));
}

// Draws go by the order of the names as they were written: an older study's stay its own.
TEST(SearchSpace, ReadsOlderNamesAndDrawsAsBefore) {
  const SearchSpace older =
      space("run-length = [4, 8, 16, 32]\nshuffle = [\"stretches\", \"full\"]\n");
  ASSERT_EQ(older.parameters().size(), 2);
  EXPECT_EQ(older.parameters()[0].name, "stretch-length");
  const SearchSpace first = space("run-length = [4, 8, 16, 32]\n");
  EXPECT_EQ(first.to_json(), space("stretch-length = [4, 8, 16, 32]\n").to_json());
  for (std::int64_t trial = 1; trial <= 20; ++trial) {
    const Json values = older.draw(7, trial, 0);
    EXPECT_EQ(values.items().front().key, "stretch-length");
    // Of two parameters the first one takes word 0, as it does alone.
    EXPECT_EQ(values.at("stretch-length"), first.draw(7, trial, 0).at("stretch-length"));
  }
  EXPECT_EQ(in_todays_names({{"run-length", 8}, {"dropout", 0.1}}),
            (Json{{"stretch-length", 8}, {"dropout", 0.1}}));
  EXPECT_ERROR(space("run-length = [4]\nstretch-length = [8]\n"),
               "space.toml:2: 'stretch-length' is there already, by its older name");
}

TEST(SearchSpace, SaysWhatIsWrongAndWhere) {
  EXPECT_ERROR(space("embed-dim = [64]\nembed-dims = [64]"),
               "space.toml:2: 'embed-dims': is no option of training that can be searched "
               "(sequence-length, embed-dim, num-heads,");
  EXPECT_ERROR(space("epochs = [1]"), "space.toml:1: 'epochs': is no option");
  EXPECT_ERROR(space("model = [\"Main_Model\"]"), "space.toml:1: 'model': is no option");
  EXPECT_ERROR(space("\nembed-dim = []"),
               "space.toml:2: 'embed-dim': the list of choices is empty");
  EXPECT_ERROR(space("embed-dim = [64, 0.5]"),
               "space.toml:1: 'embed-dim': expected values that are integers");
  EXPECT_ERROR(space("dropout = [\"a\"]"),
               "space.toml:1: 'dropout': expected values that are numbers");
  EXPECT_ERROR(space("class-weights = [1]"),
               "space.toml:1: 'class-weights': expected values that are texts");
  EXPECT_ERROR(space("encode-each = [1]"),
               "space.toml:1: 'encode-each': expected values that are true or false");
  EXPECT_ERROR(space("embed-dim = [64, 32, 64]"), "space.toml:1: 'embed-dim': 64 is listed twice");
  EXPECT_ERROR(space("embed-dim = 64"),
               "space.toml:1: 'embed-dim': expected a list of choices, or a range such as "
               "{ min = 1, max = 4 }");
  EXPECT_ERROR(space("class-weights = { min = 1, max = 2 }"),
               "space.toml:1: 'class-weights': expected a list of choices: a range is for numbers");
  EXPECT_ERROR(space("dropout = { min = 0.5, max = 0.1 }"),
               "space.toml:1: 'dropout': the range is empty: min 0.5 is above max 0.1");
  EXPECT_ERROR(space("dropout = { min = 0.5 }"),
               "space.toml:1: 'dropout': a range needs min and max");
  EXPECT_ERROR(space("dropout = { min = 0.1, max = 0.5, step = 0.0 }"),
               "space.toml:1: 'dropout': step must be above 0, got 0");
  EXPECT_ERROR(space("dropout = { minimum = 0.1, max = 0.5 }"),
               "space.toml:1: 'dropout': 'minimum' is not known (min, max, step, scale are)");
  EXPECT_ERROR(space("dropout = { min = nan, max = 0.5 }"),
               "space.toml:1: 'dropout': min must be finite");
  EXPECT_ERROR(space("dropout = { min = 0.0, max = 0.5, scale = \"log\" }"),
               "space.toml:1: 'dropout': a log scale needs min above 0, got 0");
  EXPECT_ERROR(space("dropout = { min = 0.1, max = 0.5, scale = \"ln\" }"),
               "space.toml:1: 'dropout': scale must be \"linear\" or \"log\"");
  EXPECT_ERROR(space("num-heads = { min = 1, max = 5, step = 2, scale = \"log\" }"),
               "space.toml:1: 'num-heads': a range on a log scale has no step");
  EXPECT_ERROR(space("num-heads = [1"), "space.toml:1: ");
  EXPECT_ERROR(space("# nothing"), "space.toml: names no parameters to search");
}

TEST(SearchSpace, ValuesThatNoRunCanHave) {
  TrainOptions base;
  base.train_records = {"100"};
  base.threads = 1;
  EXPECT_ERROR(with_values(base, {{"kernel-size", 4}}),
               "the search space holds {\"kernel-size\":4}: kernel size must be odd, got 4");
  EXPECT_ERROR(with_values(base, {{"schedule", "sine"}}),
               "the search space holds {\"schedule\":\"sine\"}: schedule must be one of");
}

TEST(SearchSpace, VariesWhatTheTableOfOptionsSaysAndNothingElse) {
  TrainOptions base;
  base.train_records = {"100"};
  base.threads = 1;
  for_each_training_option(TrainOptions(), [&](const auto& option, const auto& value) {
    const Json other = option_to_json(other_value(option, value));
    const auto draw = [&] {
      const SearchSpace s = space(fmt::format("{} = [{}]", option.name, toml_value(other)));
      return with_values(base, s.draw(1, 1, 0)).to_json().at(option.name);
    };
    if (option.in_search == InSearch::varies) {
      EXPECT_EQ(draw(), other) << option.name;
    } else {
      EXPECT_ERROR(draw(), std::string("space.toml:1: '") + option.name + "': is no option");
    }
  });
}

// What is shipped can be read; of architectures that this build has.
TEST(SearchSpace, ShippedSpaces) {
  const std::filesystem::path folder =
      std::filesystem::path(EKGINE_SOURCE_DIR) / "apps/configs/tune";
  for (const std::string& model : model_names()) {
    const SearchSpace s = SearchSpace::read(folder / (model + ".toml"));
    TrainOptions base;
    base.model.name = model;
    base.train_records = {"100"};
    base.threads = 1;
    for (std::int64_t trial = 1; trial <= 50; ++trial) {
      EXPECT_NO_THROW(with_values(base, s.draw(1, trial, 0))) << model;
    }
  }
}

}  // namespace
}  // namespace ekgine::testing
