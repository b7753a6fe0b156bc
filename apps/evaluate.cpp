// ekgine evaluate: weights and records → metrics, report, plots.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "apps/command.h"
#include "apps/option_flags.h"
#include "apps/parts.h"
#include "apps/training_options.h"
#include "base/atomic_file.h"
#include "base/console.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/json_file.h"
#include "base/progress.h"
#include "base/provenance.h"
#include "base/sha256.h"
#include "data/preprocess.h"
#include "data/pseudo_records.h"
#include "data/store_parts.h"
#include "evaluation/evaluation.h"
#include "model/keras_import.h"
#include "model/model.h"
#include "training/evaluate.h"
#include "training/predict_causal.h"
#include "training/prediction_parts.h"
#include "training/predictor_pool.h"
#include "training/protocol.h"
#include "training/stores.h"

namespace ekgine {

namespace {

struct EvaluateArguments {
  CommonOptions common;
  std::string weights, data, database, output;
  SplitChoice split;
  BeatOptions beats;  // of the database
  PrecisionChoice precision = PrecisionChoice::f32;
  std::vector<std::string> records, normalise_on;
  std::vector<std::filesystem::path> more_data;
  std::optional<std::int64_t> fold, lookahead;
  bool pseudo_records = false;
  PartOptions parts;
};

// Where the records are: a store, or a database, of which they are cut as preprocess does.
struct Source {
  std::optional<Store> store;
  std::filesystem::path database;
  BeatOptions beats;
  const LabelMap* label_map;
  BeatUnit unit;

