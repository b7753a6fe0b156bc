#include "evaluation/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "base/console.h"
#include "base/error.h"
#include "evaluation/format.h"
#include "evaluation/report_text.h"

namespace ekgine {

namespace {

// Below this many sequences a class's recall moves by more than three points with each of them.
constexpr std::int64_t kRare = 30;
// Below this many records the percentiles of the bootstrap lie clearly too far inside.
constexpr std::size_t kFewRecords = 10;

std::string figure_or_none(const std::optional<double>& value,
                           const std::optional<Interval>& interval) {
  return value ? figure(*value, interval) : "-";
}

std::string what_was_evaluated(const EvaluationFacts& facts, const Metrics& all,
                               std::span<const RecordMetrics> records) {
  std::string names;
  for (const RecordMetrics& record : records) {
    names += (names.empty() ? "" : ", ") + record.record;
  }
  std::string text;
  for (const auto& [name, value] : {std::pair{"Model", facts.model},
                                    {"Weights", facts.weights},
                                    {"Data", facts.data},
                                    {"Normalisation", facts.normalisation},
                                    {"Records", fmt::format("{}: {}", records.size(), names)},
                                    {"Sequences", grouped(all.sequences)},
                                    {"Trained by", facts.trained},
                                    {"Evaluated by", facts.evaluated}}) {
    if (!value.empty()) text += wrapped_text("  " + padded_right(name, 15), value);
  }
  return text;
}

std::string headline(const Metrics& all, const Baseline& baseline, std::size_t records) {
  const MetricIntervals intervals = all.intervals.value_or(MetricIntervals());
  std::vector<std::vector<std::string>> rows{{"", "model"}};
  if (all.intervals) rows[0].emplace_back("95 % interval");
  rows[0].push_back("always " + all.classes[baseline.majority].name);
  const auto add = [&](const char* name, double value, const std::optional<Interval>& interval,
                       double without_model) {
    std::vector<std::string>& row = rows.emplace_back();
    row = {name, figure(value, interval)};
    if (all.intervals) row.push_back(interval_text(interval, " to ", "-"));
    row.push_back(figure(without_model, interval));
  };
  add("accuracy", all.accuracy, intervals.accuracy, baseline.accuracy);
  add("macro F1", all.macro_f1, intervals.macro_f1, baseline.macro_f1);
  add("weighted F1", all.weighted_f1, intervals.weighted_f1, baseline.weighted_f1);
  add("cross-entropy", all.loss, intervals.loss, baseline.loss);
  std::string text = text_table(rows) + '\n';
  text += wrapped_text(
      "  ", fmt::format("The right column needs no model: it always predicts {}, the most "
                        "frequent class. Its cross-entropy is that of always giving the class "
                        "frequencies.",
                        all.classes[baseline.majority].name));
  if (all.intervals) {
    text += wrapped_text("  ",
                         fmt::format("The interval is that of 95 % of {} draws of {} records from "
                                     "these {} (bootstrap by record): how far figures would move "
                                     "with other patients. Digits beyond it are left out.",
                                     grouped(bootstrap_resamples), records, records));
  } else if (records == 1) {
    text +=
        wrapped_text("  ",
                     "Of one record there is no interval: it does not tell how far figures would "
                     "move with other patients.");
  }
  return text;
}

std::string class_table(const EvaluationFacts& facts, const Metrics& all) {
  std::vector<std::vector<std::string>> rows{
      {"class", "precision", "recall", "F1", "ROC AUC", "avg. precision", "sequences"}};
  std::vector<std::vector<std::string>> ranges = {rows[0]};
  ranges[0].back() = "95 % intervals";
  std::rotate(ranges[0].begin(), ranges[0].end() - 1, ranges[0].end());
  ranges[0].erase(ranges[0].begin() + 1);
  for (std::size_t c = 0; c < all.classes.size(); ++c) {
    const ClassMetrics& figures = all.classes[c];
    const ClassIntervals of = all.intervals ? all.intervals->classes[c] : ClassIntervals();
    rows.push_back({figures.name, figure(figures.precision, of.precision),
                    figure(figures.recall, of.recall), figure(figures.f1, of.f1),
                    figure_or_none(figures.auc, of.auc),
                    figure_or_none(figures.average_precision, of.average_precision),
                    grouped(figures.support)});
    std::vector<std::string>& range = ranges.emplace_back();
    range.push_back(figures.name);
    for (const auto& interval : {of.precision, of.recall, of.f1, of.auc, of.average_precision}) {
      range.push_back(interval_text(interval, "-", "-"));
    }
  }
  std::string text = text_table(rows) + '\n';
  if (all.intervals) text += text_table(ranges) + '\n';
  for (std::size_t c = 0; c < facts.class_descriptions.size(); ++c) {
    text += wrapped_text(fmt::format("  {}  ", facts.class_names[c]), facts.class_descriptions[c]);
  }
  if (!facts.class_descriptions.empty()) text += '\n';
  text +=
      wrapped_text("  ",
                   "Precision: the share of the sequences predicted as the class that are of it. "
                   "Recall (sensitivity): the share of the sequences of the class that are "
                   "predicted as it. ROC AUC and average precision judge the probabilities, the "
                   "class against the rest; 0.5 and the class's share are chance.");
  if (all.intervals) {
    text +=
        wrapped_text("  ",
                     "An interval is missing where the class is in fewer than two records, or is "
                     "predicted in fewer than two.");
  }
  return text;
}

std::string confusion_table(const Metrics& all) {
  std::vector<std::vector<std::string>> rows{{"true"}};
  for (const ClassMetrics& figures : all.classes) {
    rows[0].push_back(figures.name);
    rows[0].emplace_back("");
  }
  rows[0].emplace_back("sequences");
  for (std::size_t truth = 0; truth < all.classes.size(); ++truth) {
    const std::int64_t support = all.classes[truth].support;
    std::vector<std::string> row{all.classes[truth].name};
    for (const std::int64_t count : all.confusion[truth]) {
      row.push_back(grouped(count));
      row.push_back(support == 0 ? "-" : percent(count, support));
    }
    row.push_back(grouped(support));
    rows.push_back(std::move(row));
  }
  return text_table(rows);
}

std::string record_table(const Metrics& all, std::span<const RecordMetrics> records) {
  std::vector<std::vector<std::string>> rows{{"record", "sequences", "accuracy", "macro F1"}};
  for (const ClassMetrics& figures : all.classes) rows[0].push_back(figures.name);
  for (const auto& [record, metrics] : records) {
    std::vector<std::string> row{printable(record), grouped(metrics.sequences),
                                 figure(metrics.accuracy, std::nullopt),
                                 figure(metrics.macro_f1, std::nullopt)};
    for (std::size_t c = 0; c < metrics.classes.size(); ++c) {
      const std::int64_t support = metrics.classes[c].support;
      row.push_back(support == 0 ? "-" : fmt::format("{}/{}", metrics.confusion[c][c], support));
    }
    rows.push_back(std::move(row));
  }
  return text_table(rows);
}

std::vector<std::string> own_notes(const Metrics& all, const Baseline& baseline,
                                   std::size_t records) {
  std::vector<std::string> notes;
  if (all.intervals && records < kFewRecords) {
    notes.push_back(
        fmt::format("Intervals of so few records ({}) are rough, and rather too narrow.", records));
  }
  if (all.accuracy <= baseline.accuracy) {
    notes.push_back(fmt::format("The accuracy is {} that of always predicting {}.",
                                all.accuracy < baseline.accuracy ? "below" : "no more than",
                                all.classes[baseline.majority].name));
  }
  if (all.loss >= baseline.loss) {
    notes.emplace_back(
        "The cross-entropy is no better than that of giving the class frequencies: the "
        "probabilities are not to be taken at face value.");
  }
  for (std::size_t c = 0; c < all.classes.size(); ++c) {
    const ClassMetrics& figures = all.classes[c];
    std::int64_t predicted = 0;
    for (const auto& row : all.confusion) predicted += row[c];
    if (figures.support == 0) {
      notes.push_back(fmt::format(
          "{} does not occur in these records{}: nothing is known of how well it is found.",
          figures.name,
          predicted == 0 ? " and is not predicted, so macro F1 leaves it out"
                         : fmt::format(" but is predicted {} times, so macro F1 counts it as 0",
                                       grouped(predicted))));
    } else if (figures.support < kRare) {
      notes.push_back(
          fmt::format("{} has only {} sequence{}: each moves its recall by {:.3g} points.",
                      figures.name, figures.support, figures.support == 1 ? "" : "s",
                      100.0 / static_cast<double>(figures.support)));
    }
    if (figures.support > 0 && predicted == 0) {
      notes.push_back(fmt::format("{} is never predicted.", figures.name));
    }
  }
  return notes;
}

}  // namespace

void check_facts(const EvaluationFacts& facts) {
  if (!facts.class_descriptions.empty() &&
      facts.class_descriptions.size() != facts.class_names.size()) {
    fail("report: {} class descriptions, expected {} as there are classes",
         facts.class_descriptions.size(), facts.class_names.size());
  }
}

std::string format_report(const EvaluationFacts& facts, const Metrics& all,
                          std::span<const RecordMetrics> records,
                          std::span<const std::string> notes, const std::string& sections) {
  check_facts(facts);
  const Baseline baseline = majority_baseline(all);
  std::string text =
      "Heartbeat classification: evaluation\n====================================\n\n";
  text += what_was_evaluated(facts, all, records);
  text += text_heading("In short") + headline(all, baseline, records.size());
  text += text_heading("Classes") + class_table(facts, all);
  text +=
      text_heading("Confusion matrix (rows: true class; columns: predicted class; % of the row)") +
      confusion_table(all);
  text +=
      text_heading("Records (per class: predicted correctly / all)") + record_table(all, records);
  text += sections;

  std::vector<std::string> remarks = own_notes(all, baseline, records.size());
  remarks.insert(remarks.end(), notes.begin(), notes.end());
  if (!remarks.empty()) text += text_heading("Notes");
  for (const std::string& remark : remarks) text += wrapped_text("  - ", remark);
  return text;
}

}  // namespace ekgine
