// ekgine evaluate: weights and records → metrics, report, plots.

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>

#include "apps/command.h"
#include "apps/option_flags.h"
#include "apps/training_options.h"
#include "base/atomic_file.h"
#include "base/console.h"
#include "base/error.h"
#include "base/progress.h"
#include "data/splits.h"
#include "evaluation/evaluation.h"
#include "model/keras_import.h"
#include "model/model.h"
#include "training/evaluate.h"
#include "training/predict.h"

namespace ekgine {

namespace {

struct EvaluateArguments {
  CommonOptions common;
  std::string weights, data, splits, output;
  PrecisionChoice precision = PrecisionChoice::f32;
  std::vector<std::string> records, normalise_on;
  std::optional<std::int64_t> fold;
};

// Has the model normalise by the records that are named, where some are, and says by what it does.
// Errors: by nothing.
std::string choose_normalisation(Model& model, const Store& store, const EvaluateArguments& o) {
  if (!o.normalise_on.empty()) {
    MemoryDataset training(store, o.normalise_on, model.config().sequence_length);
    normalise_on(model, training);
    return fmt::format("{} records given with --normalise-on", o.normalise_on.size());
  }
  if (!model.has_normalisation()) {
    fail(
        "{}: carries no normalisation statistics; name the records it was trained on with "
        "--normalise-on",
        o.weights);
  }
  return "the weights' own";
}

void run(EvaluateArguments& o) {
  if (o.records.empty() && o.splits.empty()) {
    fail_usage("no records to evaluate: give --records or --splits");
  }
  apply(o.common);
  const auto start = std::chrono::steady_clock::now();
  const ModelWeights weights =
      o.weights.ends_with(".keras") ? import_keras(o.weights) : load_model_weights(o.weights);
  const Store store(o.data, weights.config.beat_unit);
  check_weights(weights, o.weights, store);
  std::vector<std::string> names = o.records;
  if (!o.splits.empty()) {
    names = o.fold ? read_fold(o.splits, *o.fold).validation : read_split(o.splits).test;
  }
  if (names.empty()) fail("{}: names no test records", o.splits);
  store.find(names);  // names all that are missing, before any work

  Device device = Device::open(o.common.device, o.precision,
                               [&o](const std::string& text) { say(o.common, text); });
  Model model(weights.config, device, ParameterSet::Use::inference, 0);
  model.load(weights.state, o.weights);
  const std::string normalisation = choose_normalisation(model, store, o);

  std::optional<OutputDirectory> output;
  if (!o.output.empty()) output.emplace(o.output);
  const std::vector<RecordBeats> records = store.read_all(names);
  std::int64_t beats = 0;
  for (const RecordBeats& record : records) beats += record.size();
  Predictor predictor(model, device);
  Progress progress("evaluate", "beats", beats);
  const auto predictions = predict_records(predictor, weights.config.sequence_length, records,
                                           [&](std::int64_t done) { progress.update(done); });
  progress.finish();

  const EvaluationFacts facts =
      describe_evaluation(model, o.weights, weights.made, store, normalisation);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const Evaluation evaluation = o.output.empty() ? evaluate_predictions(facts, predictions)
                                                 : write_evaluation(o.output, facts, predictions);
  if (o.common.json) {
    nlohmann::ordered_json json = metrics_json(evaluation.metrics);
    json["beats_per_second"] = static_cast<double>(beats) / seconds;
    json["seconds"] = seconds;
    if (!o.output.empty()) json["output"] = o.output;
    print_json(json);
    return;
  }
  print_result(format_report(facts, evaluation.metrics, evaluation.records, evaluation.notes));
  if (!o.output.empty()) say(o.common, fmt::format("written to {}", o.output));
}

}  // namespace

void add_evaluate(CLI::App& program) {
  auto o = std::make_shared<EvaluateArguments>();
  CLI::App* command = program.add_subcommand(
      "evaluate",
      "Evaluate weights on whole records: accuracy, loss, per-class precision, recall, F1, ROC "
      "AUC\n"
      "and average precision, confusion matrix. With --output also report, predictions and plots.");
  command->add_option("--weights", o->weights, "A .safetensors or .keras file")->required();
  command->add_option("--data", o->data, "The store (see ekgine preprocess)")->required();
  CLI::Option* records =
      add_records_option(*command, "--records", o->records, "Records to evaluate: 228,207,...");
  CLI::Option* splits =
      command->add_option("--splits", o->splits, "Take the test records of a splits file instead")
          ->excludes(records);
  add_fold_option(*command, o->fold, splits,
                  "Take this fold of its training records, 1 to 5, as ekgine kfold deals them by "
                  "default");
  add_records_option(*command, "--normalise-on", o->normalise_on,
                     "Records whose statistics normalise the inputs, where the weights carry none");
  add_option(*command, precision_option, o->precision);
  command->add_option("--output", o->output,
                      "Folder for report.txt, metrics.json, predictions.h5 and plots");
  add_common_options(*command, o->common);
  command->callback([o] { run(*o); });
}

}  // namespace ekgine
