// What a beat is, for the rooms that must agree on it without knowing each other.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/choice.h"

namespace ekgine {

inline constexpr std::int64_t beat_samples = 187;     // L: samples of a beat, 93 on each side of R
inline constexpr std::int64_t scalogram_scales = 32;  // S: scales 1...32 of the wavelet transform
inline constexpr int class_count = 5;                 // N, S, V, F, Q of ANSI/AAMI EC57

// The wider window of a beat in each of two leads (data/beat_waves.h).
inline constexpr std::int64_t wave_leads = 2, wave_samples = 96;

// Features of a beat: those of its rhythm, then those of its shape in each of two leads
// (data/beat_features.h).
inline constexpr std::int64_t rhythm_features = 22, lead_features = 13;
inline constexpr std::int64_t beat_features = rhythm_features + wave_leads * lead_features;  // 48
// Those of them, as bits, that are the logarithm of an interval and nothing else: columns 0, 1, 15.
inline constexpr std::uint64_t rate_features = 1U << 0 | 1U << 1 | 1U << 15;

// Consecutive columns of rows of numbers.
struct Columns {
  std::int64_t first, count;
};

// What a beat is given as, in a row of numbers: its samples, in one of four units
// (data/beat_unit.h; files and options call the unit `amplitude`), or what has been measured of it.
// A model takes beats of one unit: the one it was trained on.
enum class BeatUnit {
  millivolts,  // "mV": as recorded
  centred,     // "centred": mV without the beat's offset
  record,      // "record": without the offset, in typical beats of the record
  deviation,   // "deviation": the same less the record's typical beat
  features,    // "features": no samples, but beat_features numbers
  waves,       // "waves": these, and the beat's waves in wave_leads leads, one after another
};

// Length of the row.
constexpr std::int64_t row_width(BeatUnit unit) {
  if (unit == BeatUnit::waves) return beat_features + wave_leads * wave_samples;  // 240
  return unit == BeatUnit::features ? beat_features : beat_samples;
}

// Whether features come first in it.
constexpr bool has_features(BeatUnit unit) {
  return unit == BeatUnit::features || unit == BeatUnit::waves;
}

// Those of samples.
constexpr auto choices_of(BeatUnit) {
  using enum BeatUnit;
  return std::to_array<Choice<BeatUnit>>(
      {{millivolts, "mV"}, {centred, "centred"}, {record, "record"}, {deviation, "deviation"}});
}

const char* beat_unit_name(BeatUnit unit);
// The inverse, of units of samples. Errors list the names there are.
BeatUnit beat_unit_from_name(std::string_view name);

// Beats in memory of others, (n, row_width(unit)), all in one unit.
struct BeatSpan {
  std::span<const float> samples;
  BeatUnit unit;

  std::int64_t width() const { return row_width(unit); }
  std::int64_t count() const { return std::ssize(samples) / width(); }
  BeatSpan part(std::int64_t first, std::int64_t beats) const {
    return {samples.subspan(static_cast<std::size_t>(first * width()),
                            static_cast<std::size_t>(beats * width())),
            unit};
  }
};

}  // namespace ekgine
