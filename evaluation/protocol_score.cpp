#include "evaluation/protocol_score.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>
#include <string_view>

#include "base/error.h"
#include "evaluation/ec57_statistics.h"

namespace ekgine {

namespace {

constexpr std::size_t unlabelled_column = beat_labels.find('O');
static_assert(unlabelled_column == class_count);

using Values = std::array<std::optional<double>, protocol_figure_count>;

// In the order of protocol_figures().
Values values_of(const BeatMatrix& matrix) {
  Values values;
  std::size_t next = 0;
  const auto add = [&](const Ratio& ratio) { values[next++] = ratio.percent(); };
  std::int64_t right = 0;
  for (std::size_t c = 0; c < class_count; ++c) right += matrix.counts[c][c];
  add({right, matrix.sum(beat_classes, beat_labels)});
  for (std::size_t c = 0; c < class_count; ++c) {
    const std::string_view name = beat_labels.substr(c, 1);
    const std::int64_t hits = matrix.counts[c][c], there = matrix.sum(name, beat_labels),
                       taken = matrix.sum(beat_classes, name);
    add({hits, there});
    add({hits, taken});
    add(there == 0 ? Ratio() : Ratio{2 * hits, there + taken});
  }
  for (const Ec57Figure figure : {Ec57Figure::sveb_sensitivity, Ec57Figure::sveb_predictivity,
                                  Ec57Figure::sveb_false_positives, Ec57Figure::veb_sensitivity,
                                  Ec57Figure::veb_predictivity, Ec57Figure::veb_false_positives}) {
    add(record_ratio(figure, matrix));
  }
  return values;
}

enum class Escapes { as_labelled, as_n };

BeatMatrix matrix_of(const ProtocolRecord& record, Escapes escapes) {
  BeatMatrix matrix;
  for (const ProtocolCause& cause : record.causes) {
    const std::int32_t label = escapes == Escapes::as_n ? cause.label_of_escapes_as_n : cause.label;
    auto& row = matrix.counts[static_cast<std::size_t>(label)];
    for (std::size_t p = 0; p < cause.predicted.size(); ++p) row[p] += cause.predicted[p];
  }
  return matrix;
}

// The counts of a matrix in one row, and back.
constexpr std::size_t matrix_size = beat_labels.size() * beat_labels.size();

void append_counts(const BeatMatrix& matrix, std::vector<std::int64_t>& rows) {
  for (const auto& row : matrix.counts) rows.insert(rows.end(), row.begin(), row.end());
}

BeatMatrix matrix_from(std::span<const std::int64_t> counts) {
  BeatMatrix matrix;
  for (std::size_t i = 0; i < matrix_size; ++i) {
    matrix.counts[i / beat_labels.size()][i % beat_labels.size()] = counts[i];
  }
  return matrix;
}

ProtocolFigures figures_of(std::span<const BeatMatrix> records) {
  std::vector<std::int64_t> rows;
  std::array<int, protocol_figure_count> defined{};  // by how many records
  for (const BeatMatrix& matrix : records) {
    append_counts(matrix, rows);
    const Values values = values_of(matrix);
    for (std::size_t f = 0; f < values.size(); ++f) defined[f] += values[f].has_value() ? 1 : 0;
  }
  const std::vector<std::int32_t> once(records.size(), 1);
  ProtocolFigures figures;
  figures.matrix = matrix_from(drawn_sum(once, rows));
  figures.values = values_of(figures.matrix);
  const auto statistic = [&](Draws draws, std::span<double> drawn) {
    const Values values = values_of(matrix_from(drawn_sum(draws, rows)));
    std::ranges::transform(values, drawn.begin(), [](const std::optional<double>& value) {
      return value.value_or(std::numeric_limits<double>::quiet_NaN());
    });
  };
  const auto intervals = bootstrap(records.size(), protocol_figure_count, statistic);
  for (std::size_t f = 0; f < intervals.size(); ++f) {
    if (defined[f] >= 2) figures.intervals[f] = intervals[f];
  }
  return figures;
}

ProtocolFigures figures_without(std::span<const ProtocolRecord> records,
                                const std::string& excluded, Escapes escapes) {
  std::vector<BeatMatrix> matrices;
  for (const ProtocolRecord& record : records) {
    if (record.record != excluded) matrices.push_back(matrix_of(record, escapes));
  }
  return figures_of(matrices);
}

void check_cause(const std::string& record, const ProtocolCause& cause) {
  const auto is_class = [](std::int32_t label) { return label >= 0 && label < class_count; };
  if (std::string_view(protocol_symbols).find(cause.symbol) == std::string_view::npos) {
    fail("record {}: '{}' is no symbol of a beat", record, cause.symbol);
  }
  if (!is_class(cause.label) || !is_class(cause.label_of_escapes_as_n)) {
    fail("record {}: beats '{}' are of classes {} and {}, expected 0 to {}", record, cause.symbol,
         cause.label, cause.label_of_escapes_as_n, class_count - 1);
  }
}

// The causes of all records, which are checked on the way.
std::vector<ProtocolCause> all_causes(std::span<const ProtocolRecord> records) {
  std::vector<ProtocolCause> causes;
  std::set<std::string> names;
  for (const ProtocolRecord& record : records) {
    if (!names.insert(record.record).second) fail("record {}: given twice", record.record);
    std::set<char> symbols;
    for (const ProtocolCause& cause : record.causes) {
      check_cause(record.record, cause);
      if (!symbols.insert(cause.symbol).second) {
        fail("record {}: beats '{}' are given twice", record.record, cause.symbol);
      }
      auto at = std::ranges::find(causes, cause.symbol, &ProtocolCause::symbol);
      if (at == causes.end()) {
        causes.push_back(cause);
        continue;
      }
      if (at->label != cause.label || at->label_of_escapes_as_n != cause.label_of_escapes_as_n) {
        fail("record {}: beats '{}' are of another class than in records before", record.record,
             cause.symbol);
      }
      for (std::size_t p = 0; p < cause.predicted.size(); ++p) {
        at->predicted[p] += cause.predicted[p];
      }
    }
  }
  std::ranges::sort(causes, {}, [](const ProtocolCause& cause) {
    return std::string_view(protocol_symbols).find(cause.symbol);
  });
  return causes;
}

}  // namespace

const std::array<ProtocolFigure, protocol_figure_count>& protocol_figures() {
  static const auto figures = [] {
    std::array<ProtocolFigure, protocol_figure_count> all{};
    all[0] = {"", "accuracy"};
    std::size_t next = 1;
    for (const char* group : {"N", "S", "V", "F", "Q"}) {
      for (const char* key : {"sensitivity", "positive_predictivity", "f1"}) {
        all[next++] = {group, key};
      }
    }
    for (const char* group : {"sveb", "veb"}) {
      for (const char* key : {"sensitivity", "positive_predictivity", "false_positive_rate"}) {
        all[next++] = {group, key};
      }
    }
    return all;
  }();
  return figures;
}

std::int64_t ProtocolCause::beats() const {
  return std::accumulate(predicted.begin(), predicted.end(), std::int64_t{0});
}

std::optional<double> ProtocolFigures::value(const char* group, const char* key) const {
  const auto& all = protocol_figures();
  const auto at = std::ranges::find_if(all, [&](const ProtocolFigure& figure) {
    return std::string_view(figure.group) == group && std::string_view(figure.key) == key;
  });
  if (at == all.end()) fail("there is no figure {} of '{}'", key, group);
  return values[static_cast<std::size_t>(at - all.begin())];
}

ProtocolScore score_protocol(const std::string& protocol, std::span<const ProtocolRecord> records,
                             std::span<const ProtocolExclusion> without) {
  if (records.empty()) fail("protocol {}: no records", protocol);
  ProtocolScore score;
  score.protocol = protocol;
  score.causes = all_causes(records);
  for (const ProtocolRecord& record : records) {
    const BeatMatrix matrix = matrix_of(record, Escapes::as_labelled);
    score.records.push_back(record.record);
    score.of_records.push_back({.matrix = matrix, .values = values_of(matrix), .intervals = {}});
  }
  score.views.push_back({"all", "all", "", figures_without(records, "", Escapes::as_labelled)});
  for (const auto& [record, reason] : without) {
    if (std::ranges::find(score.records, record) == score.records.end()) {
      fail("protocol {}: record {} is to be left out and is not there", protocol, record);
    }
    score.views.push_back({"without_" + record, "without " + record, reason,
                           figures_without(records, record, Escapes::as_labelled)});
  }
  score.views.push_back({"escapes_as_n", "e, j, n as N",
                         "escape beats of the atria count as normal, as de Chazal and most who "
                         "compare themselves with him have them",
                         figures_without(records, "", Escapes::as_n)});
  return score;
}

}  // namespace ekgine
