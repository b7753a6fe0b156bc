// Every option of training, as its table has it: what is in the table is known to the command line
// and to files.
#include <gtest/gtest.h>

#include "tests/apps/program.h"
#include "tests/support/option_values.h"
#include "training/checkpoint.h"
#include "training/option_table.h"

namespace ekgine::testing {
namespace {

using ::testing::HasSubstr;

class OptionTable : public SmallStore {};

// As the command line takes it.
std::string argument(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.dump();
  std::string list;
  for (const Json& one : value) list += (list.empty() ? "" : ",") + argument(one);
  return list;
}

TEST_F(OptionTable, EveryOptionIsAFlagAndAKey) {
  TrainOptions wanted;
  for_each_training_option(
      wanted, [](const auto& option, auto& value) { value = other_value(option, value); });
  wanted.data = store_;
  std::filesystem::create_directory(path("others"));
  write_wfdb_record(path("others"), random_record("p1", 16, "NAVF/N", 9));
  expect_success(
      ekgine({"preprocess", "--database", path("others"), "--output", path("more"), "--quiet"}));
  wanted.more_data = {path("more")};
  wanted.more_weights = {0.5};
  wanted.train_records = {"901"};
  wanted.validation_records = {"902"};
  wanted.test_records = {"903"};
  wanted.precision = PrecisionChoice::bf16;  // tf32 is for CUDA
  wanted.epochs = 1;                         // and small, to be fast
  wanted.model.embed_dim = 4;
  wanted.model.num_heads = 1;
  Arguments arguments = {"train", "--quiet"};
  for_each_training_option(wanted, [&]<class T>(const auto& option, const T& value) {
    arguments.push_back(std::string("--") + option.name);
    if constexpr (std::is_same_v<T, bool>) {
      EXPECT_TRUE(value) << option.name << ": a flag that is set by default cannot be cleared";
    } else {
      arguments.push_back(argument(option_to_json(value)));
    }
  });
  expect_success(ekgine(arguments + Arguments{"--output", path("typed")}));
  EXPECT_EQ(load_checkpoint(path("typed")).options.to_json(), wanted.to_json());
  expect_success(ekgine(
      {"train", "--quiet", "--config", path("typed/config.toml"), "--output", path("read")}));
  EXPECT_EQ(load_checkpoint(path("read")).options.to_json(), wanted.to_json());
}

TEST_F(OptionTable, EveryOptionIsRefusedOutOfItsRange) {
  for_each_training_option(TrainOptions(), [&](const auto& option, const auto&) {
    std::string model = "Main_Model";
    if constexpr (requires { option.architectures; }) {
      if (option.architectures == architecture::cnn_lstm) model = "CNNLSTM_Model";
      if (option.architectures == architecture::rhythm) model = "Rhythm_Model";
    }
    for (const Json& value : values_out_of_range(option)) {
      // 0 is typed for as many threads as there are cores.
      if (option.name == std::string("threads") && value == 0) continue;
      const std::string flag = std::string("--") + option.name;
      expect_one_line(ekgine({"train", "--data", store_, "--train-records", "901", "--output",
                              path("new"), "--model", model, flag, argument(value)}),
                      2, HasSubstr(flag));
    }
  });
  EXPECT_FALSE(std::filesystem::exists(path("new")));
}

}  // namespace
}  // namespace ekgine::testing
