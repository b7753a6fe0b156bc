// What a beat is, for the rooms that must agree on it without knowing each other.
#pragma once

#include <cstdint>
#include <string_view>

namespace ekgine {

inline constexpr std::int64_t beat_samples = 187;     // L: samples of a beat, 93 on each side of R
inline constexpr std::int64_t scalogram_scales = 32;  // S: scales 1...32 of the wavelet transform
inline constexpr int class_count = 5;                 // N, S, V, F, Q of ANSI/AAMI EC57

// What the samples of a beat are measured in; data/amplitude.h says how. Weights know what they
// were trained on.
enum class Amplitude {
  millivolts,  // "mV": as recorded
  centred,     // "centred": mV without the beat's offset
  record,      // "record": without the offset, in typical beats of the record
  deviation,   // "deviation": the same less the record's typical beat
};

// Errors list the names there are.
Amplitude amplitude_from_name(std::string_view name);

}  // namespace ekgine
