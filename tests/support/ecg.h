// Made-up ECG leads at 360 Hz, for tests of what is measured on beats.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "tests/cases/random.h"

namespace ekgine::testing {

// A P wave, an R wave of `height` mV and a T wave around each of `beats`, on noise of `noise` mV.
inline std::vector<float> ecg_of(std::int64_t samples, std::span<const std::int64_t> beats,
                                 double height = 1, double noise = 0.01, std::uint64_t seed = 1) {
  Random random(seed);
  std::vector<double> signal(static_cast<std::size_t>(samples));
  for (double& x : signal) x = noise * random.normal();
  const auto add = [&](std::int64_t middle, double amplitude, double width) {
    for (std::int64_t i = middle - 80; i <= middle + 80; ++i) {
      if (i < 0 || i >= samples) continue;
      const double z = static_cast<double>(i - middle) / width;
      signal[static_cast<std::size_t>(i)] += amplitude * std::exp(-z * z / 2);
    }
  };
  for (const std::int64_t r : beats) {
    add(r - 60, 0.12 * height, 8);
    add(r, height, 4);
    add(r + 90, 0.25 * height, 15);
  }
  return {signal.begin(), signal.end()};
}

// `count` beats, `rr` samples apart.
inline std::vector<std::int64_t> regular_beats(std::int64_t count, std::int64_t rr,
                                               std::int64_t first = 200) {
  std::vector<std::int64_t> beats;
  for (std::int64_t i = 0; i < count; ++i) beats.push_back(first + i * rr);
  return beats;
}

}  // namespace ekgine::testing
