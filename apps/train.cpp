// ekgine train: store → run directory.

#include "training/train.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string_view>

#include "apps/command.h"
#include "apps/option_flags.h"
#include "apps/training_options.h"
#include "base/console.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/provenance.h"
#include "base/shell_word.h"
#include "data/splits.h"
#include "engine/check_same.h"
#include "engine/rank_devices.h"
#include "engine/ranks.h"
#include "evaluation/format.h"
#include "kernels/runtime/instruction_set.h"
#include "ranks/cores.h"
#include "ranks/launch.h"
#include "ranks/mpi_ranks.h"
#include "training/checkpoint.h"
#include "training/profile_report.h"

namespace ekgine {

namespace {

namespace fs = std::filesystem;

struct TrainArguments {
  CommonOptions common;
  TrainOptions train;
  SplitChoice split;
  std::string resume;
  std::optional<std::int64_t> fold;
  std::int64_t rank_timeout = 600;  // seconds
  bool profile = false;
};

// The first of runs/MODEL-1, runs/MODEL-2, ... that does not exist.
fs::path next_run_directory(const std::string& model) {
  for (int number = 1;; ++number) {
    fs::path path = fs::path("runs") / fmt::format("{}-{}", model, number);
    if (!fs::exists(path)) return path;
  }
}

// Calls `work`; an interruption that left a checkpoint tells how to go on.
template <class Work>
TrainResult resuming(const fs::path& run, const Work& work) {
  try {
    return work();
  } catch (const Interrupted& interrupt) {
    if (!has_checkpoint(run)) throw;
    throw Interrupted(fmt::format("{}; go on with: ekgine train --resume {}", interrupt.what(),
                                  shell_word(run.string())));
  }
}

// Fills in the records of a split, where one is given.
void take_split(TrainArguments& o) {
  check_fold(o.fold, o.split);
  if (!o.split.given()) return;
  if (!o.train.train_records.empty() || !o.train.validation_records.empty() ||
      !o.train.test_records.empty()) {
    fail_usage(
        "{}: names the records already; leave out --train-records, --validation-records "
        "and --test-records",
        o.split.protocol ? "--protocol" : "--splits");
  }
  const Split split = o.fold ? chosen_fold(o.split, *o.fold) : chosen_split(o.split);
  o.train.train_records = split.train;
  o.train.validation_records = split.validation;
  // A protocol's test records are looked at by `evaluate --protocol`, not by every training.
  if (!o.split.protocol) o.train.test_records = split.test;
}

// What decides how this process computes, and is no option: a line each.
std::string environment_text() {
  std::set<std::string> lines;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    for (const char* prefix : {"EKGINE_", "DNNL_", "ONEDNN_", "NCCL_"}) {
      if (text.starts_with(prefix)) lines.emplace(text);
    }
  }
  std::string all;
  for (const std::string& line : lines) all += line + '\n';
  return all;
}

void check_ranks(const TrainArguments& o) {
  if (!launch() || !launch()->several()) return;
  if (mpi_library().empty()) {
    fail_usage(
        "train: started as one of several processes, and this build has no MPI; start it without "
        "mpirun, and by srun as one task, or build it with -DEKGINE_MPI=ON "
        "(scripts/install_packages "
        "mpi)");
  }
  if (asks_for_cuda(o.common.device) && device_ranks_library().empty()) {
    fail_usage(
        "--device {}: several ranks on GPUs need a build with CUDA and NCCL; use --device cpu",
        choice_name(o.common.device));
  }
}

// The ranks that train together, whose `options` are the same; none where this process was started
// by itself, or as the only one: then it may compute on any device.
std::unique_ptr<Ranks> joined_ranks(const TrainArguments& o, const std::string& options) {
  if (!launch() || !launch()->several()) return nullptr;
  std::unique_ptr<Ranks> ranks = join_ranks(*launch(), std::chrono::seconds(o.rank_timeout));
  check_same(*ranks, "build", program_name());
  check_same(*ranks, "kernels", label(instruction_set()));
  check_same(*ranks, "environment", environment_text());
  check_same(*ranks, "options", options);
  for (const std::string& line : crowded(*ranks, thread_count())) say(o.common, line);
  return ranks;
}

TrainResult run_or_resume(TrainArguments& o, const CLI::App& command) {
  const auto print = [&o](const std::string& text) { say(o.common, text); };
  check_ranks(o);
  const std::int64_t threads = apply(o.common, Processes::ranks);
  if (!o.resume.empty()) {
    // What a run was started with is in its checkpoint; anything else would be another run.
    for (const CLI::Option* option : command.get_options()) {
      const std::string name = option->get_name();
      if (option->count() > 0 && name != "--resume" && name != "--device" && name != "--json" &&
          name != "--quiet" && name != "--profile" && name != "--rank-timeout") {
        fail_usage(
            "{}: a resumed run keeps its options; only --device, --profile, --rank-timeout, --json "
            "and --quiet go with --resume",
            name);
      }
    }
    const std::optional<DeviceChoice> device =
        command.count("--device") > 0 ? std::optional(o.common.device) : std::nullopt;
    const std::unique_ptr<Ranks> ranks = joined_ranks(o, "resume = " + o.resume);
    return resuming(o.resume,
                    [&] { return resume(o.resume, device, print, o.profile, ranks.get()); });
  }
  if (o.train.data.empty())
    fail_usage("--data is required: the store that ekgine preprocess wrote");
  take_split(o);
  o.train.threads = threads;
  o.train.device = o.common.device;
  if (o.train.output.empty()) o.train.output = next_run_directory(o.train.model.name);
  try {
    o.train.check();
  } catch (const Error& error) {
    fail_usage("{}", text_with_flags(error));
  }
  const std::unique_ptr<Ranks> ranks = joined_ranks(
      o, o.train.to_toml() + fmt::format("output = {}\n", toml_value(o.train.output.string())));
  return resuming(o.train.output, [&] { return train(o.train, print, o.profile, ranks.get()); });
}

void run(TrainArguments& o, const CLI::App& command) {
  const TrainResult result = run_or_resume(o, command);
  if (o.common.json) {
    Json json = Json::object();
    if (result.evaluation) {
      json = metrics_json(result.evaluation->metrics);
      json["evaluated"] = result.evaluated;
    }
    json["sequences_per_second"] = result.sequences_per_second;
    json["seconds"] = result.seconds;
    json["peak_rss_mb"] = result.peak_rss_mb;
    json["epochs"] = result.epochs;
    json["best_epoch"] = result.best_epoch;
    json["run"] = result.run.string();
    if (result.profile) json["profile"] = profile_json(*result.profile);
    print_json(json);
    return;
  }
  say(o.common,
      fmt::format("trained {} epochs in {:.0f} s ({:.0f} sequences/s), peak memory {:.0f} MB",
                  result.epochs, result.seconds, result.sequences_per_second, result.peak_rss_mb));
  std::string text;
  if (result.evaluation) {
    const Metrics& m = result.evaluation->metrics;
    const Baseline baseline = majority_baseline(m);
    const MetricIntervals of = m.intervals.value_or(MetricIntervals());
    const auto with_interval = [](double value, const std::optional<Interval>& interval) {
      return figure(value, interval) +
             (interval ? fmt::format(" [{}]", interval_text(interval, " to ", "")) : "");
    };
    text = fmt::format(
        "{} records: accuracy {}, macro F1 {} (always the most frequent class: {}, {})\n",
        result.evaluated, with_interval(m.accuracy, of.accuracy),
        with_interval(m.macro_f1, of.macro_f1), figure(baseline.accuracy, of.accuracy),
        figure(baseline.macro_f1, of.macro_f1));
  }
  print_result(text + printable(result.run.string()) + "\n");
}

}  // namespace

