// ekgine kfold: store → k runs, their spread, the best model.

#include "research/kfold.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

#include "apps/command.h"
#include "apps/training_options.h"
#include "base/atomic_file.h"
#include "base/console.h"
#include "base/error.h"
#include "data/splits.h"

namespace ekgine {

namespace {

struct KfoldArguments {
  CommonOptions common;
  KFoldOptions kfold;
  StudyRecords records;
  std::string folds;
};

std::int64_t fold_number(const std::string& text) {
  if (text.empty() || text.size() > 6 ||
      !std::ranges::all_of(text, [](unsigned char c) { return std::isdigit(c) != 0; })) {
    fail_usage("--folds: expected numbers of folds such as 2,3, got '{}'", text);
  }
  return std::stoll(text);
}

void run(KfoldArguments& o) {
  KFoldOptions& k = o.kfold;
  resolve_study(k.train, o.records, o.common, Processes::apart);  // they share the units
  for (const std::string& fold : split_list(o.folds)) k.only.push_back(fold_number(fold));
  if (k.train.output.empty()) k.train.output = "runs/" + k.train.model.name + "-kfold";
  const KFoldResult result = run_kfold(k, [&o](const std::string& text) { say(o.common, text); });
  const std::string output = k.train.output.string();
  if (o.common.json) {
    Json json = result.metrics.is_null() ? Json::object() : result.metrics;
    json["missing_folds"] = result.missing;
    json["run"] = output;
    print_json(json);
    return;
  }
  const std::string text = result.missing.empty() ? read_file(k.train.output / "report.txt")
                                                  : fmt::format("folds {} are still to be run\n",
                                                                fmt::join(result.missing, ", "));
  print_result(fmt::format("{}{}\n", text, printable(output)));
}

}  // namespace

void add_kfold(CLI::App& program) {
  auto o = std::make_shared<KfoldArguments>();
  KFoldOptions& k = o->kfold;
  CLI::App* command = program.add_subcommand(
      "kfold",
      "Cross-validate by record: train a model per fold, validate it on the fold's records. "
      "Records\n"
      "of one patient (201 and 202) are in one fold.\n"
      "Writes a folder: a run directory per fold, mean and spread of all figures, a bar plot, the\n"
      "best fold's model. The same command, given again after Ctrl-C or a kill, goes on; given "
      "twice\n"
      "at the same time, the two share the folds.");
  add_study_data(command, k.train, o->records, false);
  const char* folds = "Folds";
  command->add_option("--k", k.k, "Number of folds")->capture_default_str()->group(folds);
  command
      ->add_option("--fold-seed", k.fold_seed,
                   "Of the shuffle before dealing: scikit-learn's KFold(K, shuffle=True, "
                   "random_state=SEED)")
      ->capture_default_str()
      ->group(folds);
  command
      ->add_flag("--stratify", k.stratify, "Deal the records so that classes spread over the folds")
      ->group(folds);
  command
      ->add_option("--folds", o->folds, "Run only these, such as 2,3; the rest may run elsewhere")
      ->group(folds);
  add_training_options(command, k.train);
  command->add_option("--output", k.train.output, "The folder of the study [runs/MODEL-kfold]")
      ->group("Run");
  add_common_options(*command, o->common);
  command->callback([o] { run(*o); });
}

}  // namespace ekgine