  std::vector<RecordBeats> read(const std::vector<std::string>& records) const {
    return store ? store->read_all(records)
                 : cut_records(database, records, *label_map, beats, unit);
  }
  std::string text() const {
    const std::filesystem::path& folder = store ? store->folder() : database;
    return data_text(folder.string(), label_map->name(), unit);
  }
};

// Says where the model's classes are not those that the protocol judges by.
void tell_label_map(const ModelWeights& weights, const std::string& file, const LabelMap& map) {
  if (weights.label_map.empty()) {
    notice(fmt::format("{}: does not say with which label map it was trained; judged by {}", file,
                       map.name()));
  } else if (label_map_name(weights.label_map) != map.name()) {
    notice(
        fmt::format("{}: was trained with label map {} and is judged by {}, whose classes it "
                    "does not know",
                    file, label_map_name(weights.label_map), map.name()));
  }
}

// Opens the store, or says how records of the database are to be cut: by the protocol's label map,
// else by the weights' own. Errors: weights that do not go with it.
Source open_source(const EvaluateArguments& o, const ModelWeights& weights) {
  Source source{{}, o.database, o.beats, nullptr, weights.config.input()};
  if (o.database.empty()) source.store.emplace(o.data, source.unit);
  if (o.split.protocol) {
    source.label_map = &protocol_label_map(*o.split.protocol);
    tell_label_map(weights, o.weights, *source.label_map);
  } else if (source.store) {
    source.label_map = &label_map(source.store->info().label_map);
    check_weights(weights, o.weights, *source.store);
  } else {
    source.label_map = &label_map(weights.label_map.empty() ? "reference" : weights.label_map);
    if (weights.label_map.empty()) tell_label_map(weights, o.weights, *source.label_map);
  }
  return source;
}

// The records that are named, in whichever way.
std::vector<std::string> records_to_evaluate(const EvaluateArguments& o) {
  if (!o.records.empty()) return o.records;
  if (o.fold) return chosen_fold(o.split, *o.fold).validation;
  std::vector<std::string> test = chosen_split(o.split).test;
  if (test.empty()) fail("{}: names no test records", o.split.file);
  return test;
}

// Has the model normalise by the records that are named, where some are, and says by what it does.
// Errors: by nothing.
std::string choose_normalisation(Model& model, const Source& source, const EvaluateArguments& o) {
  if (!o.normalise_on.empty()) {
    const std::int64_t length = model.config().sequence_length;
    if (source.store) {
      MemoryDataset training(*source.store, o.normalise_on, length);
      normalise_on(model, training, training.index().records());
    } else {
      MemoryDataset training(source.read(o.normalise_on), length);
      normalise_on(model, training, training.index().records());
    }
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

// The beats of the records, with the labels that they are judged by.
std::vector<RecordBeats> read_records(const EvaluateArguments& o, const Source& source,
                                      const std::vector<std::string>& names) {
  std::vector<RecordBeats> records = source.read(names);
  if (o.split.protocol) {
    for (RecordBeats& record : records) relabel(record, *source.label_map);
  }
  return records;
}

// How many beats are evaluated, and of detected ones how many are not.
struct BeatTotals {
  std::int64_t beats = 0;
  std::int64_t missed = 0, extra = 0;  // as in RecordBeats
};

BeatTotals totals_of(const std::vector<RecordBeats>& records) {
  BeatTotals totals;
  for (const RecordBeats& record : records) {
    totals.beats += record.size();
    totals.missed += record.missed;
    totals.extra += record.extra;
  }
  return totals;
}

// The further stores that were named. Errors: see open_further_stores().
std::vector<FurtherStore> open_more(const EvaluateArguments& o, const Source& source,
                                    const ModelConfig& model) {
  if (o.more_data.empty()) return {};
  return open_further_stores(*source.store, o.more_data,
                             model.labels_every_beat() ? 1 : model.sequence_length);
}

// What the model says of records of a store, or of a database. `show` gets the beats that are done.
std::vector<RecordPredictions> predict(const EvaluateArguments& o,
                                       std::span<const RecordBeats> records, const Store* store,
                                       PredictorPool& predictors, const BeatsDone& show) {
  std::vector<RecordPredictions> predictions;
  if (o.lookahead) {
    const WavesOf waves_of = [&](const RecordBeats& record) {
      return store != nullptr ? store->read_waves(record.name) : record.waves;
    };
    predictions = predict_causal(predictors, records, waves_of, *o.lookahead, show);
  } else {
    predictors.use(
        [&](Predictor& predictor) { predictions = predict_records(predictor, records, show); });
  }
  return predictions;
}

// The same of all records, with a bar.
std::vector<RecordPredictions> predict_all(const EvaluateArguments& o, const std::string& title,
                                           const std::vector<RecordBeats>& records,
                                           const Store* store, PredictorPool& predictors) {
  Progress progress(title, "beats", totals_of(records).beats);
  auto predictions =
      predict(o, records, store, predictors, [&](std::int64_t done) { progress.update(done); });
  progress.finish();
  return predictions;
}

// The figures of one of them.
StoreEvaluation evaluate_store(const EvaluateArguments& o, const FurtherStore& further,
                               PredictorPool& predictors, const EvaluationFacts& facts) {
  std::vector<RecordBeats> records = further.store.read_all(further.records);
  if (o.split.protocol) {
    for (RecordBeats& record : records) relabel(record, protocol_label_map(*o.split.protocol));
  }
  const std::string folder = further.store.folder().string();
  const auto predictions = predict_all(o, folder, records, &further.store, predictors);
  return {folder, further.records, left_out_text(further),
          evaluate_predictions(facts, predictions).metrics};
}

void print_evaluation(const EvaluateArguments& o, const EvaluationFacts& facts,
                      const Evaluation& evaluation, const BeatTotals& totals, double seconds) {
  if (!o.common.json) {
    print_result(evaluation_text(facts, evaluation));
    if (!o.output.empty()) say(o.common, fmt::format("written to {}", o.output));
    return;
  }
  Json json = evaluation_json(evaluation);
  json["beats_per_second"] = static_cast<double>(totals.beats) / seconds;
  json["seconds"] = seconds;
  if (o.lookahead) json["lookahead"] = *o.lookahead;
  if (o.beats.marks == BeatMarks::detected) {
    json["missed_beats"] = totals.missed;
    json["extra_beats"] = totals.extra;
  }
  if (!o.output.empty()) json["output"] = o.output;
  print_json(json);
}

// What is made of the records: see data/pseudo_records.h. Errors: of none.
std::vector<RecordBeats> made_of(const std::vector<RecordBeats>& records, const Store& store,
                                 const ModelConfig& model) {
  if (!has_features(model.input())) {
    fail_usage("--pseudo-records: {} takes none", model.name);
  }
  std::vector<RecordBeats> made;
  for (std::uint32_t r = 0; r < records.size(); ++r) {
    std::ranges::move(
        pseudo_records(records[r], store.read_waves(records[r].name), 0, r, model.sequence_length),
        std::back_inserter(made));
  }
  if (made.empty()) fail("--pseudo-records: none can be made of these records");
  return made;
}

// What is evaluated, and what the model says of it.
struct Evaluated {
  std::vector<RecordBeats> records;
  std::vector<RecordPredictions> predictions;
};

// What a record's part is made of, as checksums: the weights, the options, and the record.
class PartInputs {
 public:
  PartInputs(const EvaluateArguments& o, const Source& source) : source_(source) {
    common_ = Json::array({program_name(), sha256_of_file(o.weights), choice_name(o.precision),
                           o.lookahead ? Json(*o.lookahead) : Json(), source.label_map->name()});
    for (const std::string& name : o.normalise_on) common_.push_back(checksum(name));
  }
  std::string of(const std::string& record) const {
    Sha256 sum;
    sum.update(json_text(common_));
    sum.update(checksum(record));
    return sum.hex();
  }

 private:
  std::string checksum(const std::string& record) const {
    if (source_.store) {
      return record + " " + source_.store->checksum(source_.store->find({record}).front());
    }
    const BeatOptions& beats = source_.beats;
    return record_inputs(
        source_.database, record, beats.annotator,
        json_text(Json::array({choice_name(beats.marks), beats.lead, beats.invert})));
  }

  const Source& source_;
  Json common_;
};

Evaluated evaluate_whole(const EvaluateArguments& o, const Source& source,
                         const std::vector<std::string>& names, PredictorPool& predictors) {
  Evaluated all;
  all.records = read_records(o, source, names);
  if (o.pseudo_records) all.records = made_of(all.records, *source.store, predictors.config());
  all.predictions =
      predict_all(o, "evaluate", all.records, source.store ? &*source.store : nullptr, predictors);
  return all;
}

// Does the records of a part, each by itself, into OUTPUT.parts.
void evaluate_part(const EvaluateArguments& o, const Source& source,
                   const std::vector<std::string>& names, PredictorPool& predictors,
                   RecordJobs& jobs) {
  const PredictionParts parts(o.output);
  const OutputDirectory folder(parts.parts().folder(), DirectoryLock::Kind::shared);
  const PartInputs inputs(o, source);
  const std::vector<std::string> mine = part_of(names, *o.parts.shard);
  jobs.expect(std::ssize(mine));
  for (const std::string& name : mine) {
    throw_if_interrupted();
    jobs.run(name, [&] {
      const AtomicFile held = parts.parts().hold(name);
      const std::string made_of = inputs.of(name);
      if (!parts.done(name, made_of).is_null()) return RecordOutcome{.done_already = true};
      const std::vector<RecordBeats> records = read_records(o, source, {name});
      const auto predictions =
          predict(o, records, source.store ? &*source.store : nullptr, predictors, {});
      parts.write(records.front(), predictions.front(), made_of);
      return RecordOutcome{};
    });
  }
}

// Reads what parts have done of the records. Errors: those that are not done; see
// RecordParts::lock().
Evaluated read_parts(const EvaluateArguments& o, const Source& source,
                     const std::vector<std::string>& names, const PredictionParts& parts) {
  const PartInputs inputs(o, source);
  const std::vector<Json> done = parts.parts().all_done(
      names, [&](const std::string& name) { return parts.done(name, inputs.of(name)); });
  Evaluated all;
  for (std::size_t i = 0; i < names.size(); ++i) {
    all.records.push_back(parts.beats(names[i], done[i]));
    all.predictions.push_back(parts.predictions(names[i]));
  }
  return all;
}

void check_usage(const EvaluateArguments& o) {
  if (o.data.empty() == o.database.empty()) {
    fail_usage("give either --data, a store, or --database, a folder of WFDB records");
  }
  check_fold(o.fold, o.split);
  if (o.records.empty() && !o.split.given()) {
    fail_usage("no records to evaluate: give --records, --splits or --protocol");
  }
}

void check_lookahead(const EvaluateArguments& o, const ModelConfig& model) {
  if (!o.lookahead) return;
  try {
    check_lookahead(model, *o.lookahead);
  } catch (const Error& error) {
    fail_usage("{}", text_with_flags(error));
  }
}

void run(EvaluateArguments& o) {
  check_usage(o);
  apply(o.common, o.parts.processes());
  const auto start = std::chrono::steady_clock::now();
  const ModelWeights weights =
      o.weights.ends_with(".keras") ? import_keras(o.weights) : load_model_weights(o.weights);
  check_lookahead(o, weights.config);
  const Source source = open_source(o, weights);
  const std::vector<std::string> names = records_to_evaluate(o);
  const std::vector<FurtherStore> more = open_more(o, source, weights.config);
  if (source.store) source.store->find(names);  // names all that are missing, before any work

  Device device = Device::open(o.common.device, o.precision,
                               [&o](const std::string& text) { say(o.common, text); });
  Model model(weights.config, device, ParameterSet::Use::inference, 0);
  model.load(weights.state, o.weights);
  const std::string normalisation = choose_normalisation(model, source, o);

  PredictorPool predictors(model, device);
  if (o.parts.shard) {
    do_part(o.common, o.parts, "output", o.output,
            [&](RecordJobs& jobs) { evaluate_part(o, source, names, predictors, jobs); });
    return;
  }
  std::optional<OutputDirectory> output;
  if (!o.output.empty()) output.emplace(o.output);
  const PredictionParts parts(o.output);
  std::unique_ptr<DirectoryLock> lock;
  if (o.parts.merge) lock = parts.parts().lock();
  const auto [records, predictions] = o.parts.merge ? read_parts(o, source, names, parts)
                                                    : evaluate_whole(o, source, names, predictors);
  const BeatTotals totals = totals_of(records);

  EvaluationFacts facts =
      describe_evaluation(model, o.weights, weights.made, source.text(), normalisation);
  if (o.beats.marks == BeatMarks::detected) {
    facts.notes.push_back(
        fmt::format("Beats are where they are detected. Not evaluated: {} annotated beats that are "
                    "not detected, {} detected ones that are not annotated.",
                    totals.missed, totals.extra));
  }
  if (o.lookahead) {
    facts.notes.push_back(
        fmt::format("Each beat is labelled from what is known when {} after it {} been seen.",
                    *o.lookahead == 1 ? "one beat" : fmt::format("{} beats", *o.lookahead),
                    *o.lookahead == 1 ? "has" : "have"));
  }
  std::optional<ProtocolScore> protocol;
  if (o.split.protocol) protocol = judge_by(*o.split.protocol, records, predictions);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::vector<StoreEvaluation> stores;
  stores.reserve(more.size());
  for (const FurtherStore& further : more) {
    stores.push_back(evaluate_store(o, further, predictors, facts));
  }
  const Evaluation evaluation =
      o.output.empty()
          ? evaluate_predictions(facts, predictions, Intervals::by_record, protocol, stores)
          : write_evaluation(o.output, facts, predictions, protocol, stores);
  if (o.parts.merge) {
    for (const std::string& name : names) parts.remove(name);
    parts.parts().remove_folder(std::move(lock));
  }
  print_evaluation(o, facts, evaluation, totals, seconds);
}

void add_database_options(CLI::App& command, EvaluateArguments& o) {
  CLI::Option* database = command.add_option(
      "--database", o.database, "Or the folder of WFDB records, cut as ekgine preprocess does");
  add_choice(
      command, "--marks", o.beats.marks,
      "Of the database: beats are where they are annotated, or where the detector finds them")
      ->needs(database);
  command.add_option("--lead", o.beats.lead, "Of the database: lead by name or number from 0")
      ->needs(database);
  command.add_flag("--invert", o.beats.invert, "Of the database: turn the lead upside down")
      ->needs(database);
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
  CLI::Option* data = command->add_option("--data", o->data, "The store (see ekgine preprocess)");
  CLI::Option* more = add_option(
      *command, more_data_option, o->more_data,
      "Further stores, STORE,...: report their figures, too, each store's by itself, but for "
      "records of persons whom the first store or DS2 has");
  more->needs(data);
  add_database_options(*command, *o);
  CLI::Option* records =
      add_listed_records_option(*command, o->records, "Records to evaluate: 228,207,...");
  CLI::Option* splits =
      command
          ->add_option("--splits", o->split.file, "Take the test records of a splits file instead")
          ->excludes(records);
  CLI::Option* protocol = add_protocol_option(
      *command, o->split.protocol,
      "Take the test records of published comparisons, and report as they do: ds1ds2 is de "
      "Chazal's DS2. Classes are then those of the label map ec57");
  protocol->excludes(records)->excludes(splits);
  CLI::Option* lookahead = command->add_option(
      "--lookahead", o->lookahead,
      "Label each beat from what is known when this many beats after it have been seen, 0 or more; "
      "without it from the whole record. For models that label every beat");
  CLI::Option* pseudo =
      command
          ->add_flag(
              "--pseudo-records", o->pseudo_records,
              "Of a store: evaluate what train --pseudo-records makes of the records instead, by "
              "random numbers of their own")
          ->needs(data)
          ->excludes(protocol)
          ->excludes(more)
          ->excludes(lookahead);
  add_fold_option(*command, o->fold,
                  "Take this fold of the training records, 1 to 5, as ekgine kfold deals them by "
                  "default");
  add_records_option(*command, "--normalise-on", o->normalise_on,
                     "Records whose statistics normalise the inputs, where the weights carry none");
  add_option(*command, precision_option, o->precision);
  CLI::Option* output = command->add_option(
      "--output", o->output, "Folder for report.txt, metrics.json, predictions.h5 and plots");
  add_common_options(*command, o->common);
  const auto [shard, merge] = add_part_options(
      *command, o->parts,
      "K/N: only the K-th of N parts of the records, K from 1, into OUTPUT.parts; the other parts "
      "may be done at the same time. --merge then makes the report",
      "Put the parts together that the same command has made with --shard; says which records are "
      "missing");
  for (CLI::Option* part : {shard, merge}) {
    part->needs(output)->excludes(more)->excludes(pseudo);
  }
  command->callback([o] { run(*o); });
}

}  // namespace ekgine
