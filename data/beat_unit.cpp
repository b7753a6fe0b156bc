#include "data/beat_unit.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"
#include "kernels/order_statistics.h"

namespace ekgine {

namespace {

struct BeatMeasures {
  std::vector<float> offsets;       // medians
  std::vector<std::int32_t> sizes;  // keys of max − min
};

BeatMeasures measures_of(const RecordBeats& record) {
  BeatMeasures measures;
  std::array<std::int32_t, beat_samples> keys{};
  for (std::int64_t i = 0; i < record.size(); ++i) {
    kernels::order_keys(beat_samples, record.beat(i).data(), keys.data());
    measures.offsets.push_back(kernels::median_of_keys(beat_samples, keys.data()));
    measures.sizes.push_back(kernels::order_key(kernels::range_of_keys(beat_samples, keys.data())));
  }
  return measures;
}

// The beat whose samples are the medians of all beats' samples, from each.
void subtract_typical_beat(RecordBeats& record) {
  const std::int64_t n = record.size();
  record.typical.clear();
  // A few samples' columns at a time: a cache line of every beat.
  constexpr std::int64_t width = 16;
  std::vector<std::int32_t> columns(static_cast<std::size_t>(width * n));
  for (std::int64_t first = 0; first < beat_samples; first += width) {
    const std::int64_t samples = std::min(width, beat_samples - first);
    const auto at = [&](std::int64_t i, std::int64_t k) -> float& {
      return record.beats[static_cast<std::size_t>(i * beat_samples + first + k)];
    };
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t k = 0; k < samples; ++k) {
        columns[static_cast<std::size_t>(k * n + i)] = kernels::order_key(at(i, k));
      }
    }
    std::array<float, width> typical{};
    for (std::int64_t k = 0; k < samples; ++k) {
      typical[static_cast<std::size_t>(k)] = kernels::median_of_keys(n, columns.data() + k * n);
    }
    record.typical.insert(record.typical.end(), typical.begin(), typical.begin() + samples);
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t k = 0; k < samples; ++k) at(i, k) -= typical[static_cast<std::size_t>(k)];
    }
  }
}

// Behind the features that its beats are.
void add_waves(RecordBeats& record) {
  if (record.waves.size() != record.size()) {
    fail("record {}: the waves of its beats are not known", record.name);
  }
  record.beats = feature_rows(record.beats, record.waves);
}

}  // namespace

std::vector<float> feature_rows(std::span<const float> features, const BeatWaves& waves) {
  constexpr std::int64_t wave_row = wave_leads * wave_samples;
  std::vector<float> rows;
  rows.reserve(features.size() + waves.samples.size());
  for (std::int64_t beat = 0; beat < waves.size(); ++beat) {
    const auto own =
        features.subspan(static_cast<std::size_t>(beat * beat_features), beat_features);
    rows.insert(rows.end(), own.begin(), own.end());
    const auto wave = waves.samples.begin() + beat * wave_row;
    rows.insert(rows.end(), wave, wave + wave_row);
  }
  return rows;
}

void measure_in(BeatUnit unit, RecordBeats& record) {
  if (record.unit != BeatUnit::millivolts) {
    fail("record {}: the beats' amplitude is {} already, expected {}", record.name,
         beat_unit_name(record.unit), beat_unit_name(BeatUnit::millivolts));
  }
  if (unit == BeatUnit::millivolts) return;
  if (record.size() == 0) {
    record.unit = unit;
    return;
  }
  if (has_features(unit)) {
    if (std::ssize(record.features) != record.size() * beat_features) {
      fail("record {}: has no features: its store is an older one (run preprocess again)",
           record.name);
    }
    record.beats = std::exchange(record.features, {});
    if (unit == BeatUnit::waves) add_waves(record);
    record.unit = unit;
    return;
  }
  const BeatMeasures measures = measures_of(record);
  const float size =
      unit == BeatUnit::centred ? 1 : kernels::median_of_keys(record.size(), measures.sizes.data());
  if (!(size > 0)) fail("record {}: its beats are flat, so nothing measures them", record.name);
  for (std::int64_t i = 0; i < record.size(); ++i) {
    const float offset = measures.offsets[static_cast<std::size_t>(i)];
    const auto beat =
        std::span(record.beats).subspan(static_cast<std::size_t>(i * beat_samples), beat_samples);
    for (float& x : beat) x = (x - offset) / size;
  }
  if (unit == BeatUnit::deviation) subtract_typical_beat(record);
  record.unit = unit;
}

}  // namespace ekgine
