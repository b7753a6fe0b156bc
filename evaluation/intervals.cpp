#include "evaluation/intervals.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace ekgine {

namespace {

constexpr double undefined = std::numeric_limits<double>::quiet_NaN();

using Records = std::span<const RecordPredictions* const>;

// The sequences of all records by the score of one class, from the highest to the lowest.
struct RankedSequence {
  std::uint32_t record = 0;
  bool positive = false, last_of_equals = false;
};

std::vector<RankedSequence> rank_records(Records records, std::size_t classes,
                                         std::size_t class_index) {
  std::vector<std::uint64_t> keys;
  for (std::size_t r = 0; r < records.size(); ++r) {
    for (std::size_t i = 0; i < records[r]->labels.size(); ++i) {
      // Scores that are not negative order as their bits do; 0 is added to −0.
      const float score = records[r]->probabilities[i * classes + class_index] + 0.0F;
      const bool positive = static_cast<std::size_t>(records[r]->labels[i]) == class_index;
      keys.push_back(std::uint64_t{std::bit_cast<std::uint32_t>(score)} << 32 | r << 1 |
                     static_cast<std::uint64_t>(positive));
    }
  }
  std::sort(keys.begin(), keys.end(), std::greater<>());
  std::vector<RankedSequence> ranked(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    ranked[i] = {static_cast<std::uint32_t>(keys[i]) >> 1, (keys[i] & 1) != 0,
                 i + 1 == keys.size() || keys[i] >> 32 != keys[i + 1] >> 32};
  }
  return ranked;
}

struct Areas {
  double auc = undefined, average_precision = undefined;
};

// As compute_metrics() has them, of a resample.
Areas areas_under(std::span<const RankedSequence> ranked, Draws draws) {
  std::int64_t positives = 0, negatives = 0, positives_before = 0, negatives_before = 0, twice = 0;
  double precisions = 0;
  for (const RankedSequence& sequence : ranked) {
    (sequence.positive ? positives : negatives) += draws[sequence.record];
    if (!sequence.last_of_equals) continue;
    twice += (negatives - negatives_before) * (positives + positives_before);
    if (positives > positives_before) {
      precisions += static_cast<double>(positives - positives_before) *
                    static_cast<double>(positives) / static_cast<double>(positives + negatives);
    }
    positives_before = positives;
    negatives_before = negatives;
  }
  Areas result;
  if (positives == 0) return result;
  result.average_precision = precisions / static_cast<double>(positives);
  if (negatives == 0) return result;
  result.auc = static_cast<double>(twice) /
               (2.0 * static_cast<double>(positives) * static_cast<double>(negatives));
  return result;
}

double ratio(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? undefined : static_cast<double>(part) / static_cast<double>(whole);
}

// In the order of its figures: these, then those of each class.
constexpr std::size_t overall_figures = 4, class_figures = 5;

// All figures of resamples of some records.
class Resampled {
 public:
  Resampled(Records records, std::size_t classes)
      : classes_(classes),
        confusion_(records.size() * classes * classes),
        losses_(records.size()),
        with_class_(classes),
        with_prediction_(classes) {
    for (std::size_t r = 0; r < records.size(); ++r) count(*records[r], r);
    for (std::size_t c = 0; c < classes_; ++c) {
      ranked_.push_back(rank_records(records, classes, c));
    }
  }

  void operator()(Draws draws, std::span<double> figures) const {
    const std::vector<std::int64_t> confusion = drawn_sum(draws, confusion_);
    std::int64_t correct = 0, sequences = 0, occurring = 0;
    double f1_sum = 0, f1_weighted = 0, loss = 0;
    for (std::size_t c = 0; c < classes_; ++c) {
      std::int64_t support = 0, predicted = 0;
      for (std::size_t other = 0; other < classes_; ++other) {
        support += confusion[c * classes_ + other];
        predicted += confusion[other * classes_ + c];
      }
      const std::int64_t hits = confusion[c * classes_ + c];
      const double f1 = support + predicted == 0 ? 0 : ratio(2 * hits, support + predicted);
      correct += hits;
      sequences += support;
      if (support + predicted > 0) ++occurring;
      f1_sum += f1;
      f1_weighted += f1 * static_cast<double>(support);
      const std::span<double> of_class =
          figures.subspan(overall_figures + class_figures * c, class_figures);
      std::ranges::fill(of_class, undefined);
      if (with_prediction_[c] >= 2) of_class[0] = ratio(hits, predicted);
      if (with_class_[c] < 2 || support == 0) continue;
      const Areas under = areas_under(ranked_[c], draws);
      of_class[1] = ratio(hits, support);
      of_class[2] = f1;
      of_class[3] = under.auc;
      of_class[4] = under.average_precision;
    }
    for (std::size_t r = 0; r < draws.size(); ++r) loss += draws[r] * losses_[r];
    figures[0] = ratio(correct, sequences);
    figures[1] = loss / static_cast<double>(sequences);
    figures[2] = f1_sum / static_cast<double>(occurring);
    figures[3] = f1_weighted / static_cast<double>(sequences);
  }

 private:
  void count(const RecordPredictions& record, std::size_t r) {
    const std::vector<std::string> names(classes_);
    const Metrics metrics = compute_metrics(record.probabilities, record.labels, names);
    losses_[r] = metrics.loss * static_cast<double>(metrics.sequences);
    for (std::size_t t = 0; t < classes_; ++t) {
      std::int64_t predicted = 0;
      for (std::size_t p = 0; p < classes_; ++p) {
        confusion_[(r * classes_ + t) * classes_ + p] = metrics.confusion[t][p];
        predicted += metrics.confusion[p][t];
      }
      if (metrics.classes[t].support > 0) ++with_class_[t];
      if (predicted > 0) ++with_prediction_[t];
    }
  }

  std::size_t classes_;
  std::vector<std::int64_t> confusion_;              // (records, C, C)
  std::vector<double> losses_;                       // summed over the record's sequences
  std::vector<int> with_class_, with_prediction_;    // records in which the class is
  std::vector<std::vector<RankedSequence>> ranked_;  // of each class
};

}  // namespace

std::optional<MetricIntervals> metric_intervals(std::span<const RecordPredictions> records,
                                                std::size_t classes) {
  if (records.size() < 2) return std::nullopt;
  // By name: the order in which records were given changes nothing.
  std::vector<const RecordPredictions*> by_name;
  for (const RecordPredictions& record : records) by_name.push_back(&record);
  std::ranges::sort(by_name, {}, &RecordPredictions::record);
  const auto found = bootstrap(records.size(), overall_figures + class_figures * classes,
                               Resampled(by_name, classes));
  MetricIntervals intervals{found[0], found[1], found[2], found[3], {}};
  for (std::size_t c = 0; c < classes; ++c) {
    const auto* of_class = &found[overall_figures + class_figures * c];
    intervals.classes.push_back({of_class[0], of_class[1], of_class[2], of_class[3], of_class[4]});
  }
  return intervals;
}

}  // namespace ekgine
