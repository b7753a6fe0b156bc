// ekgine tune: search hyperparameters.

#include "research/tune.h"

#include <fmt/format.h>

#include <memory>

#include "apps/command.h"
#include "apps/option_flags.h"
#include "apps/training_options.h"
#include "base/atomic_file.h"
#include "base/console.h"
#include "research/kfold.h"

namespace ekgine {

namespace {

struct TuneArguments {
  CommonOptions common;
  TuneOptions tune;
  StudyRecords records;
  std::string space;
  std::int64_t fold = 1;
};

void run(TuneArguments& o, const CLI::App& command) {
  TuneOptions& t = o.tune;
  resolve_study(t.train, o.records, o.common, Processes::apart);  // they share the units
  Split split{{}, o.records.validation, {}};
  if (split.validation.empty()) {
    split = default_fold(o.records.train, o.fold);
  } else if (command.count("--fold") > 0) {
    fail_usage("--fold: the validation records are named already");
  } else {
    split.train.assign(o.records.train.begin(),
                       o.records.train.end() - std::ssize(split.validation));
  }
  t.train.train_records = split.train;
  t.train.validation_records = split.validation;
  t.space = SearchSpace::read(o.space);
  if (t.train.output.empty()) t.train.output = "runs/" + t.train.model.name + "-tune";
  Json result = run_tune(t, [&o](const std::string& text) { say(o.common, text); });
  if (o.common.json) {
    result["run"] = t.train.output.string();
    print_json(result);
    return;
  }
  print_result(fmt::format("{}\n{}\n", read_file(t.train.output / "best.toml"),
                           printable(t.train.output.string())));
}

}  // namespace

void add_tune(CLI::App& program) {
  auto o = std::make_shared<TuneArguments>();
  TuneOptions& t = o->tune;
  t.train.epochs = 20;
  CLI::App* command = program.add_subcommand(
      "tune",
      "Search hyperparameters by Hyperband: many configurations for a few epochs, the best for "
      "more.\n"
      "Writes a folder: trials, a table of them, and best.toml for --config of train, kfold and "
      "final.\n"
      "The same command, given again after Ctrl-C or a kill, goes on; given twice at the same "
      "time, "
      "the\n"
      "two share the trials.");
  add_study_data(command, t.train, o->records, false);
  add_option(*command, validation_records_option, o->records.validation,
             "Records that trials are compared on")
      ->group("Data");
  command
      ->add_option("--fold", o->fold,
                   "Where no validation records are named: those of this fold of 5 of the training "
                   "records (see ekgine kfold)")
      ->capture_default_str()
      ->group("Data");
  const char* search = "Search";
  command
      ->add_option("--space", o->space,
                   "TOML file of the options to search and their values, such as "
                   "apps/configs/tune/Main_Model.toml")
      ->required()
      ->group(search);
  add_choice(*command, "--objective", t.objective,
             "What of the validation is to be high: accuracy or macro_f1")
      ->group(search);
  command
      ->add_option("--factor", t.factor,
                   "One in this many configurations of a round is promoted to so many times the "
                   "epochs")
      ->check(CLI::Range(2, 100))
      ->capture_default_str()
      ->group(search);
  add_training_options(command, t.train);
  command->add_option("--output", t.train.output, "The folder of the study [runs/MODEL-tune]")
      ->group("Run");
  add_common_options(*command, o->common);
  command->callback([o, command] { run(*o, *command); });
}

}  // namespace ekgine
