#include "data/seen_beats.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/median.h"
#include "data/beat_unit.h"

namespace ekgine {

namespace {

// Of the unit that waves come in: 0.05 mV where a record's typical beat has 1 mV.
constexpr double least_seen_amplitude = 0.05;

std::vector<double> stretch_of(const std::vector<double>& values, std::int64_t first,
                               std::int64_t end) {
  return {values.begin() + first, values.begin() + end};
}

}  // namespace

SeenBeats::SeenBeats(const BeatSpan& rows, BeatWaves waves)
    : unit_(rows.unit), waves_(std::move(waves)) {
  const std::int64_t n = waves_.size();
  if (rows.count() != n) {
    fail("features: of {} beats, waves of {}, expected as many", rows.count(), n);
  }
  const auto interval = [&](std::int64_t beat, std::int64_t column) {
    const float log_ratio = rows.samples[static_cast<std::size_t>(beat * rows.width() + column)];
    return std::clamp(usual_interval * std::exp(static_cast<double>(log_ratio)), shortest_interval,
                      longest_interval);
  };
  for (std::int64_t i = 0; i < n; ++i) {
    intervals_.before.push_back(interval(i, 0));
    intervals_.after.push_back(interval(i, 1));
    for (std::size_t lead = 0; lead < ranges_.size(); ++lead) {
      const auto [least, most] =
          std::ranges::minmax_element(waves_.wave(i, static_cast<std::int64_t>(lead)));
      ranges_[lead].push_back(static_cast<double>(*most) - static_cast<double>(*least));
    }
  }
}

std::vector<float> SeenBeats::measure(std::int64_t first, std::int64_t end) const {
  const BeatWaves waves = waves_of(first, end);
  const std::vector<float> features = measure_beats(intervals_of(first, end), waves);
  return unit_ == BeatUnit::waves ? feature_rows(features, waves) : features;
}

BeatIntervals SeenBeats::intervals_of(std::int64_t first, std::int64_t end) const {
  BeatIntervals part{stretch_of(intervals_.before, first, end),
                     stretch_of(intervals_.after, first, end)};
  const std::vector<double> known = stretch_of(intervals_.before, std::max<std::int64_t>(first, 1),
                                               std::max<std::int64_t>(end, 1));
  const double usual = known.empty() ? usual_interval : median_of(known);
  if (first == 0) part.before.front() = usual;
  part.after.back() = usual;
  return part;
}

BeatWaves SeenBeats::waves_of(std::int64_t first, std::int64_t end) const {
  BeatWaves part;
  const std::int64_t n = end - first;
  part.samples.resize(static_cast<std::size_t>(n * wave_leads * wave_samples));
  for (std::int64_t lead = 0; lead < waves_.leads; ++lead) {
    const double range = median_of(stretch_of(ranges_[static_cast<std::size_t>(lead)], first, end));
    if (lead > 0 && range == 0) continue;
    ++part.leads;
    const double amplitude = std::max(range, least_seen_amplitude);
    for (std::int64_t i = 0; i < n; ++i) {
      std::ranges::transform(
          waves_.wave(first + i, lead),
          part.samples.begin() + (i * wave_leads + lead) * wave_samples, [&](float x) {
            return static_cast<float>(std::clamp(x / amplitude, -most_amplitudes, most_amplitudes));
          });
    }
  }
  return part;
}

}  // namespace ekgine
