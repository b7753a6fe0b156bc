// ekgine pipeline: raw records → held-out figures of several models, on a page.

#include "research/pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "apps/command.h"
#include "apps/training_options.h"
#include "base/console.h"
#include "base/error.h"
#include "base/provenance.h"
#include "data/splits.h"
#include "evaluation/format.h"
#include "evaluation/metrics.h"

namespace ekgine {

namespace {

struct PipelineArguments {
  CommonOptions common;
  PipelineOptions pipeline;
  StudyRecords records;
  std::string effort = "standard";
  std::string models;
};

struct Effort {
  std::int64_t tune_epochs, folds, epochs;
};

// On two cores and the whole MIT-BIH database, four architectures: about a quarter of an hour, a
// few hours, several days.
const std::map<std::string, Effort> efforts = {
    {"quick", {0, 0, 1}}, {"standard", {0, 5, 3}}, {"full", {20, 5, 20}}};

void run(PipelineArguments& o, const CLI::App& command) {
  PipelineOptions& p = o.pipeline;
  if (p.database.empty() == p.train.data.empty()) {
    fail_usage("give either --database, a folder of WFDB records, or --data, a store");
  }
  const bool from_store = p.database.empty();
  if (!from_store) p.train.data = p.database;  // until the store is there
  const Effort& effort = efforts.at(o.effort);
  if (command.count("--tune-epochs") == 0) p.tune_epochs = effort.tune_epochs;
  if (command.count("--k") == 0) p.folds = effort.folds;
  if (command.count("--epochs") == 0) p.train.epochs = effort.epochs;
  resolve_study(p.train, o.records, o.common);
  if (!from_store) p.train.data.clear();
  p.train.test_records = o.records.test;
  if (p.train.test_records.empty()) {
    fail_usage("no test records: give --test-records, or --splits with a file that names some");
  }
  p.models = o.models.empty() ? reference_model_names() : split_list(o.models);
  p.tool = program_name();
  if (p.train.output.empty()) p.train.output = "runs/pipeline";
  const Json result = run_pipeline(p, [&o](const std::string& text) { say(o.common, text); });
  if (o.common.json) {
    Json json = result;
    json["run"] = p.train.output.string();
    print_json(json);
    return;
  }
  std::size_t longest = 14;
  for (const std::string& model : p.models) longest = std::max(longest, model.size());
  std::string text = fmt::format("{:<{}}{:>10}{:>10}{:>13}\n", "", longest + 2, "accuracy",
                                 "macro F1", "weighted F1");
  for (const auto& [name, of] : result.at("models").items()) {
    const auto& metrics = of.at("final").at("metrics");
    const auto cell = [&metrics = metrics](const char* key) {
      return figure(metrics.at(key).get<double>(), interval_in(metrics, key));
    };
    text += fmt::format("{:<{}}{:>10}{:>10}{:>13}\n", name, longest + 2, cell("accuracy"),
                        cell("macro_f1"), cell("weighted_f1"));
  }
  print_result(text + printable((p.train.output / "index.html").string()) + "\n");
}

}  // namespace

void add_pipeline(CLI::App& program) {
  auto o = std::make_shared<PipelineArguments>();
  PipelineOptions& p = o->pipeline;
  p.spaces = "apps/configs/tune";
  CLI::App* command = program.add_subcommand(
      "pipeline",
      "From raw records to held-out figures of several models: preprocess, search, "
      "cross-validate,\n"
      "train, test, and a page that shows it all (index.html). The same command, given again "
      "after\n"
      "Ctrl-C or a kill, goes on.");
  CLI::Option* database =
      command->add_option("--database", p.database, "Folder of WFDB records (or --data)")
          ->group("Data");
  command
      ->add_option("--label-map", p.label_map,
                   "Classes of the annotation symbols: reference, ec57 or dechazal")
      ->capture_default_str()
      ->group("Data");
  for (CLI::Option* option : add_beat_options(*command, p.beats)) {
    option->needs(database)->group("Data");
  }
  add_study_data(command, p.train, o->records, true);
  const char* stages = "Stages";
  command
      ->add_option(
          "--models", o->models,
          "Architectures, with commas between [the reference's four]; or variants of them: "
          "NAME:OPTION=VALUE:... has options of its own, such as "
          "Rhythm_Model:features=rhythm")
      ->group(stages);
  command
      ->add_option(
          "--effort", o->effort,
          "quick: 1 epoch, nothing else; standard: 5 folds and 3 epochs; full: a search "
          "of 20 epochs, 5 folds and 20 epochs, as the reference. What is given besides counts")
      ->check(one_of({"quick", "standard", "full"}))
      ->capture_default_str()
      ->group(stages);
  command->add_option("--tune-epochs", p.tune_epochs, "Of a trial of the search at most; 0: none")
      ->check(CLI::Range(0, 1000000))
      ->group(stages);
  command->add_option("--spaces", p.spaces, "Folder of search spaces, ARCHITECTURE.toml")
      ->capture_default_str()
      ->group(stages);
  add_choice(*command, "--objective", p.objective, "Of the search: accuracy or macro_f1")
      ->group(stages);
  command->add_option("--k", p.folds, "Folds of cross-validation; 0: none")
      ->check(CLI::Range(0, 1000000))
      ->group(stages);
  add_training_options(command, p.train);
  command->remove_option(command->get_option("--model"));
  command->add_option("--output", p.train.output, "The folder of the pipeline [runs/pipeline]")
      ->group("Run");
  add_common_options(*command, o->common);
  command->callback([o, command] { run(*o, *command); });
}

}  // namespace ekgine
