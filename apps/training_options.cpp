#include "apps/training_options.h"

#include <sstream>

#include "apps/option_flags.h"
#include "base/error.h"
#include "base/option_error.h"
#include "data/subjects.h"
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

Split chosen_split(const SplitChoice& choice) {
  if (!choice.protocol) return read_split(choice.file);
  Split split = protocol_split(*choice.protocol);
  tell_parted_subjects(split);
  return split;
}

Split chosen_fold(const SplitChoice& choice, std::int64_t number) {
  const Split split = chosen_split(choice);
  std::vector<std::string> records = split.train;
  records.insert(records.end(), split.validation.begin(), split.validation.end());
  try {
    return default_fold(records, number);
  } catch (const Error& error) {
    fail_option({"fold"}, "{}: {}",
                choice.protocol ? "--protocol " + choice_name(*choice.protocol) : choice.file,
                error.what());
  }
}

CLI::Option* add_protocol_option(CLI::App& command, std::optional<Protocol>& protocol,
                                 const std::string& description) {
  return command
      .add_option_function<std::string>(
          "--protocol",
          [&protocol](const std::string& name) { protocol = choice_named<Protocol>(name); },
          description)
      ->check(one_of(choice_names<Protocol>()));
}

CLI::Option* add_fold_option(CLI::App& command, std::optional<std::int64_t>& fold,
                             const std::string& description) {
  return command.add_option("--fold", fold, description);
}

void check_fold(const std::optional<std::int64_t>& fold, const SplitChoice& choice) {
  if (fold && !choice.given()) fail_usage("--fold requires --splits or --protocol");
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
  add_option(*command, more_data_option, options.more_data)->group(data);
  add_option(*command, more_weights_option, options.more_weights)->group(data);
  CLI::Option* splits =
      command
          ->add_option("--splits", records.split.file,
                       test ? "Take the records from a splits file; its validation records train, "
                              "too"
                            : "Take the training and validation records of a splits file")
          ->group(data);
  add_protocol_option(*command, records.split.protocol,
                      test ? "Take the records of published comparisons: of ds1ds2 DS1 trains and "
                             "DS2 tests"
                           : "Take the training records of published comparisons: ds1ds2 is de "
                             "Chazal's DS1")
      ->excludes(splits)
      ->group(data);
  add_option(*command, train_records_option, records.train, "Or name the records: 100,101,...")
      ->group(data);
  if (test) {
    add_option(*command, test_records_option, records.test, "Records that are held out")
        ->group(data);
  }
  add_option(*command, allow_absent_classes_option, options.allow_absent_classes)->group(data);
}

void resolve_study(TrainOptions& options, StudyRecords& records, const CommonOptions& common,
                   Processes processes) {
  options.threads = apply(common, processes);
  options.device = common.device;
  if (options.data.empty()) {
    fail_usage("--data is required: the store that ekgine preprocess wrote");
  }
  if (records.split.given()) {
    if (!records.train.empty() || !records.validation.empty() || !records.test.empty()) {
      fail_usage("{}: names the records already; leave out the options that name some",
                 records.split.protocol ? "--protocol" : "--splits");
    }
    const Split split = chosen_split(records.split);
    records = {records.split, split.train, split.validation, split.test};
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
