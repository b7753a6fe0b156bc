#include "evaluation/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "base/console.h"
#include "base/error.h"
#include "evaluation/format.h"

namespace ekgine {

namespace {

constexpr std::size_t kWidth = 96;
// Below this many sequences a class's recall moves by more than three points with each of them.
constexpr std::int64_t kRare = 30;

std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(display_width(text));
}

std::string left(std::string_view text, std::size_t width) {
  return std::string(text) + std::string(width - std::min(width, columns(text)), ' ');
}

std::string right(std::string_view text, std::size_t width) {
  return std::string(width - std::min(width, columns(text)), ' ') + std::string(text);
}

// Rows of cells; the first column to the left, the others to the right, two blanks between.
std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], columns(row[c]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line = "  ";
    for (std::size_t c = 0; c < row.size(); ++c) {
      line += c == 0 ? left(row[c], widths[c]) : "  " + right(row[c], widths[c]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  return text;
}

// `text` in lines of kWidth, the first opened by `first`, the others indented as far.
std::string wrapped(std::string_view first, std::string_view raw_text) {
  const std::string line = printable(raw_text);
  std::string_view text = line;
  const std::string indent(columns(first), ' ');
  std::string result(first);
  std::size_t used = columns(first);
  bool opening = true;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    if (!opening && used + 1 + columns(word) > kWidth) {
      result += '\n' + indent;
      used = indent.size();
      opening = true;
    }
    if (!opening) {
      result += ' ';
      ++used;
    }
    result += word;
    used += columns(word);
    opening = false;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result + '\n';
}

std::string heading(std::string_view text) {
  return fmt::format("\n{}\n\n", text);
}

std::string four_digits(double value) {
  return fmt::format("{:.4f}", value);
}

std::string four_digits(const std::optional<double>& value) {
  return value ? four_digits(*value) : "-";
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
    if (!value.empty()) text += wrapped("  " + left(name, 15), value);
  }
  return text;
}

std::string headline(const Metrics& all, const Baseline& baseline) {
  std::string text = table({
      {"", "model", "always " + all.classes[baseline.majority].name},
      {"accuracy", four_digits(all.accuracy), four_digits(baseline.accuracy)},
      {"macro F1", four_digits(all.macro_f1), four_digits(baseline.macro_f1)},
      {"weighted F1", four_digits(all.weighted_f1), four_digits(baseline.weighted_f1)},
      {"cross-entropy", four_digits(all.loss), four_digits(baseline.loss)},
  });
  text += '\n';
  text += wrapped(
      "  ", fmt::format("The right column needs no model: it always predicts {}, the most "
                        "frequent class. Its cross-entropy is that of always giving the class "
                        "frequencies.",
                        all.classes[baseline.majority].name));
  return text;
}

std::string class_table(const EvaluationFacts& facts, const Metrics& all) {
  std::vector<std::vector<std::string>> rows{
      {"class", "precision", "recall", "F1", "ROC AUC", "avg. precision", "sequences"}};
  for (const ClassMetrics& figures : all.classes) {
    rows.push_back({figures.name, four_digits(figures.precision), four_digits(figures.recall),
                    four_digits(figures.f1), four_digits(figures.auc),
                    four_digits(figures.average_precision), grouped(figures.support)});
  }
  std::string text = table(rows) + '\n';
  for (std::size_t c = 0; c < facts.class_descriptions.size(); ++c) {
    text += wrapped(fmt::format("  {}  ", facts.class_names[c]), facts.class_descriptions[c]);
  }
  if (!facts.class_descriptions.empty()) text += '\n';
  text += wrapped("  ",
                  "Precision: the share of the sequences predicted as the class that are of it. "
                  "Recall (sensitivity): the share of the sequences of the class that are "
                  "predicted as it. ROC AUC and average precision judge the probabilities, the "
                  "class against the rest; 0.5 and the class's share are chance.");
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
  return table(rows);
}

std::string record_table(const Metrics& all, std::span<const RecordMetrics> records) {
  std::vector<std::vector<std::string>> rows{{"record", "sequences", "accuracy", "macro F1"}};
  for (const ClassMetrics& figures : all.classes) rows[0].push_back(figures.name);
  for (const auto& [record, metrics] : records) {
    std::vector<std::string> row{printable(record), grouped(metrics.sequences),
                                 four_digits(metrics.accuracy), four_digits(metrics.macro_f1)};
    for (std::size_t c = 0; c < metrics.classes.size(); ++c) {
      const std::int64_t support = metrics.classes[c].support;
      row.push_back(support == 0 ? "-" : fmt::format("{}/{}", metrics.confusion[c][c], support));
    }
    rows.push_back(std::move(row));
  }
  return table(rows);
}

std::vector<std::string> own_notes(const Metrics& all, const Baseline& baseline) {
  std::vector<std::string> notes;
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
                          std::span<const std::string> notes) {
  check_facts(facts);
  const Baseline baseline = majority_baseline(all);
  std::string text =
      "Heartbeat classification: evaluation\n====================================\n\n";
  text += what_was_evaluated(facts, all, records);
  text += heading("In short") + headline(all, baseline);
  text += heading("Classes") + class_table(facts, all);
  text += heading("Confusion matrix (rows: true class; columns: predicted class; % of the row)") +
          confusion_table(all);
  text += heading("Records (per class: predicted correctly / all)") + record_table(all, records);

  std::vector<std::string> remarks = own_notes(all, baseline);
  remarks.insert(remarks.end(), notes.begin(), notes.end());
  if (!remarks.empty()) text += heading("Notes");
  for (const std::string& remark : remarks) text += wrapped("  - ", remark);
  return text;
}

}  // namespace ekgine
