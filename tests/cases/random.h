// Seeded random numbers for tests: the same on every machine.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

#include "kernels/philox.h"

namespace ekgine::testing {

class Random {
 public:
  explicit Random(std::uint64_t seed) : key_{seed, 0, 0x7E57} {}

  std::uint32_t word() { return random_word(key_, next_++); }
  double uniform() { return random_uniform(key_, next_++); }  // [0, 1)
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  std::int64_t integer(std::int64_t low, std::int64_t high) {  // [low, high]
    return low + static_cast<std::int64_t>(word() % static_cast<std::uint64_t>(high - low + 1));
  }
  double normal() {  // Box-Muller
    const double u = 1 - uniform(), v = uniform();
    return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
  }

 private:
  RandomKey key_;
  std::uint64_t next_ = 0;
};

}  // namespace ekgine::testing
