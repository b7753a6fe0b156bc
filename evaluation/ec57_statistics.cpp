#include "evaluation/ec57_statistics.h"

#include <cmath>
#include <limits>
#include <vector>

namespace ekgine {

namespace {

Ratio sum_of(std::span<const Ratio> ratios) {
  Ratio sum;
  for (const Ratio& ratio : ratios) {
    sum.part += ratio.part;
    sum.whole += ratio.whole;
  }
  return sum;
}

std::vector<Ratio> ratios_of(Ec57Figure figure, std::span<const RecordScore> records) {
  std::vector<Ratio> ratios;
  for (const RecordScore& record : records) {
    ratios.push_back(line_ratio(figure, record.comparison.matrix));
  }
  return ratios;
}

std::optional<double> percent_of(Aggregate aggregate, std::span<const Ratio> ratios) {
  return aggregate == Aggregate::gross ? sum_of(ratios).percent() : mean_percent(ratios);
}

}  // namespace

std::optional<double> Ratio::percent() const {
  if (whole == 0) return {};
  return 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

std::optional<double> mean_percent(std::span<const Ratio> ratios) {
  double sum = 0;
  std::int64_t defined = 0;
  for (const Ratio& ratio : ratios) {
    const std::optional<double> percent = ratio.percent();
    if (!percent) continue;
    sum += *percent;
    ++defined;
  }
  if (defined == 0) return {};
  return sum / static_cast<double>(defined);
}

BeatMatrix without_sveb(const BeatMatrix& matrix) {
  BeatMatrix folded;
  const auto at = [](std::size_t label) { return beat_labels[label] == 'S' ? 0 : label; };
  for (std::size_t row = 0; row < beat_labels.size(); ++row) {
    for (std::size_t column = 0; column < beat_labels.size(); ++column) {
      folded.counts[at(row)][at(column)] += matrix.counts[row][column];
    }
  }
  return folded;
}

Ratio record_ratio(Ec57Figure figure, const BeatMatrix& m) {
  const std::int64_t both = m.sum(beat_classes, beat_classes), vv = m.sum("V", "V"),
                     ss = m.sum("S", "S"), false_vebs = m.sum("NSOX", "V"),
                     false_svebs = m.sum("NVFOX", "S");
  switch (figure) {
    case Ec57Figure::qrs_sensitivity:
      return {both, m.sum(beat_classes, beat_labels)};
    case Ec57Figure::qrs_predictivity:
      return {both, m.sum(beat_labels, beat_classes)};
    case Ec57Figure::veb_sensitivity:
      return {vv, m.sum("V", beat_labels)};
    case Ec57Figure::veb_predictivity:
      return {vv, vv + false_vebs};
    case Ec57Figure::veb_false_positives:
      return {false_vebs, false_vebs + m.sum("NSFQOX", "NSFQ")};
    case Ec57Figure::sveb_sensitivity:
      return {ss, m.sum("S", beat_labels)};
    case Ec57Figure::sveb_predictivity:
      return {ss, ss + false_svebs};
    case Ec57Figure::sveb_false_positives:
      return {false_svebs, false_svebs + m.sum("NVFQOX", "NVFQ")};
  }
  return {};
}

Ratio line_ratio(Ec57Figure figure, const BeatMatrix& matrix) {
  Ratio ratio = record_ratio(figure, matrix);
  const std::int64_t excused = matrix.sum("F", "S");
  if (figure == Ec57Figure::sveb_predictivity) ratio.whole -= excused;
  if (figure == Ec57Figure::sveb_false_positives) {
    ratio.part -= excused;
    ratio.whole -= excused;
  }
  return ratio;
}

std::optional<double> aggregate_percent(Aggregate aggregate, Ec57Figure figure,
                                        std::span<const RecordScore> records) {
  return percent_of(aggregate, ratios_of(figure, records));
}

std::optional<Interval> aggregate_interval(Aggregate aggregate, Ec57Figure figure,
                                           std::span<const RecordScore> records) {
  const std::vector<Ratio> ratios = ratios_of(figure, records);
  const auto statistic = [&](Draws draws, std::span<double> figures) {
    std::vector<Ratio> drawn;
    for (std::size_t i = 0; i < ratios.size(); ++i) drawn.insert(drawn.end(), draws[i], ratios[i]);
    figures[0] = percent_of(aggregate, drawn).value_or(std::numeric_limits<double>::quiet_NaN());
  };
  return bootstrap(records.size(), 1, statistic)[0];
}

std::optional<double> average_rr_error(std::span<const RecordScore> records) {
  double sum = 0;
  std::int64_t defined = 0;
  for (const RecordScore& record : records) {
    if (!record.comparison.rr_error) continue;
    sum += std::round(*record.comparison.rr_error * 100) / 100;
    ++defined;
  }
  if (defined == 0) return {};
  return sum / static_cast<double>(defined);
}

Ratio missed_in_shutdown(std::string_view classes, const BeatMatrix& matrix) {
  return {matrix.sum(classes, "X"), matrix.sum(classes, beat_labels)};
}

}  // namespace ekgine
