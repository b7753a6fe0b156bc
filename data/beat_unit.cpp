#include "data/beat_unit.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "base/error.h"

namespace ekgine {

namespace {

// A float, finite, as an integer of the same order; both zeros are one. Integers are compared,
// counted and reduced eight at a time, which an order-preserving float minimum is not.
std::int32_t key_of(float x) {
  const auto bits = std::bit_cast<std::int32_t>(x + 0.0F);
  return bits ^ (bits >> 31 & std::numeric_limits<std::int32_t>::max());
}

float value_of(std::int32_t key) {
  return std::bit_cast<float>(key ^ (key >> 31 & std::numeric_limits<std::int32_t>::max()));
}

std::int32_t count_below(std::span<const std::int32_t> keys, std::int32_t bound) {
  std::int32_t count = 0;
  for (const std::int32_t key : keys) count += key < bound ? 1 : 0;
  return count;
}

// Of one key or more. Bit after bit of the answer, by how many keys are below it: 32 passes without
// a branch are faster than partitioning, half of whose branches are guessed wrong.
float median(std::span<const std::int32_t> keys) {
  const auto half = static_cast<std::int32_t>(keys.size() / 2);
  std::int32_t middle = std::numeric_limits<std::int32_t>::min();
  for (std::uint32_t bit = 1U << 31; bit != 0; bit >>= 1) {
    const auto above = static_cast<std::int32_t>(static_cast<std::uint32_t>(middle) + bit);
    if (count_below(keys, above) <= half) middle = above;
  }
  if (keys.size() % 2 == 1) return value_of(middle);
  // The one before it: another such value, or the largest of those below.
  std::int32_t before = middle;
  if (count_below(keys, middle) == half) {
    before = std::numeric_limits<std::int32_t>::min();
    for (const std::int32_t key : keys) before = std::max(before, key < middle ? key : before);
  }
  return (value_of(before) + value_of(middle)) / 2;
}

struct BeatMeasures {
  std::vector<float> offsets;       // medians
  std::vector<std::int32_t> sizes;  // keys of max − min
};

BeatMeasures measures_of(const RecordBeats& record) {
  BeatMeasures measures;
  std::array<std::int32_t, beat_samples> keys{};
  for (std::int64_t i = 0; i < record.size(); ++i) {
    std::ranges::transform(record.beat(i), keys.begin(), key_of);
    std::int32_t low = keys.front(), high = low;
    for (const std::int32_t key : keys) {
      low = std::min(low, key);
      high = std::max(high, key);
    }
    measures.offsets.push_back(median(keys));
    measures.sizes.push_back(key_of(value_of(high) - value_of(low)));
  }
  return measures;
}

// The beat whose samples are the medians of all beats' samples, from each.
void subtract_typical_beat(RecordBeats& record) {
  const std::int64_t n = record.size();
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
        columns[static_cast<std::size_t>(k * n + i)] = key_of(at(i, k));
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
  const BeatMeasures measures = measures_of(record);
  const float size = unit == BeatUnit::centred ? 1 : median(measures.sizes);
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
