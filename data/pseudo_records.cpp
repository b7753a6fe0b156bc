#include "data/pseudo_records.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <span>
#include <string>
#include <utility>

#include "data/beat_features.h"
#include "data/beat_unit.h"
#include "data/random_stream.h"

namespace ekgine {

namespace {

constexpr std::int32_t class_n = 0, class_s = 1, class_v = 2;
constexpr std::int64_t least_ectopic = 25;
// Ops count up from 0, the sampler's streams come after (data/sampler.cpp).
constexpr std::uint32_t pseudo_stream = 0xD000'0000;

struct Source {
  const RecordBeats& record;
  const BeatWaves& waves;
  BeatIntervals intervals;

  std::int64_t size() const { return record.size(); }
  std::int32_t label(std::int64_t beat) const {
    return record.labels[static_cast<std::size_t>(beat)];
  }
};

// Some of a record's beats, with intervals and waves of their own.
struct Selection {
  std::vector<std::int64_t> beats;
  BeatIntervals intervals;
  BeatWaves waves;
};

constexpr std::int64_t wave_size = wave_leads * wave_samples;

Selection select(const Source& source, std::vector<std::int64_t> beats) {
  Selection selection{.beats = std::move(beats), .intervals = {}, .waves = {}};
  selection.waves.leads = source.waves.leads;
  for (const std::int64_t beat : selection.beats) {
    const auto i = static_cast<std::size_t>(beat);
    selection.intervals.before.push_back(source.intervals.before[i]);
    selection.intervals.after.push_back(source.intervals.after[i]);
    const auto wave = source.waves.samples.begin() + beat * wave_size;
    selection.waves.samples.insert(selection.waves.samples.end(), wave, wave + wave_size);
  }
  return selection;
}

RecordBeats finish(const Source& source, const Selection& selection, const std::string& kind) {
  RecordBeats result;
  result.name = fmt::format("{}-{}", source.record.name, kind);
  result.lead = source.record.lead;
  result.unit = source.record.unit == BeatUnit::waves ? BeatUnit::waves : BeatUnit::features;
  result.frequency = source.record.frequency;
  result.beats = measure_beats(selection.intervals, selection.waves);
  if (result.unit == BeatUnit::waves) result.beats = feature_rows(result.beats, selection.waves);
  for (const std::int64_t beat : selection.beats) {
    const auto i = static_cast<std::size_t>(beat);
    result.labels.push_back(source.record.labels[i]);
    result.symbols.push_back(source.record.symbols[i]);
    result.r_samples.push_back(source.record.r_samples[i]);
  }
  return result;
}

std::vector<std::int64_t> marked(const std::vector<char>& keep) {
  std::vector<std::int64_t> beats;
  for (std::size_t i = 0; i < keep.size(); ++i) {
    if (keep[i] != 0) beats.push_back(static_cast<std::int64_t>(i));
  }
  return beats;
}

std::vector<std::int64_t> dense(const Source& source, std::int64_t width, RandomStream& random) {
  std::vector<char> keep(static_cast<std::size_t>(source.size()));
  for (std::int64_t i = 0; i < source.size(); ++i) {
    if (source.label(i) != class_s) continue;
    const std::int64_t before = random.below(width + 1), after = 1 + random.below(width);
    const std::int64_t begin = std::max<std::int64_t>(i - before, 0);
    const std::int64_t end = std::min(i + after + 1, source.size());
    std::fill(keep.begin() + begin, keep.begin() + end, 1);
  }
  return marked(keep);
}

std::vector<std::int64_t> majority(const Source& source, double share, RandomStream& random) {
  std::vector<char> keep(static_cast<std::size_t>(source.size()));
  for (std::int64_t i = 0; i < source.size(); ++i) {
    if (source.label(i) != class_s) continue;
    keep[static_cast<std::size_t>(i)] = 1;
    for (const std::int64_t beside : {i - 1, i + 1}) {
      if (beside < 0 || beside >= source.size() || source.label(beside) != class_n) continue;
      if (random.uniform() < share) keep[static_cast<std::size_t>(beside)] = 1;
    }
  }
  return marked(keep);
}

// Of an even number of values the upper of the middle two.
double upper_median(std::vector<double> values) {
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::ranges::nth_element(values, middle);
  return *middle;
}

// The intervals before the beats, in fibrillation.
std::vector<double> irregular_intervals(const Source& source, std::span<const std::int64_t> beats,
                                        RandomStream& random) {
  const auto n = static_cast<double>(beats.size());
  const double spread = random.uniform(0.14, 0.42);
  const double base = upper_median(source.intervals.before) * random.uniform(0.6, 1.1);
  const std::int64_t shape = random.below(2) == 0 ? 6 : 30;
  std::vector<double> drift = {0};
  for (std::size_t i = 1; i < beats.size(); ++i)
    drift.push_back(drift.back() + 0.01 * random.normal());
  std::vector<double> before;
  for (std::size_t i = 0; i < beats.size(); ++i) {
    const double g =
        (random.gamma(shape) - static_cast<double>(shape)) / std::sqrt(static_cast<double>(shape));
    // The drift ends where it began.
    const double slow = std::clamp(drift[i] - drift.back() * static_cast<double>(i) / n, -0.2, 0.2);
    double interval =
        std::clamp(base * std::exp(spread * g - spread * spread / 2 + slow), 0.3, 2.2);
    if (source.label(beats[i]) == class_v) {
      const auto beat = static_cast<std::size_t>(beats[i]);
      constexpr std::size_t around = 10;
      const std::size_t begin = beat < around ? 0 : beat - around;
      const std::size_t end = std::min(beat + around + 1, source.intervals.before.size());
      const double local =
          std::accumulate(source.intervals.before.begin() + static_cast<std::ptrdiff_t>(begin),
                          source.intervals.before.begin() + static_cast<std::ptrdiff_t>(end), 0.0) /
          static_cast<double>(end - begin);
      interval = std::min(interval, base * source.intervals.before[beat] / local);
    }
    before.push_back(interval);
  }
  return before;
}

// What a window's baseline is: the median of the samples between the P wave and the QRS complex.
double baseline_of(std::span<const float> wave) {
  return upper_median(std::vector<double>(wave.begin() + 26, wave.begin() + 38));
}

// Takes the P waves away and adds those of fibrillation.
void fibrillate(const Source& source, Selection& selection, RandomStream& random) {
  constexpr std::int64_t before_qrs = 34, fade = 5;
  const std::vector<float> old = selection.waves.samples;
  const std::int64_t n = std::ssize(selection.beats);
  const double frequency = random.uniform(4.5, 8);
  double amplitudes[wave_leads];
  for (double& amplitude : amplitudes) amplitude = random.uniform(0.01, 0.07);
  double time = 0, wander = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const double interval = selection.intervals.before[static_cast<std::size_t>(i)];
    time += interval;
    wander += 0.3 * random.normal();
    if (source.label(selection.beats[static_cast<std::size_t>(i)]) == class_v) continue;
    const std::int64_t distance = std::llround(interval * wave_frequency);
    for (std::int64_t lead = 0; lead < selection.waves.leads; ++lead) {
      const auto at = [&](std::int64_t beat) {
        return std::span(old).subspan(
            static_cast<std::size_t>((beat * wave_leads + lead) * wave_samples), wave_samples);
      };
      const std::span<const float> wave = at(i), last = at(std::max<std::int64_t>(i - 1, 0));
      const double level = baseline_of(wave), last_level = baseline_of(last);
      float* const to = selection.waves.samples.data() + (i * wave_leads + lead) * wave_samples;
      for (std::int64_t k = 0; k < wave_samples; ++k) {
        double value = static_cast<double>(wave[static_cast<std::size_t>(k)]);
        if (k < before_qrs) {
          const std::int64_t there = k + distance;
          const double replaced =
              level + (there < wave_samples
                           ? static_cast<double>(last[static_cast<std::size_t>(there)]) - last_level
                           : 0.0);
          const double weight =
              std::min(static_cast<double>(before_qrs - k) / static_cast<double>(fade), 1.0);
          value = weight * replaced + (1 - weight) * value;
        }
        const double seconds = time + static_cast<double>(k - wave_before) / wave_frequency;
        value += amplitudes[lead] * std::sin(2 * std::numbers::pi * frequency * seconds + wander);
        to[k] = static_cast<float>(value);
      }
    }
  }
}

Selection fibrillation(const Source& source, RandomStream& random) {
  const std::int64_t length = source.size() * 2 / 5;
  const std::int64_t begin = random.below(source.size() - length + 1);
  std::vector<std::int64_t> beats;
  for (std::int64_t i = begin; i < begin + length; ++i) {
    if (source.label(i) != class_s) beats.push_back(i);
  }
  if (beats.empty()) return {};
  Selection selection = select(source, std::move(beats));
  std::vector<double> before = irregular_intervals(source, selection.beats, random);
  selection.intervals.after.assign(before.begin() + 1, before.end());
  selection.intervals.after.push_back(upper_median(before));
  selection.intervals.before = std::move(before);
  fibrillate(source, selection, random);
  return selection;
}

}  // namespace

std::vector<RecordBeats> pseudo_records(const RecordBeats& record, const BeatWaves& waves,
                                        std::uint64_t seed, std::uint32_t number,
                                        std::int64_t least_beats) {
  const Source source{record, waves, beat_intervals(record.r_samples, record.frequency)};
  RandomStream random({seed, number, pseudo_stream});
  std::vector<RecordBeats> records;
  const auto add = [&](const Selection& selection, const std::string& kind) {
    if (std::ssize(selection.beats) < least_beats) return;
    records.push_back(finish(source, selection, kind));
  };
  if (std::ranges::count(record.labels, class_s) >= least_ectopic) {
    for (const std::int64_t width : {2, 5}) {
      add(select(source, dense(source, width, random)), fmt::format("dense-{}", width));
    }
    for (const double share : {0.05, 0.15, 0.4, 0.7}) {
      add(select(source, majority(source, share, random)), fmt::format("majority-{}", share));
    }
  }
  add(fibrillation(source, random), "fibrillation");
  return records;
}

}  // namespace ekgine
