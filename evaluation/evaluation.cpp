#include "evaluation/evaluation.h"

#include <fmt/format.h>

#include <utility>

#include "base/atomic_file.h"
#include "base/json_file.h"
#include "evaluation/format.h"
#include "evaluation/intervals.h"
#include "evaluation/plots.h"
#include "evaluation/protocol_report.h"

namespace ekgine {

namespace {

// The sequences of all records, one record after another.
struct Pooled {
  explicit Pooled(std::span<const RecordPredictions> records) {
    for (const RecordPredictions& record : records) {
      probabilities.insert(probabilities.end(), record.probabilities.begin(),
                           record.probabilities.end());
      labels.insert(labels.end(), record.labels.begin(), record.labels.end());
    }
  }
  std::vector<float> probabilities;
  std::vector<std::int32_t> labels;
};

Evaluation evaluate(const EvaluationFacts& facts, std::span<const RecordPredictions> records,
                    const Pooled& all, Intervals intervals) {
  Evaluation evaluation;
  for (const RecordPredictions& record : records) {
    evaluation.records.push_back(
        {record.record, compute_metrics(record.probabilities, record.labels, facts.class_names)});
  }
  evaluation.metrics = compute_metrics(all.probabilities, all.labels, facts.class_names);
  if (intervals == Intervals::by_record) {
    evaluation.metrics.intervals = metric_intervals(records, facts.class_names.size());
  }
  evaluation.notes = facts.notes;
  return evaluation;
}

}  // namespace

Json evaluation_json(const Evaluation& evaluation) {
  Json json = metrics_json(evaluation.metrics);
  if (evaluation.protocol) json["protocol"] = protocol_json(*evaluation.protocol);
  if (!evaluation.stores.empty()) json["stores"] = store_json(evaluation.stores);
  return json;
}

std::string evaluation_text(const EvaluationFacts& facts, const Evaluation& evaluation) {
  return format_report(facts, evaluation.metrics, evaluation.records, evaluation.notes,
                       (evaluation.protocol ? protocol_text(*evaluation.protocol) : "") +
                           store_text(evaluation.stores));
}

Evaluation evaluate_predictions(const EvaluationFacts& facts,
                                std::span<const RecordPredictions> records, Intervals intervals,
                                std::optional<ProtocolScore> protocol,
                                std::vector<StoreEvaluation> stores) {
  check_facts(facts);
  check_records(records, facts.class_names.size());
  Evaluation evaluation = evaluate(facts, records, Pooled(records), intervals);
  evaluation.protocol = std::move(protocol);
  evaluation.stores = std::move(stores);
  return evaluation;
}

Evaluation write_evaluation(const std::filesystem::path& directory, const EvaluationFacts& facts,
                            std::span<const RecordPredictions> records,
                            std::optional<ProtocolScore> protocol,
                            std::vector<StoreEvaluation> stores) {
  check_facts(facts);
  check_records(records, facts.class_names.size());
  make_directory(directory);

  const Pooled all(records);
  Evaluation evaluation = evaluate(facts, records, all, Intervals::by_record);
  evaluation.protocol = std::move(protocol);
  evaluation.stores = std::move(stores);
  const Metrics& metrics = evaluation.metrics;

  write_predictions(directory / "predictions.h5", records, facts.class_names);
  write_file(directory / "metrics.json", sealed_json(evaluation_json(evaluation)));

  const std::string subtitle =
      fmt::format("{}{}{} record{}, {} sequence{}", facts.model, facts.model.empty() ? "" : "; ",
                  records.size(), records.size() == 1 ? "" : "s", grouped(metrics.sequences),
                  metrics.sequences == 1 ? "" : "s");
  for (std::string& note :
       draw_evaluation(directory, subtitle, metrics, all.probabilities, all.labels)) {
    evaluation.notes.push_back(std::move(note));
  }
  write_file(directory / "report.txt", evaluation_text(facts, evaluation));
  return evaluation;
}

}  // namespace ekgine
