// Random numbers one after another: a stream of Philox words (kernels/philox.h), for what is drawn
// once and on the host. The standard library's distributions give other numbers with every
// implementation; these are the same everywhere.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <utility>
#include <vector>

#include "kernels/philox.h"

namespace ekgine {

class RandomStream {
 public:
  explicit RandomStream(RandomKey key) : key_(key) {}

  // Uniform in [0, n), 1 <= n < 2^32: a multiplication, and a rejection that makes it exactly
  // uniform (Lemire: "Fast random integer generation in an interval", 2019).
  std::int64_t below(std::int64_t n) {
    const auto range = static_cast<std::uint32_t>(n);
    std::uint64_t product = std::uint64_t{word()} * range;
    if (static_cast<std::uint32_t>(product) < range) {
      const std::uint32_t threshold = (0 - range) % range;
      while (static_cast<std::uint32_t>(product) < threshold) {
        product = std::uint64_t{word()} * range;
      }
    }
    return static_cast<std::int64_t>(product >> 32);
  }

  // Uniform in [low, high).
  double uniform(double low = 0, double high = 1) {
    return low + (high - low) * static_cast<double>(word() >> 8) * 0x1p-24;
  }

  // Standard normal (Box, Muller 1958).
  double normal() {
    const double radius = std::sqrt(-2 * std::log1p(-uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }

  // Gamma distributed with an integer shape and scale 1: a sum of exponential variables.
  double gamma(std::int64_t shape) {
    double sum = 0;
    for (std::int64_t i = 0; i < shape; ++i) sum -= std::log1p(-uniform());
    return sum;
  }

  // Fisher-Yates, from the back.
  template <class T>
  void shuffle(std::vector<T>& values) {
    for (std::int64_t i = std::ssize(values) - 1; i > 0; --i) {
      std::swap(values[static_cast<std::size_t>(i)],
                values[static_cast<std::size_t>(below(i + 1))]);
    }
  }

 private:
  std::uint32_t word() {
    if (next_ % 4 == 0) block_ = philox(key_, next_ / 4);
    return block_[next_++ % 4];
  }

  RandomKey key_;
  std::uint64_t next_ = 0;
  std::array<std::uint32_t, 4> block_{};
};

}  // namespace ekgine
