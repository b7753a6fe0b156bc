// ekgine train: store → run directory.

#include "training/train.h"

#include <fmt/format.h>

#include <memory>
#include <optional>

#include "apps/command.h"
#include "apps/training_options.h"
#include "base/console.h"
#include "base/error.h"
#include "data/splits.h"
#include "training/profile_report.h"

namespace ekgine {

namespace {

namespace fs = std::filesystem;

struct Options {
  CommonOptions common;
  TrainOptions train;
  std::string splits, resume;
  std::optional<std::int64_t> fold;
  bool profile = false;
};

// The first of runs/MODEL-1, runs/MODEL-2, ... that does not exist.
fs::path next_run_directory(const std::string& model) {
  for (int number = 1;; ++number) {
    fs::path path = fs::path("runs") / fmt::format("{}-{}", model, number);
    if (!fs::exists(path)) return path;
  }
}

TrainResult run_or_resume(Options& o, const CLI::App& command) {
  const auto print = [&o](const std::string& text) { say(o.common, text); };
  const std::int64_t threads = apply(o.common);
  if (!o.resume.empty()) {
    // What a run was started with is in its checkpoint; anything else would be another run.
    for (const CLI::Option* option : command.get_options()) {
      const std::string name = option->get_name();
      if (option->count() > 0 && name != "--resume" && name != "--device" && name != "--json" &&
          name != "--quiet" && name != "--profile") {
        fail_usage(
            "{}: a resumed run keeps its options; only --device, --profile, --json and --quiet go "
            "with --resume",
            name);
      }
    }
    return resume(o.resume, command.count("--device") > 0 ? o.common.device : "", print, o.profile);
  }
  if (o.train.data.empty())
    fail_usage("--data is required: the store that ekgine preprocess wrote");
  if (!o.splits.empty()) {
    if (!o.train.train_records.empty() || !o.train.validation_records.empty() ||
        !o.train.test_records.empty()) {
      fail_usage(
          "--splits: names the records already; leave out --train-records, --validation-records "
          "and --test-records");
    }
    const Split split = o.fold ? read_fold(o.splits, *o.fold) : read_split(o.splits);
    o.train.train_records = split.train;
    o.train.validation_records = split.validation;
    o.train.test_records = split.test;
  }
  o.train.threads = threads;
  o.train.device = o.common.device;
  if (o.train.output.empty()) o.train.output = next_run_directory(o.train.model.name);
  try {
    o.train.check();
  } catch (const Error& error) {
    fail_usage("{}", error.what());
  }
  return train(o.train, print, o.profile);
}

void run(Options& o, const CLI::App& command) {
  const TrainResult result = run_or_resume(o, command);
  if (o.common.json) {
    nlohmann::ordered_json json;
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
    text = fmt::format(
        "{} records: accuracy {:.4f}, macro F1 {:.4f} (always the most frequent class: {:.4f}, "
        "{:.4f})\n",
        result.evaluated, m.accuracy, m.macro_f1, baseline.accuracy, baseline.macro_f1);
  }
  print_result(text + printable(result.run.string()) + "\n");
}

}  // namespace

void add_training_options(CLI::App* command, TrainOptions& t) {
  const char* model = "Model";
  command
      ->add_option("--model", t.model.name,
                   "Main_Model (CNN-Conformer), AttentionOnly (transformer, no convolution along "
                   "the beats), CNNLSTM_Model or Baseline_Model (mean over the beats)")
      ->capture_default_str()
      ->group(model);
  command->add_option("--sequence-length", t.model.sequence_length, "Beats per sequence")
      ->capture_default_str()
      ->group(model);
  command->add_option("--embed-dim", t.model.embed_dim, "Width of a beat's features")
      ->capture_default_str()
      ->group(model);
  command->add_option("--num-heads", t.model.num_heads, "Attention heads, each embed-dim wide")
      ->capture_default_str()
      ->group(model);
  command
      ->add_option("--ff-dim-multiplier", t.model.ff_dim_multiplier,
                   "Width of the feed-forward modules, in embed-dim")
      ->capture_default_str()
      ->group(model);
  command->add_option("--kernel-size", t.model.kernel_size, "Of the convolution along the beats")
      ->capture_default_str()
      ->group(model);
  command->add_option("--num-blocks", t.model.num_blocks, "Conformer or attention blocks")
      ->capture_default_str()
      ->group(model);
  command->add_option("--dropout", t.model.dropout, "Dropout rate of the blocks")
      ->capture_default_str()
      ->group(model);
  command->add_option("--lstm-units", t.model.lstm_units, "Width of CNNLSTM_Model's state")
      ->capture_default_str()
      ->group(model);

  command
      ->add_option_function<std::string>(
          "--amplitude",
          [&t](const std::string& name) {
            try {
              t.model.beat_unit = beat_unit_from_name(name);
            } catch (const Error& error) {
              fail_usage("{}", error.what());
            }
          },
          "What beats are measured in: mV, centred (mV without the beat's offset), record (without "
          "offset, in the size of the record's typical beat) or deviation (the same less that "
          "typical beat)")
      ->default_str(beat_unit_name(t.model.beat_unit))
      ->group(model);

  const char* training = "Training";
  command->add_option("--epochs", t.epochs, "At most this many")
      ->capture_default_str()
      ->group(training);
  command->add_option("--batch-size", t.batch_size, "Sequences per step")
      ->capture_default_str()
      ->group(training);
  command->add_option("--learning-rate", t.learning_rate, "Of AdamW, at the start")
      ->capture_default_str()
      ->group(training);
  command
      ->add_option("--schedule", t.schedule,
                   "Of the learning rate: cosine (to zero at the last step), plateau (a fifth "
                   "when the validation loss stalls) or constant")
      ->capture_default_str()
      ->group(training);
  command->add_option("--weight-decay", t.weight_decay, "Of AdamW")
      ->capture_default_str()
      ->group(training);
  command
      ->add_option("--class-weights", t.class_weights,
                   "Of the loss: none, balanced (inverse frequency) or sqrt (its square root)")
      ->capture_default_str()
      ->group(training);
  command
      ->add_option("--amplitude-jitter", t.amplitude_jitter,
                   "Multiplies each training beat by a random factor: the standard deviation of "
                   "its logarithm; 0 for none")
      ->capture_default_str()
      ->group(training);
  command
      ->add_option("--monitor", t.monitor,
                   "What of the validation chooses the best epoch: loss, accuracy or macro_f1")
      ->capture_default_str()
      ->group(training);
  command->add_option("--patience", t.patience, "Epochs without improvement before stopping")
      ->capture_default_str()
      ->group(training);
  command
      ->add_option("--shuffle", t.shuffle,
                   "Order of the sequences: runs (short runs of consecutive ones, shuffled; fast, "
                   "since neighbours share beats), full (all shuffled) or stream (bounded memory)")
      ->capture_default_str()
      ->group(training);
  command->add_option("--run-length", t.run_length, "Sequences per run")
      ->capture_default_str()
      ->group(training);
  command
      ->add_flag("--encode-each", t.encode_each,
                 "Encode the beats of every sequence, even those that sequences share")
      ->group(training);
  command
      ->add_option(
          "--precision", t.precision,
          "f32 or bf16 (activations in bfloat16; on the CPU those of images), on CUDA also tf32 "
          "(products of factors rounded to TF32); weights and sums are always f32")
      ->capture_default_str()
      ->group(training);
  command->add_option("--seed", t.seed, "Of initial weights, order and dropout")
      ->capture_default_str()
      ->group(training);
}

void add_train(CLI::App& program) {
  auto o = std::make_shared<Options>();
  TrainOptions& t = o->train;
  CLI::App* command = program.add_subcommand(
      "train",
      "Train a model on a store and evaluate it on held-out records.\n"
      "Writes a run directory: configuration, checkpoint, weights of the best epoch, history, "
      "report,\n"
      "metrics, predictions and plots. Ctrl-C saves a checkpoint; --resume goes on bit for bit.");

  const char* data = "Data";
  command->add_option("--data", t.data, "The store (see ekgine preprocess)")->group(data);
  CLI::Option* splits =
      command->add_option("--splits", o->splits, "Take the records from a splits file")
          ->group(data);
  add_fold_option(
      *command, o->fold, splits,
      "Validate on this fold of its training records, 1 to 5, as ekgine kfold deals them "
      "by default, and train on the others")
      ->group(data);
  add_records_option(*command, "--train-records", t.train_records,
                     "Records to train on: 100,101,...")
      ->group(data);
  add_records_option(*command, "--validation-records", t.validation_records,
                     "Records that choose the best epoch; without any the last one is kept")
      ->group(data);
  add_records_option(*command, "--test-records", t.test_records,
                     "Records that are evaluated once, at the end; else the validation records are")
      ->group(data);
  command
      ->add_flag("--allow-absent-classes", t.allow_absent_classes,
                 "Train although a class does not occur in the training records")
      ->group(data);

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
      ->add_flag("--profile", o->profile,
                 "Time every op: a table on stderr and in profile.txt, and the first steps in "
                 "trace.json for chrome://tracing. On CUDA without graphs, waiting after each op: "
                 "slower")
      ->group(run_group);
  add_common_options(*command, o->common);
  command->callback([o, command] { run(*o, *command); });
}

}  // namespace ekgine
