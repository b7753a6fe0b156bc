// Vectors of floats as wide as the machine's registers, for loops that the compiler would not
// vectorise as they need it. Whatever is written with them compiles for any machine.
#pragma once

#ifdef __AVX__
#include <immintrin.h>
#endif

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
using Longs [[gnu::vector_size(lanes * sizeof(float))]] = std::uint64_t;
using Halves [[gnu::vector_size(lanes * sizeof(std::uint16_t))]] = std::uint16_t;

// At any address. (Not memcpy: GCC 12 then takes vectors for bytes, which it copies to the stack.)
using UnalignedFloats [[gnu::aligned(alignof(float))]] = Floats;
inline Floats load(const float* from) {
  return *reinterpret_cast<const UnalignedFloats*>(from);
}
inline Floats load(const bfloat16* from) {
  Halves bits;
  std::memcpy(&bits, from, sizeof bits);
  return reinterpret_cast<Floats>(__builtin_convertvector(bits, Words) << 16);
}

// Products of the lower halves of a's lanes with b: one instruction, which GCC 12 does not find.
inline Longs multiply_lower(Longs a, std::uint32_t b) {
#ifdef __AVX512F__
  // Masked, since GCC 12 warns of its own headers at the unmasked one.
  return reinterpret_cast<Longs>(
      _mm512_maskz_mul_epu32(0xFF, reinterpret_cast<__m512i>(a), _mm512_set1_epi64(b)));
#elif defined(__AVX2__)
  return reinterpret_cast<Longs>(
      _mm256_mul_epu32(reinterpret_cast<__m256i>(a), _mm256_set1_epi64x(b)));
#else
  return (a & 0xFFFFFFFFU) * std::uint64_t{b};
#endif
}

inline void store(float* to, Floats v) {
  *reinterpret_cast<UnalignedFloats*>(to) = v;
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

// Stores around the caches, where a processor can: a line that is written whole need not be read
// first. `to` is one that can_stream() says yes to; other threads see it after fence(). In bfloat16
// an ordinary store, since a vector is half as long; and for AddressSanitizer, which does not see
// the others.
inline void stream(float* to, Floats v) {
#ifdef __SANITIZE_ADDRESS__
  store(to, v);
#elif defined(__AVX512F__)
  _mm512_stream_ps(to, reinterpret_cast<__m512>(v));
#elif defined(__AVX__)
  _mm256_stream_ps(to, reinterpret_cast<__m256>(v));
#else
  store(to, v);
#endif
}
inline void stream(bfloat16* to, Floats v) {
  store(to, v);
}
inline bool can_stream(const void* to) {
  return reinterpret_cast<std::uintptr_t>(to) % sizeof(Floats) == 0;
}
inline void fence() {
#ifdef __AVX__
  _mm_sfence();
#endif
}

}  // namespace ekgine::simd
