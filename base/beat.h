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

// What the samples of beats are measured in; data/beat_unit.h says how. Files and options call it
// `amplitude`. A model takes beats of one unit: the one it was trained on.
enum class BeatUnit {
  millivolts,  // "mV": as recorded
  centred,     // "centred": mV without the beat's offset
  record,      // "record": without the offset, in typical beats of the record
  deviation,   // "deviation": the same less the record's typical beat
};

constexpr auto choices_of(BeatUnit) {
  using enum BeatUnit;
  return std::to_array<Choice<BeatUnit>>(
      {{millivolts, "mV"}, {centred, "centred"}, {record, "record"}, {deviation, "deviation"}});
}

const char* beat_unit_name(BeatUnit unit);
// The inverse. Errors list the names there are.
BeatUnit beat_unit_from_name(std::string_view name);

// Beats in memory of others, (n, beat_samples), all in one unit.
struct BeatSpan {
  std::span<const float> samples;
  BeatUnit unit;
};

}  // namespace ekgine
