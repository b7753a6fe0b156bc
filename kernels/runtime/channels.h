// How CPU kernels on channels-last arrays loop over channels.
#pragma once

#include <cstdint>
#include <type_traits>

namespace ekgine {

// The widest tile: eight AVX-512 vectors of floats.
constexpr std::int64_t channel_tile = 128;

// Calls body(first, width) for consecutive tiles of at most channel_tile channels. Widths of 128,
// 64 and 32 are compile-time constants, so that arrays of that many sums live in registers while
// body loops over rows, and whole cache lines are used up at once; that of the rest is a number.
// Both serve as the bound of
//   for (std::int64_t k = 0; k < width; ++k) ...channel first + k...
template <class Body>
void for_channel_tiles(std::int64_t channels, const Body& body) {
  std::int64_t first = 0;
  const auto tiles = [&](auto width) {
    for (; first + width <= channels; first += width) body(first, width);
  };
  tiles(std::integral_constant<std::int64_t, 128>{});
  tiles(std::integral_constant<std::int64_t, 64>{});
  tiles(std::integral_constant<std::int64_t, 32>{});
  if (first < channels) body(first, channels - first);
}

}  // namespace ekgine
