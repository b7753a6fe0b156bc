#include "data/beat_features.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/median.h"
#include "data/beats.h"
#include "data/gaps.h"
#include "data/medians.h"
#include "detection/qrs_detector.h"

namespace ekgine {

namespace {

constexpr double of_deviation = 1.4826;      // of a normal distribution's to the standard one
constexpr double least_irregularity = 0.01;  // of the local interval
constexpr double interval_floor = 0.02;      // s
constexpr double most_deviations = 6;
constexpr std::int64_t local_half = 10;  // beats
constexpr double sinus_correlation = 0.85;
constexpr std::int64_t least_sinus_beats = 30;
constexpr std::int64_t upper_rank = 14;  // 0.7 of 2 local_half

static_assert(rhythm_features + wave_leads * lead_features == beat_features);
constexpr std::array<double, lead_features> shape_floors = {0.05, 0.05, 0.05, 0.15, 0.5,  0.3, 0.03,
                                                            0.03, 0.1,  0.1,  0.1,  0.02, 0.02};

// The features, row by row.
class FeatureTable {
 public:
  explicit FeatureTable(std::size_t beats) : values_(beats * beat_features) {}
  void set(std::size_t beat, std::int64_t column, double value) {
    values_[beat * beat_features + static_cast<std::size_t>(column)] = static_cast<float>(value);
  }
  std::vector<float> take() { return std::move(values_); }

