// From a model's predictions to everything an evaluation leaves behind.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "evaluation/metrics.h"
#include "evaluation/predictions.h"
#include "evaluation/report.h"

namespace ekgine {

struct Evaluation {
  Metrics metrics;                     // over all sequences
  std::vector<RecordMetrics> records;  // of each record, in the order given
  std::vector<std::string> notes;      // facts.notes, and which plots could not be drawn and why
};

// Whether the figures get intervals (evaluation/intervals.h), which take a while over many records.
enum class Intervals { none, by_record };

// Computes the metrics and writes nothing; the notes are those of the facts.
// Errors: as check_facts() and check_records().
Evaluation evaluate_predictions(const EvaluationFacts& facts,
                                std::span<const RecordPredictions> records,
                                Intervals intervals = Intervals::by_record);

// Computes the metrics, with intervals, and writes into `directory`, creating it when it is
// missing: report.txt, metrics.json (metrics_json()), predictions.h5, and confusion_matrix, roc and
// precision_recall, each as .svg and .png. Every file appears whole or not at all.
// Errors: as check_facts() and check_records(), before anything is written; the directory or a file
// cannot be written. A plot that cannot be drawn is a note, not an error.
Evaluation write_evaluation(const std::filesystem::path& directory, const EvaluationFacts& facts,
                            std::span<const RecordPredictions> records);

}  // namespace ekgine
