// bfloat16: the upper half of a float, 8 bits of exponent and 8 of precision. A storage format:
// arithmetic is done in float.
#pragma once

#include <bit>
#include <cstdint>

namespace ekgine {

struct bfloat16 {
  std::uint16_t bits;

  bfloat16() = default;
  // Rounds to nearest, ties to even; NaN stays NaN.
  constexpr explicit bfloat16(float value) : bits(rounded(std::bit_cast<std::uint32_t>(value))) {}
  constexpr explicit operator float() const {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }

 private:
  static constexpr std::uint16_t rounded(std::uint32_t bits) {
    if ((bits & 0x7FFFFFFFU) > 0x7F800000U) return static_cast<std::uint16_t>(bits >> 16 | 0x40U);
    return static_cast<std::uint16_t>((bits + 0x7FFFU + (bits >> 16 & 1U)) >> 16);
  }
};
static_assert(sizeof(bfloat16) == 2);

}  // namespace ekgine
