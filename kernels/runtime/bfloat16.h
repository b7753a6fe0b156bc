// bfloat16: the upper half of a float, 8 bits of exponent and 8 of precision. A storage format:
// arithmetic is done in float.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

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
  // Without a branch: loops over it are vectorised.
  static constexpr std::uint16_t rounded(std::uint32_t bits) {
    const std::uint32_t nearest = (bits + 0x7FFFU + (bits >> 16 & 1U)) >> 16;
    const std::uint32_t nan = bits >> 16 | 0x40U;
    return static_cast<std::uint16_t>((bits & 0x7FFFFFFFU) > 0x7F800000U ? nan : nearest);
  }
};
static_assert(sizeof(bfloat16) == 2);

// to = value, rounded if `to` is a bfloat16. By its bits: GCC 12 does not vectorise loops that copy
// a struct.
template <class T, class V>
constexpr void store(T& to, V value) {
  if constexpr (std::is_same_v<T, bfloat16>) {
    to.bits = bfloat16(value).bits;
  } else {
    to = value;
  }
}

}  // namespace ekgine
