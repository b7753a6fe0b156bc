// From a model's predictions to everything an evaluation leaves behind.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "evaluation/metrics.h"
#include "evaluation/predictions.h"
#include "evaluation/protocol_score.h"
#include "evaluation/report.h"
#include "evaluation/store_report.h"

namespace ekgine {

struct Evaluation {
  Metrics metrics;                        // over all sequences
  std::vector<RecordMetrics> records;     // of each record, in the order given
  std::vector<std::string> notes;         // facts.notes, and which plots could not be drawn and why
  std::optional<ProtocolScore> protocol;  // of the same predictions, where they are judged by one
  std::vector<StoreEvaluation> stores;    // further ones
};

// What metrics.json holds: metrics_json(), and with a protocol `protocol`, protocol_json(), with
// further stores `stores`, store_json().
Json evaluation_json(const Evaluation& evaluation);

// What report.txt holds: format_report(), with protocol_text() where there is a protocol and
// store_text() where there are further stores.
std::string evaluation_text(const EvaluationFacts& facts, const Evaluation& evaluation);

// Whether the figures get intervals (evaluation/intervals.h), which take a while over many records.
enum class Intervals { none, by_record };

// Computes the metrics and writes nothing; the notes are those of the facts, the protocol and the
// further stores those that are given.
// Errors: as check_facts() and check_records().
Evaluation evaluate_predictions(const EvaluationFacts& facts,
                                std::span<const RecordPredictions> records,
                                Intervals intervals = Intervals::by_record,
                                std::optional<ProtocolScore> protocol = {},
                                std::vector<StoreEvaluation> stores = {});

// Computes the metrics, with intervals, and writes into `directory`, creating it when it is
// missing: report.txt, metrics.json, predictions.h5, and confusion_matrix, roc and
// precision_recall, each as .svg and .png. Every file appears whole or not at all.
// Errors: as check_facts() and check_records(), before anything is written; the directory or a file
// cannot be written. A plot that cannot be drawn is a note, not an error.
Evaluation write_evaluation(const std::filesystem::path& directory, const EvaluationFacts& facts,
                            std::span<const RecordPredictions> records,
                            std::optional<ProtocolScore> protocol = {},
                            std::vector<StoreEvaluation> stores = {});

}  // namespace ekgine
