#include "evaluation/protocol_report.h"

#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "base/console.h"
#include "base/json.h"
#include "evaluation/format.h"
#include "evaluation/report_text.h"

namespace ekgine {

namespace {

using Rows = std::vector<std::vector<std::string>>;

// "S sensitivity", "VEB false positive rate".
std::string figure_title(const ProtocolFigure& named) {
  const std::string_view group = named.group, key = named.key;
  std::string title = group == "sveb" ? "SVEB " : group == "veb" ? "VEB " : std::string(group);
  if (group.size() == 1) title += ' ';
  if (key == "positive_predictivity") return title + "positive predictivity";
  if (key == "false_positive_rate") return title + "false positive rate";
  return title + (key == "f1" ? "F1" : std::string(key));
}

// Of a percentage: those that its interval warrants; one where none tells.
int digits(const std::optional<Interval>& interval) {
  return interval && interval->low < interval->high ? decimals(interval) : 1;
}

std::string percent_text(const std::optional<double>& value,
                         const std::optional<Interval>& interval = {}) {
  return value ? fmt::format("{:.{}f}", *value, digits(interval)) : "-";
}

std::string percent_interval(const std::optional<Interval>& interval) {
  if (!interval) return "-";
  return percent_text(interval->low, interval) + " to " + percent_text(interval->high, interval);
}

// A row per figure: that of all records, its interval, and the same of every other view.
std::string figure_table(const ProtocolScore& score) {
  Rows rows{{""}};
  std::vector<std::string> beats{"beats"}, unlabelled{"without a label"};
  for (const ProtocolView& view : score.views) {
    rows[0].push_back(view.title);
    beats.push_back(grouped(view.figures.beats()));
    unlabelled.push_back(grouped(view.figures.unlabelled()));
    if (&view != &score.views.front()) continue;
    rows[0].emplace_back("95 % interval");
    beats.emplace_back();
    unlabelled.emplace_back();
  }
  for (std::size_t f = 0; f < protocol_figure_count; ++f) {
    std::vector<std::string>& row = rows.emplace_back();
    row.push_back(figure_title(protocol_figures()[f]));
    for (const ProtocolView& view : score.views) {
      const std::optional<Interval>& interval = view.figures.intervals[f];
      row.push_back(percent_text(view.figures.values[f], interval));
      if (&view == &score.views.front()) row.push_back(percent_interval(interval));
    }
  }
  rows.push_back(std::move(beats));
  rows.push_back(std::move(unlabelled));
  return text_table(rows);
}

std::string record_rows(const ProtocolScore& score) {
  Rows rows{
      {"record", "beats", "no label", "accuracy", "S", "Se", "+P", "F1", "V", "Se", "+P", "F1"}};
  for (std::size_t r = 0; r < score.records.size(); ++r) {
    const ProtocolFigures& of = score.of_records[r];
    std::vector<std::string>& row = rows.emplace_back();
    row = {printable(score.records[r]), grouped(of.beats()), grouped(of.unlabelled()),
           percent_text(of.value("", "accuracy"))};
    for (const char* group : {"S", "V"}) {
      row.push_back(grouped(of.matrix.sum(group, beat_labels)));
      for (const char* key : {"sensitivity", "positive_predictivity", "f1"}) {
        row.push_back(percent_text(of.value(group, key)));
      }
    }
  }
  return text_table(rows);
}

std::string cause_table(const ProtocolScore& score) {
  Rows rows{{"symbol", "class", "beats"}};
  for (const char name : beat_classes) rows[0].emplace_back(1, name);
  rows[0].insert(rows[0].end(), {"none", "right"});
  for (const ProtocolCause& cause : score.causes) {
    const auto label = static_cast<std::size_t>(cause.label);
    std::vector<std::string>& row = rows.emplace_back();
    row = {std::string(1, cause.symbol), std::string(1, beat_classes[label]),
           grouped(cause.beats())};
    for (const std::int64_t count : cause.predicted) row.push_back(grouped(count));
    row.push_back(cause.beats() == 0 ? "-" : percent(cause.predicted[label], cause.beats()));
  }
  return text_table(rows);
}

Json number_or_null(const std::optional<double>& value) {
  return value ? Json(*value) : Json();
}

enum class WithIntervals { no, yes };

// {"N": {}, …}
Json empty_classes() {
  Json json = Json::object();
  for (const char name : beat_classes) json[std::string(1, name)] = Json::object();
  return json;
}

Json figures_json(const ProtocolFigures& figures, WithIntervals with) {
  Json json = {
      {"beats", figures.beats()}, {"unlabelled", figures.unlabelled()}, {"accuracy", nullptr}};
  if (with == WithIntervals::yes) json["accuracy_interval"] = nullptr;
  json["classes"] = empty_classes();
  json["sveb"] = Json::object();
  json["veb"] = Json::object();
  for (std::size_t f = 0; f < protocol_figure_count; ++f) {
    const auto& [group, key] = protocol_figures()[f];
    const std::string_view name = group;
    Json& place = name.empty() ? json : name.size() == 1 ? json["classes"][group] : json[group];
    place[key] = number_or_null(figures.values[f]);
    if (with == WithIntervals::no) continue;
    const std::optional<Interval>& interval = figures.intervals[f];
    place[std::string(key) + "_interval"] =
        interval ? Json::array({interval->low, interval->high}) : Json();
  }
  Json& matrix = json["matrix"] = Json::array();
  for (const auto& row : figures.matrix.counts) {
    matrix.push_back(std::vector<std::int64_t>(row.begin(), row.end()));
  }
  return json;
}

Json causes_json(const ProtocolScore& score) {
  Json json = Json::object();
  for (const ProtocolCause& cause : score.causes) {
    Json predicted = Json::object();
    for (std::size_t p = 0; p < cause.predicted.size(); ++p) {
      predicted[p < beat_classes.size() ? std::string(1, beat_classes[p]) : "none"] =
          cause.predicted[p];
    }
    json[std::string(1, cause.symbol)] = {
        {"class", std::string(1, beat_classes[static_cast<std::size_t>(cause.label)])},
        {"beats", cause.beats()},
        {"predicted", std::move(predicted)}};
  }
  return json;
}

}  // namespace

std::string protocol_text(const ProtocolScore& score) {
  std::string text = text_heading(fmt::format("Protocol {} (in %, over all beats of all records)",
                                              score.protocol)) +
                     figure_table(score) + '\n';
  text += wrapped_text(
      "  ",
      "Every beat counts: one without a label is a missed one, here and not in the tables above. "
      "Beats are of the classes of EC57, so that e, j and n are S. SVEB and VEB as EC57 counts "
      "them: Q taken for S, and F or Q taken for V, count neither for nor against. Intervals are "
      "over records; those of all columns are in the JSON.");
  for (const ProtocolView& view : score.views) {
    if (!view.reason.empty()) text += wrapped_text("  " + view.title + ": ", view.reason);
  }
  text += text_heading("Protocol, record by record (Se, +P, F1 in %)") + record_rows(score);
  text += text_heading(
              "What was taken for what (rows: annotation symbols; columns: predicted classes)") +
          cause_table(score);
  return text;
}

Json protocol_json(const ProtocolScore& score) {
  Json json = {{"name", score.protocol}, {"labels", beat_labels}};
  for (const ProtocolView& view : score.views) {
    json[view.key] = figures_json(view.figures, WithIntervals::yes);
  }
  Json& records = json["records"] = Json::array();
  for (std::size_t r = 0; r < score.records.size(); ++r) {
    Json record = {{"record", score.records[r]}};
    record.update(figures_json(score.of_records[r], WithIntervals::no));
    records.push_back(std::move(record));
  }
  json["causes"] = causes_json(score);
  return json;
}

}  // namespace ekgine