 private:
  std::vector<float> values_;
};

std::vector<double> window_medians(std::span<const double> values, std::int64_t half) {
  std::vector<double> medians;
  medians.reserve(values.size());
  for_each_window(values, half, [&](std::int64_t, const SortedWindow& window) {
    medians.push_back(window.median());
  });
  return medians;
}

// |x[i] − x[i − 1]|, 0 for the first.
std::vector<double> steps_of(std::span<const double> values) {
  std::vector<double> steps(values.size());
  for (std::size_t i = 1; i < values.size(); ++i) steps[i] = std::abs(values[i] - values[i - 1]);
  return steps;
}

std::vector<double> ratios_of(std::vector<double> values, std::span<const double> divisors) {
  for (std::size_t i = 0; i < values.size(); ++i) values[i] /= divisors[i];
  return values;
}

double mean_of(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Columns 0 to 8.
void set_ratios(const BeatIntervals& intervals, std::span<const double> local,
                FeatureTable& table) {
  const auto& [before, after] = intervals;
  const double all = mean_of(before);
  const std::size_t n = before.size();
  for (std::size_t i = 0; i < n; ++i) {
    const double b = before[i], a = after[i];
    table.set(i, 0, std::log(b / usual_interval));
    table.set(i, 1, std::log(a / usual_interval));
    table.set(i, 2, std::log(b / local[i]));
    table.set(i, 3, std::log(a / local[i]));
    table.set(i, 4, std::log(b / all));
    table.set(i, 5, std::log(a / all));
    table.set(i, 6, std::log(b / a));
    table.set(i, 7, std::log(b / before[i > 0 ? i - 1 : 0]));
    table.set(i, 8, std::log(a / after[std::min(i + 1, n - 1)]));
  }
}

// Columns 9 to 15.
void set_irregularity(std::span<const double> before, std::span<const double> local,
                      FeatureTable& table) {
  const std::vector<double> steps = ratios_of(steps_of(before), local);
  std::int64_t column = 9;
  for (const std::int64_t half : {10, 30, 100}) {
    for_each_window(steps, half, [&](std::int64_t i, const SortedWindow& window) {
      table.set(static_cast<std::size_t>(i), column,
                std::log(least_irregularity + window.median()));
    });
    for_each_window(before, half, [&](std::int64_t i, const SortedWindow& window) {
      const auto beat = static_cast<std::size_t>(i);
      const double m = window.median();
      const double z = (before[beat] - m) / (of_deviation * window.deviation() + interval_floor);
      table.set(beat, column + 3, std::clamp(z, -most_deviations, most_deviations) / 2);
      if (half == 30) table.set(beat, 15, std::log(m / usual_interval));
    });
    ++column;
  }
}

// What sinus rhythm is at each of the sinus beats.
struct SinusRhythm {
  std::vector<std::int64_t> beats;  // their numbers, ascending
  std::vector<double> usual, upper, irregular_15, irregular_60;
};

SinusRhythm sinus_rhythm(std::span<const double> before, std::span<const double> correlation) {
  SinusRhythm sinus;
  const std::int64_t n = std::ssize(before);
  const auto alike = [&](std::int64_t i) {
    return correlation[static_cast<std::size_t>(i)] > sinus_correlation;
  };
  for (std::int64_t i = 1; i < n; ++i) {
    if (alike(i) && alike(i - 1)) sinus.beats.push_back(i);
  }
  if (std::ssize(sinus.beats) < least_sinus_beats) {
    sinus.beats.resize(before.size());
    std::iota(sinus.beats.begin(), sinus.beats.end(), 0);
  }
  std::vector<double> intervals;
  intervals.reserve(sinus.beats.size());
  for (const std::int64_t i : sinus.beats) intervals.push_back(before[static_cast<std::size_t>(i)]);
  for_each_window(intervals, local_half, [&](std::int64_t, const SortedWindow& window) {
    sinus.usual.push_back(window.median());
    sinus.upper.push_back(window.ranked(upper_rank));
  });
  const std::vector<double> steps = ratios_of(steps_of(intervals), sinus.usual);
  sinus.irregular_15 = window_medians(steps, 15);
  sinus.irregular_60 = window_medians(steps, 60);
  return sinus;
}

// Columns 16 to 21.
void set_sinus(const BeatIntervals& intervals, std::span<const double> correlation,
               FeatureTable& table) {
  const SinusRhythm sinus = sinus_rhythm(intervals.before, correlation);
  std::size_t nearest = 0;
  for (std::size_t i = 0; i < intervals.before.size(); ++i) {
    const auto distance = [&](std::size_t j) {
      return std::abs(sinus.beats[j] - static_cast<std::int64_t>(i));
    };
    while (nearest + 1 < sinus.beats.size() && distance(nearest + 1) <= distance(nearest)) {
      ++nearest;
    }
    const double b = intervals.before[i], a = intervals.after[i];
    table.set(i, 16, std::log(b / sinus.usual[nearest]));
    table.set(i, 17, std::log(a / sinus.usual[nearest]));
    table.set(i, 18, std::log(b / sinus.upper[nearest]));
    table.set(i, 19, std::log(a / sinus.upper[nearest]));
    table.set(i, 20, std::log(least_irregularity + sinus.irregular_15[nearest]));
    table.set(i, 21, std::log(least_irregularity + sinus.irregular_60[nearest]));
  }
}

// The numbers of the regular beats; one at least, where there are beats.
std::vector<std::size_t> regular_beats(const BeatIntervals& intervals) {
  const std::vector<double> usual = window_medians(intervals.before, local_half);
  std::vector<double> off;
  for (std::size_t i = 0; i < usual.size(); ++i) {
    off.push_back(std::abs(std::log(intervals.before[i] / usual[i])) +
                  std::abs(std::log(intervals.after[i] / usual[i])));
  }
  std::vector<double> ranked = off;
  const auto limit = ranked.begin() + 2 * (std::ssize(ranked) - 1) / 5;
  std::nth_element(ranked.begin(), limit, ranked.end());
  std::vector<std::size_t> regular;
  for (std::size_t i = 0; i < off.size(); ++i) {
    if (off[i] <= *limit) regular.push_back(i);
  }
  return regular;
}

using Shape = std::array<double, wave_samples>;
using ShapeValues = std::array<double, lead_features>;

// x: the wave from its level before the beat on.
Shape shape_of(std::span<const float> wave) {
  constexpr std::int64_t level_begin = 26, level_samples = 12;
  std::array<float, level_samples> level{};
  std::copy_n(wave.begin() + level_begin, level_samples, level.begin());
  std::ranges::sort(level);
  const double offset =
      (static_cast<double>(level[level_samples / 2 - 1]) + level[level_samples / 2]) / 2;
  Shape shape{};
  for (std::size_t k = 0; k < shape.size(); ++k) shape[k] = wave[k] - offset;
  return shape;
}

// The samples begin ... end - 1.
std::span<const double> part_of(const Shape& shape, std::size_t begin, std::size_t end) {
  return std::span(shape).subspan(begin, end - begin);
}

double range_of(std::span<const double> values) {
  const auto [least, most] = std::ranges::minmax_element(values);
  return *most - *least;
}

double width_of(const Shape& shape) {
  constexpr std::size_t begin = 27, end = 58;
  std::array<double, end - begin> energy{};
  double sum = 1e-6, first = 0, second = 0;
  for (std::size_t k = 0; k < energy.size(); ++k) {
    const double slope = shape[begin + k + 1] - shape[begin + k];
    energy[k] = slope * slope;
    sum += energy[k];
    first += energy[k] * static_cast<double>(k);
  }
  for (std::size_t k = 0; k < energy.size(); ++k) {
    const double distance = static_cast<double>(k) - first / sum;
    second += energy[k] * distance * distance;
  }
  return std::sqrt(second / sum);
}

double correlation_of(const Shape& shape, const Shape& typical) {
  const std::span<const double> x = part_of(shape, 28, 66), t = part_of(typical, 28, 66);
  const double mean_x = mean_of(x), mean_t = mean_of(t);
  double xt = 0, xx = 0, tt = 0;
  for (std::size_t k = 0; k < x.size(); ++k) {
    const double y = x[k] - mean_x, u = t[k] - mean_t;
    xt += y * u;
    xx += y * y;
    tt += u * u;
  }
  return xt / std::sqrt(xx * tt + 1e-6);
}

double log_distance(const Shape& shape, const Shape& typical, std::size_t begin, std::size_t end) {
  double sum = 0;
  for (std::size_t k = begin; k < end; ++k) {
    sum += (shape[k] - typical[k]) * (shape[k] - typical[k]);
  }
  return std::log(0.02 + std::sqrt(sum / static_cast<double>(end - begin)));
}

ShapeValues shape_values(const Shape& shape, const Shape& typical, double correlation) {
  const double size = range_of(part_of(shape, 34, 51));
  double area = 0;
  for (const double x : part_of(shape, 30, 55)) area += std::abs(x);
  return {size,
          std::ranges::max(part_of(shape, 36, 49)),
          std::ranges::min(part_of(shape, 32, 53)),
          width_of(shape),
          area / (size + 0.05),
          std::atanh(std::clamp(correlation, -0.999, 0.999)),
          mean_of(part_of(shape, 60, 90)),
          range_of(part_of(shape, 16, 34)),
          log_distance(shape, typical, 16, 34),
          log_distance(shape, typical, 34, 52),
          log_distance(shape, typical, 58, 92),
          mean_of(part_of(shape, 32, 54)),
          mean_of(part_of(shape, 16, 34))};
}

// The medians over the regular beats, sample by sample.
Shape typical_shape(const std::vector<Shape>& shapes, std::span<const std::size_t> regular) {
  Shape typical{};
  std::vector<double> column(regular.size());
  for (std::size_t k = 0; k < typical.size(); ++k) {
    std::ranges::transform(regular, column.begin(), [&](std::size_t i) { return shapes[i][k]; });
    typical[k] = median_of(column);
  }
  return typical;
}

// The columns of a lead. Adds each beat's correlation with the typical one to `correlations`.
void set_shape(const BeatWaves& waves, std::int64_t lead, std::span<const std::size_t> regular,
               FeatureTable& table, std::vector<double>& correlations) {
  std::vector<Shape> shapes;
  for (std::int64_t i = 0; i < waves.size(); ++i) shapes.push_back(shape_of(waves.wave(i, lead)));
  const Shape typical = typical_shape(shapes, regular);
  std::vector<ShapeValues> values;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const double correlation = correlation_of(shapes[i], typical);
    correlations[i] += correlation;
    values.push_back(shape_values(shapes[i], typical, correlation));
  }
  for (std::size_t c = 0; c < shape_floors.size(); ++c) {
    std::vector<double> usual;
    for (const std::size_t i : regular) usual.push_back(values[i][c]);
    const double m = median_of(usual);
    for (double& value : usual) value = std::abs(value - m);
    const double unit = 2 * (of_deviation * median_of(usual) + shape_floors[c]);
    const std::int64_t column =
        rhythm_features + lead * lead_features + static_cast<std::int64_t>(c);
    for (std::size_t i = 0; i < values.size(); ++i) {
      table.set(i, column, std::asinh((values[i][c] - m) / unit));
    }
  }
}

// Means over ±local_half of the intervals.
std::vector<double> local_means(std::span<const double> before) {
  std::vector<double> means;
  for_each_window(before, local_half, [&](std::int64_t, const SortedWindow& window) {
    double sum = 0;
    for (std::int64_t k = 0; k <= 2 * local_half; ++k) sum += window.ranked(k);
    means.push_back(sum / (2 * local_half + 1));
  });
  return means;
}

}  // namespace

BeatIntervals beat_intervals(std::span<const std::int64_t> r_samples, double frequency) {
  const std::size_t n = r_samples.size();
  std::vector<double> between;
  for (std::size_t i = 1; i < n; ++i) {
    between.push_back(static_cast<double>(r_samples[i] - r_samples[i - 1]) / frequency);
  }
  const double usual = between.empty() ? usual_interval : median_of(between);
  BeatIntervals intervals;
  for (std::size_t i = 0; i < n; ++i) {
    const auto within = [](double seconds) {
      return std::clamp(seconds, shortest_interval, longest_interval);
    };
    intervals.before.push_back(within(i > 0 ? between[i - 1] : usual));
    intervals.after.push_back(within(i + 1 < n ? between[i] : usual));
  }
  return intervals;
}

std::vector<float> measure_beats(const BeatIntervals& intervals, const BeatWaves& waves) {
  const std::size_t n = intervals.before.size();
  if (intervals.after.size() != n || waves.size() != std::ssize(intervals.before)) {
    fail("features: {} intervals before beats and {} after, expected those of {} beats", n,
         intervals.after.size(), waves.size());
  }
  FeatureTable table(n);
  if (n == 0) return table.take();
  if (waves.leads < 1 || waves.leads > wave_leads) {
    fail("features: waves of {} leads, expected 1 or {}", waves.leads, wave_leads);
  }
  const std::vector<std::size_t> regular = regular_beats(intervals);
  std::vector<double> correlation(n);
  for (std::int64_t lead = 0; lead < waves.leads; ++lead) {
    set_shape(waves, lead, regular, table, correlation);
  }
  for (double& c : correlation) c /= static_cast<double>(waves.leads);
  const std::vector<double> local = local_means(intervals.before);
  set_ratios(intervals, local, table);
  set_irregularity(intervals.before, local, table);
  set_sinus(intervals, correlation, table);
  return table.take();
}

MeasuredBeats measure_marked_beats(std::vector<std::vector<float>> leads,
                                   std::span<const std::int64_t> marks,
                                   std::span<const std::int64_t> kept) {
  for (std::vector<float>& lead : leads) bridge_gaps(lead);
  const std::vector<std::int64_t> places = place_beats(leads.front(), marks);
  const BeatIntervals all = beat_intervals(places, beat_frequency);
  BeatIntervals intervals;
  std::vector<std::int64_t> r_samples;
  for (const std::int64_t i : kept) {
    const auto at = static_cast<std::size_t>(i);
    r_samples.push_back(places[at]);
    intervals.before.push_back(all.before[at]);
    intervals.after.push_back(all.after[at]);
  }
  MeasuredBeats measured{.waves = cut_waves(std::move(leads), r_samples), .features = {}};
  measured.features = measure_beats(intervals, measured.waves);
  return measured;
}

}  // namespace ekgine
