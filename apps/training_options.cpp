#include "apps/training_options.h"

#include <sstream>

#include "apps/option_flags.h"
#include "base/error.h"
#include "base/option_error.h"
#include "research/kfold.h"

namespace ekgine {

void add_training_options(CLI::App* command, TrainOptions& options) {
  for_each_training_option(options, [&](const auto& option, auto& value) {
    if (option.group == OptionGroup::model) add_option(*command, option, value)->group("Model");
    if (option.group == OptionGroup::training) {
      add_option(*command, option, value)->group("Training");
    }
  });
}

Split read_fold(const std::string& splits, std::int64_t number) {
  const Split split = read_split(splits);
  std::vector<std::string> records = split.train;
  records.insert(records.end(), split.validation.begin(), split.validation.end());
  try {
    return default_fold(records, number);
  } catch (const Error& error) {
    fail_option({"fold"}, "{}: {}", splits, error.what());
  }
}

CLI::Option* add_fold_option(CLI::App& command, std::optional<std::int64_t>& fold,
                             CLI::Option* splits, const std::string& description) {
  return command.add_option("--fold", fold, description)->needs(splits);
}

std::vector<std::string> split_list(const std::string& list) {
  std::vector<std::string> items;
  std::istringstream input(list);
  for (std::string item; std::getline(input, item, ',');) items.push_back(item);
  return items;
}

void add_study_data(CLI::App* command, TrainOptions& options, StudyRecords& records, bool test) {
  const char* data = "Data";
  add_option(*command, data_option, options.data)->group(data);
  command
      ->add_option("--splits", records.splits,
                   test ? "Take the records from a splits file; its validation records train, too"
                        : "Take the training and validation records of a splits file")
      ->group(data);
  add_option(*command, train_records_option, records.train, "Or name the records: 100,101,...")
      ->group(data);
  if (test) {
    add_option(*command, test_records_option, records.test, "Records that are held out")
        ->group(data);
  }
  add_option(*command, allow_absent_classes_option, options.allow_absent_classes)->group(data);
}

void resolve_study(TrainOptions& options, StudyRecords& records, const CommonOptions& common) {
  options.threads = apply(common);
  options.device = common.device;
  if (options.data.empty()) {
    fail_usage("--data is required: the store that ekgine preprocess wrote");
  }
  if (!records.splits.empty()) {
    if (!records.train.empty() || !records.validation.empty() || !records.test.empty()) {
      fail_usage("--splits: names the records already; leave out the options that name some");
    }
    const Split split = read_split(records.splits);
    records = {records.splits, split.train, split.validation, split.test};
  }
  records.train.insert(records.train.end(), records.validation.begin(), records.validation.end());
  options.train_records = records.train;
  try {
    options.check();
  } catch (const Error& error) {
    fail_usage("{}", text_with_flags(error));
  }
}

}  // namespace ekgine
