#include "data/amplitude.h"

#include <algorithm>
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

}  // namespace

void measure_in(Amplitude amplitude, RecordBeats& record) {
  if (amplitude == Amplitude::millivolts) return;
  const float unit = amplitude == Amplitude::record ? typical_size(record) : 1;
  std::vector<float> sorted(beat_samples);
  const std::span<float> beats = record.beats;
  for (std::int64_t i = 0; i < record.size(); ++i) {
    const std::span<float> beat =
        beats.subspan(static_cast<std::size_t>(i * beat_samples), beat_samples);
    std::ranges::copy(beat, sorted.begin());
    const float offset = median(sorted);
    for (float& x : beat) x = (x - offset) / unit;
  }
}

}  // namespace ekgine
