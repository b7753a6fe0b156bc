// ekgine final: train on all training records, test once.

#include "research/final.h"

#include <fmt/format.h>

#include <memory>

#include "apps/command.h"
#include "apps/training_options.h"
#include "base/atomic_file.h"
#include "base/console.h"

namespace ekgine {

namespace {

struct FinalArguments {
  CommonOptions common;
  TrainOptions train;
  StudyRecords records;
};

void run(FinalArguments& o) {
  TrainOptions& t = o.train;
  resolve_study(t, o.records, o.common);
  t.test_records = o.records.test;
  if (t.test_records.empty()) {
    fail_usage("no test records: give --test-records, or --splits with a file that names some");
  }
  if (t.output.empty()) t.output = "runs/" + t.model.name + "-final";
  const Json result = run_final(t, [&o](const std::string& text) { say(o.common, text); });
  if (o.common.json) {
    Json json = result.at("metrics");
    json["evaluated"] = "test";
    json["epochs"] = result.at("epochs");
    json["seconds"] = result.at("seconds");
    json["run"] = t.output.string();
    print_json(json);
    return;
  }
  print_result(
      fmt::format("{}{}\n", read_file(t.output / "report.txt"), printable(t.output.string())));
}

}  // namespace

void add_final(CLI::App& program) {
  auto o = std::make_shared<FinalArguments>();
  CLI::App* command = program.add_subcommand(
      "final",
      "Train on all training records for all epochs, then test once on the held-out records.\n"
      "Writes a run directory, as train does. The same command, given again after Ctrl-C or a "
      "kill,\n"
      "goes on; once complete, it shows the result and tests nothing again.");
  add_study_data(command, o->train, o->records, true);
  add_training_options(command, o->train);
  command->add_option("--output", o->train.output, "The run directory [runs/MODEL-final]")
      ->group("Run");
  add_common_options(*command, o->common);
  command->callback([o] { run(*o); });
}

}  // namespace ekgine
