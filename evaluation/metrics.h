// What a classifier's predictions are worth: accuracy, loss, per-class figures, curves.
//
// All figures are those of scikit-learn 1.x on the same input, ties included. "Positive" is one
// class against the rest; the class predicted for a
// sequence is its most probable one, the first of equals.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "evaluation/bootstrap.h"

namespace ekgine {

struct ClassMetrics {
  std::string name;
  double precision = 0;      // TP / (TP + FP); 0 when the class is never predicted
  double recall = 0;         // TP / (TP + FN), the sensitivity; 0 when the class does not occur
  double f1 = 0;             // 2 TP / (2 TP + FP + FN); 0 when the class is in neither
  std::int64_t support = 0;  // sequences of this class
  // Area under the ROC curve: the chance that a random sequence of the class scores higher than a
  // random other one, equal scores counting half. None without both kinds.
  std::optional<double> auc;
  // Σ (Rᵢ − Rᵢ₋₁) Pᵢ over the distinct scores from high to low, R recall and P precision of
  // predicting the class down to that score. None when the class does not occur.
  std::optional<double> average_precision;
};

struct ClassIntervals {
  std::optional<Interval> precision, recall, f1, auc, average_precision;
};

// How far the figures would move with other records (evaluation/intervals.h).
struct MetricIntervals {
  std::optional<Interval> accuracy, loss, macro_f1, weighted_f1;
  std::vector<ClassIntervals> classes;
};

struct Metrics {
  double accuracy = 0;
  // Mean of −ln p(true class), p clipped to [1e-7, 1 − 1e-7] as in Keras (not renormalised).
  double loss = 0;
  // Mean F1 over the classes that occur in the labels or in the predictions, as
  // sklearn.metrics.f1_score(average="macro") and classification_report take it.
  double macro_f1 = 0;
  double weighted_f1 = 0;  // mean F1 weighted by support
  std::int64_t sequences = 0;
  std::vector<ClassMetrics> classes;
  std::vector<std::vector<std::int64_t>> confusion;  // [true class][predicted class], (C, C)
  std::optional<MetricIntervals> intervals;          // none: of one record, or not asked for
};

// probabilities: (n, C) row-major; labels: (n), 0 … C−1; class_names: C of them. O(C n log n).
// Errors: as check_predictions().
Metrics compute_metrics(std::span<const float> probabilities, std::span<const std::int32_t> labels,
                        std::span<const std::string> class_names);

// Fails when there are no sequences, sizes disagree, a label is outside 0 … C−1, or a probability
// is not a number from 0 to 1 (1e-5 over it is rounding). `where` opens the text: "record 228: ".
void check_predictions(std::string_view where, std::span<const float> probabilities,
                       std::span<const std::int32_t> labels, std::size_t classes);

// {"accuracy", "loss", "macro_f1", "weighted_f1", "sequences",
//  "classes": {NAME: {"precision", "recall", "f1", "support", "auc", "average_precision"}},
//  "confusion": (C, C),
//  "intervals": {"confidence", "resamples", "accuracy": [low, high], "loss", "macro_f1",
//                "weighted_f1", "classes": {NAME: {"precision", …}}}};
// undefined areas and intervals are null, and there are no "intervals" where `metrics` has none;
// classes keep their order.
Json metrics_json(const Metrics& metrics);

// The interval of a figure in metrics_json(), or of a class's; none where it has none, as files of
// earlier versions.
std::optional<Interval> interval_in(const Json& metrics, const std::string& figure);
std::optional<Interval> interval_in(const Json& metrics, const std::string& class_name,
                                    const std::string& figure);

// Fails unless `json`, read from a file, is metrics_json() of some predictions of these classes:
// the same keys, figures from 0 to 1, a finite loss, counts that add up. What evaluation_json()
// adds of a protocol and of further stores nobody reads: it is not looked at. `source` opens the
// text.
void check_metrics_json(const Json& json, std::span<const std::string_view> class_names,
                        const std::string& source);

// What no model at all would reach on these sequences.
struct Baseline {
  std::size_t majority = 0;  // the most frequent class, the first of equals
  // Of always predicting the majority class.
  double accuracy = 0, macro_f1 = 0, weighted_f1 = 0;
  // Of always giving the class frequencies themselves (their entropy), the smallest loss
  // that a constant prediction can have.
  double loss = 0;
};
Baseline majority_baseline(const Metrics& metrics);

struct CurvePoint {
  double x = 0, y = 0;
};

struct ClassCurves {
  std::vector<CurvePoint> roc;  // false-positive rate, true-positive rate; empty where auc is none
  // Recall, precision; a staircase whose area is the average precision; empty where that is none.
  std::vector<CurvePoint> precision_recall;
};

// The curves of one class, for plotting: vertices of a polyline from which no left-out vertex is
// further than `tolerance` (0: only vertices on a straight line are left out).
// Errors: as check_predictions().
ClassCurves compute_curves(std::span<const float> probabilities,
                           std::span<const std::int32_t> labels, std::size_t classes,
                           std::size_t class_index, double tolerance = 5e-4);

}  // namespace ekgine