void add_train(CLI::App& program) {
  auto o = std::make_shared<TrainArguments>();
  TrainOptions& t = o->train;
  CLI::App* command = program.add_subcommand(
      "train",
      "Train a model on a store and evaluate it on held-out records.\n"
      "Writes a run directory: configuration, checkpoint, weights of the best epoch, history, "
      "report,\n"
      "metrics, predictions and plots. Ctrl-C saves a checkpoint; --resume goes on bit for bit.");

  const char* data = "Data";
  add_option(*command, data_option, t.data)->group(data);
  add_option(*command, more_data_option, t.more_data)->group(data);
  add_option(*command, more_weights_option, t.more_weights)->group(data);
  CLI::Option* splits =
      command->add_option("--splits", o->split.file, "Take the records from a splits file")
          ->group(data);
  add_protocol_option(*command, o->split.protocol,
                      "Train on the training records of published comparisons, and leave the test "
                      "records to evaluate --protocol: ds1ds2 is de Chazal's DS1")
      ->excludes(splits)
      ->group(data);
  add_fold_option(
      *command, o->fold,
      "Validate on this fold of its training records, 1 to 5, as ekgine kfold deals them "
      "by default, and train on the others")
      ->group(data);
  add_option(*command, train_records_option, t.train_records)->group(data);
  add_option(*command, validation_records_option, t.validation_records)->group(data);
  add_option(*command, test_records_option, t.test_records)->group(data);
  add_option(*command, allow_absent_classes_option, t.allow_absent_classes)->group(data);

  add_training_options(command, t);

  const char* run_group = "Run";
  command->add_option("--output", t.output, "The run directory [runs/MODEL-NUMBER]")
      ->group(run_group);
  command
      ->add_option("--tensorboard", t.tensorboard,
                   "Also write event files for TensorBoard into this folder, one per run")
      ->group(run_group);
  command->add_option("--resume", o->resume, "Go on with the run in this directory")
      ->group(run_group);
  command
      ->add_option("--rank-timeout", o->rank_timeout,
                   "Seconds that ranks, which mpirun or srun has started, wait for one another")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1000000}))
      ->capture_default_str()
      ->group(run_group);
  command
      ->add_flag("--profile", o->profile,
                 "Time every op: a table on stderr and in profile.txt, and the first steps in "
                 "trace.json for chrome://tracing. On CUDA without graphs, waiting after each op: "
                 "slower")
      ->group(run_group);
  add_common_options(*command, o->common);
  command->callback([o, command] { run(*o, *command); });
}

}  // namespace ekgine
