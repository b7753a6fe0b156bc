// Vectors of floats as wide as the machine's registers, for loops that the compiler would not
// vectorise as they need it. Whatever is written with them compiles for any machine.
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/runtime/bfloat16.h"

namespace ekgine::simd {

#ifdef __AVX512F__
constexpr int lanes = 16;
#elif defined(__AVX__)
constexpr int lanes = 8;
#else
constexpr int lanes = 4;
#endif

using Floats [[gnu::vector_size(lanes * sizeof(float))]] = float;
using Words [[gnu::vector_size(lanes * sizeof(std::uint32_t))]] = std::uint32_t;
using Halves [[gnu::vector_size(lanes * sizeof(std::uint16_t))]] = std::uint16_t;

// At any address.
inline Floats load(const float* from) {
  Floats v;
  std::memcpy(&v, from, sizeof v);
  return v;
}
inline Floats load(const bfloat16* from) {
  Halves bits;
  std::memcpy(&bits, from, sizeof bits);
  return reinterpret_cast<Floats>(__builtin_convertvector(bits, Words) << 16);
}

inline void store(float* to, Floats v) {
  std::memcpy(to, &v, sizeof v);
}
// Rounds as bfloat16 does.
inline void store(bfloat16* to, Floats v) {
  const auto bits = reinterpret_cast<Words>(v);
  const Words nearest = (bits + 0x7FFFU + (bits >> 16 & 1U)) >> 16;
  const Words nan = bits >> 16 | 0x40U;
  const Words rounded = (bits & 0x7FFFFFFFU) > 0x7F800000U ? nan : nearest;
  const Halves halves = __builtin_convertvector(rounded, Halves);
  std::memcpy(to, &halves, sizeof halves);
}

}  // namespace ekgine::simd
