// What a beat is, for the rooms that must agree on it without knowing each other.
#pragma once

#include <cstdint>

namespace ekgine {

inline constexpr std::int64_t beat_samples = 187;     // L: samples of a beat, 93 on each side of R
inline constexpr std::int64_t scalogram_scales = 32;  // S: scales 1...32 of the wavelet transform
inline constexpr int class_count = 5;                 // N, S, V, F, Q of ANSI/AAMI EC57

}  // namespace ekgine
