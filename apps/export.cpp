// ekgine export: store → TFRecords, predictions → NumPy.

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>

#include "apps/command.h"
#include "apps/parts.h"
#include "base/atomic_file.h"
#include "base/progress.h"
#include "data/tfrecord_export.h"
#include "evaluation/npz.h"

namespace ekgine {

namespace {

struct ExportArguments {
  CommonOptions common;
  std::string data, predictions, npz;
  TfRecordOptions tfrecord;
  PartOptions parts;
};

TfRecordSummary write_tfrecords(const ExportArguments& o) {
  const Store store(o.data);
  if (o.parts.merge) return merge_exported(store, o.tfrecord);
  std::unique_ptr<Progress> bar;
  const TfRecordSummary summary =
      export_tfrecords(store, o.tfrecord, [&](std::int64_t done, std::int64_t total) {
        if (!bar) bar = std::make_unique<Progress>("export", "sequences", total);
        bar->update(done);
      });
  if (bar) bar->finish();
  return summary;
}

void run(ExportArguments& o) {
  const bool tfrecord = !o.tfrecord.output.empty(), npz = !o.npz.empty();
  if (!tfrecord && !npz) {
    fail_usage("nothing to export: give --data and --tfrecord, or --predictions and --npz");
  }
  apply(o.common, o.parts.processes());
  if (o.parts.shard) {
    const Store store(o.data);
    do_part(o.common, o.parts, "output", o.tfrecord.output.string(),
            [&](RecordJobs& jobs) { export_part(store, o.tfrecord, *o.parts.shard, jobs); });
    return;
  }
  const auto start = std::chrono::steady_clock::now();
  Json json = Json::object();
  std::vector<RecordPredictions> predictions;
  std::optional<AtomicFile> place;
  if (npz) {
    predictions = read_predictions(o.predictions, class_count);
    place.emplace(o.npz);  // fails now where it cannot be written, not after long work
  }
  std::vector<std::string> lines;
  if (tfrecord) {
    const TfRecordSummary summary = write_tfrecords(o);
    json["tfrecord"] = {{"output", o.tfrecord.output.string()},
                        {"records", summary.records},
                        {"sequences", summary.sequences},
                        {"sequence_length", o.tfrecord.sequence_length}};
    lines.push_back(fmt::format("{}: {} records, {} sequences", o.tfrecord.output.string(),
                                summary.records, summary.sequences));
  }
  if (npz) {
    write_npz(o.npz, predictions, class_count);
    std::size_t sequences = 0;
    for (const RecordPredictions& record : predictions) sequences += record.labels.size();
    json["npz"] = {{"output", o.npz}, {"records", predictions.size()}, {"sequences", sequences}};
    lines.push_back(
        fmt::format("{}: {} records, {} sequences", o.npz, predictions.size(), sequences));
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (o.common.json) {
    json["seconds"] = seconds;
    print_json(json);
    return;
  }
  for (const std::string& line : lines) say(o.common, line);
  say(o.common, fmt::format("exported in {:.1f} s", seconds));
}

}  // namespace

void add_export(CLI::App& program) {
  auto o = std::make_shared<ExportArguments>();
  CLI::App* command = program.add_subcommand(
      "export",
      "Write what other programs read: a store's sequences of scalograms as TFRecords, and a "
      "run's\n"
      "predictions as NumPy arrays. Files appear whole or not at all. docs/formats.md describes "
      "them.");
  const char* sequences = "Sequences for TensorFlow";
  CLI::Option* data =
      command->add_option("--data", o->data, "The store (see ekgine preprocess)")->group(sequences);
  CLI::Option* tfrecord =
      command
          ->add_option("--tfrecord", o->tfrecord.output,
                       "Folder for REC.tfrecord of every record: tf.train.Examples of up to 256 "
                       "sequences, not normalised")
          ->group(sequences)
          ->needs(data);
  data->needs(tfrecord);
  add_listed_records_option(*command, o->tfrecord.records,
                            "Only these records: 100,101,... [all of the store]")
      ->group(sequences)
      ->needs(tfrecord);
  command
      ->add_option("--sequence-length", o->tfrecord.sequence_length,
                   "Beats per sequence; each takes 24 KB")
      ->check(CLI::Range(std::int64_t{1}, longest_exported_sequence))
      ->capture_default_str()
      ->group(sequences)
      ->needs(tfrecord);
  const char* arrays = "Predictions for NumPy";
  CLI::Option* predictions =
      command->add_option("--predictions", o->predictions, "predictions.h5 of a run or evaluation")
          ->group(arrays);
  CLI::Option* npz = command
                         ->add_option("--npz", o->npz,
                                      "The file to write: y_true, y_pred_probs and y_pred_classes "
                                      "of all sequences")
                         ->group(arrays)
                         ->needs(predictions);
  predictions->needs(npz);
  add_common_options(*command, o->common);
  const auto [shard, merge] = add_part_options(
      *command, o->parts,
      "K/N: only the K-th of N parts of the records, K from 1, each file whole in its place; the "
      "other parts may be done at the same time. --merge then ends the export",
      "End an export that the same command has done with --shard; says which records are missing");
  for (CLI::Option* part : {shard, merge}) part->needs(tfrecord)->excludes(npz);
  command->callback([o] { run(*o); });
}

}  // namespace ekgine
