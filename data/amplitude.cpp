#include "data/amplitude.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "base/error.h"

namespace ekgine {

namespace {

// Changes the order of `values`.
float median(std::span<float> values) {
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::ranges::nth_element(values, middle);
  if (values.size() % 2 == 1) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

// The median over the beats of max − min.
float typical_size(const RecordBeats& record) {
  std::vector<float> sizes;
  for (std::int64_t i = 0; i < record.size(); ++i) {
    const auto [low, high] = std::ranges::minmax(record.beat(i));
    sizes.push_back(high - low);
  }
  const float typical = median(sizes);
  if (!(typical > 0)) fail("record {}: its beats are flat, so nothing measures them", record.name);
  return typical;
}

// The beat whose samples are the medians of all beats' samples, from each.
void subtract_typical_beat(RecordBeats& record) {
  const std::int64_t n = record.size();
  // A few samples' columns at a time: a cache line of every beat.
  constexpr std::int64_t width = 16;
  std::vector<float> columns(static_cast<std::size_t>(width * n));
  for (std::int64_t first = 0; first < beat_samples; first += width) {
    const std::int64_t samples = std::min(width, beat_samples - first);
    const auto at = [&](std::int64_t i, std::int64_t k) -> float& {
      return record.beats[static_cast<std::size_t>(i * beat_samples + first + k)];
    };
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t k = 0; k < samples; ++k) {
        columns[static_cast<std::size_t>(k * n + i)] = at(i, k);
      }
    }
    std::array<float, width> typical{};
    for (std::int64_t k = 0; k < samples; ++k) {
      typical[static_cast<std::size_t>(k)] = median(
          std::span(columns).subspan(static_cast<std::size_t>(k * n), static_cast<std::size_t>(n)));
    }
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t k = 0; k < samples; ++k) at(i, k) -= typical[static_cast<std::size_t>(k)];
    }
  }
}

}  // namespace

void measure_in(Amplitude amplitude, RecordBeats& record) {
  if (amplitude == Amplitude::millivolts) return;
  const float unit = amplitude == Amplitude::centred ? 1 : typical_size(record);
  std::vector<float> sorted(beat_samples);
  const std::span<float> beats = record.beats;
  for (std::int64_t i = 0; i < record.size(); ++i) {
    const std::span<float> beat =
        beats.subspan(static_cast<std::size_t>(i * beat_samples), beat_samples);
    std::ranges::copy(beat, sorted.begin());
    const float offset = median(sorted);
    for (float& x : beat) x = (x - offset) / unit;
  }
  if (amplitude == Amplitude::deviation) subtract_typical_beat(record);
}

}  // namespace ekgine
