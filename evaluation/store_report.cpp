#include "evaluation/store_report.h"

#include <fmt/format.h>

#include <utility>

#include "base/console.h"
#include "base/json.h"
#include "evaluation/format.h"
#include "evaluation/report_text.h"

namespace ekgine {

namespace {

std::string with_interval(double value, const std::optional<Interval>& interval) {
  return interval
             ? fmt::format("{} [{}]", figure(value, interval), interval_text(interval, " to ", ""))
             : figure(value, interval);
}

std::string figures_of_classes(const Metrics& metrics) {
  std::vector<std::vector<std::string>> rows{
      {"class", "recall", "95 %", "precision", "95 %", "F1", "95 %", "sequences"}};
  for (std::size_t c = 0; c < metrics.classes.size(); ++c) {
    const ClassMetrics& of = metrics.classes[c];
    const ClassIntervals range =
        metrics.intervals ? metrics.intervals->classes[c] : ClassIntervals();
    std::vector<std::string>& row = rows.emplace_back();
    row.push_back(of.name);
    for (const auto& [value, interval] :
         {std::pair{of.recall, range.recall}, std::pair{of.precision, range.precision},
          std::pair{of.f1, range.f1}}) {
      row.push_back(figure(value, interval));
      row.push_back(interval_text(interval, "-", "-"));
    }
    row.push_back(grouped(of.support));
  }
  return text_table(rows);
}

}  // namespace

std::string store_text(std::span<const StoreEvaluation> stores) {
  if (stores.empty()) return "";
  std::string text = text_heading("Further stores, each by itself");
  for (const StoreEvaluation& of : stores) {
    const Metrics& metrics = of.metrics;
    const MetricIntervals intervals = metrics.intervals.value_or(MetricIntervals());
    if (&of != &stores.front()) text += '\n';
    text += wrapped_text(
        "  ",
        fmt::format("{}: {} record{}, {} sequences; accuracy {}, macro F1 {}, always {} {}{}",
                    of.store, of.records.size(), of.records.size() == 1 ? "" : "s",
                    grouped(metrics.sequences), with_interval(metrics.accuracy, intervals.accuracy),
                    with_interval(metrics.macro_f1, intervals.macro_f1),
                    metrics.classes[majority_baseline(metrics).majority].name,
                    figure(majority_baseline(metrics).accuracy, intervals.accuracy),
                    of.left_out.empty() ? "" : "; left out: " + of.left_out));
    text += '\n' + figures_of_classes(metrics);
  }
  return text;
}

Json store_json(std::span<const StoreEvaluation> stores) {
  Json list = Json::array();
  for (const StoreEvaluation& of : stores) {
    Json json = {{"store", of.store}, {"records", of.records}};
    json.update(metrics_json(of.metrics));
    list.push_back(std::move(json));
  }
  return list;
}

}  // namespace ekgine
