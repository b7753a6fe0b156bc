// Mean and spread of scalograms per time column, in a form that can be put together.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/beat.h"
#include "kernels/runtime/cpu.h"

namespace ekgine {

// Of a column t: how many moduli |c_s[t]| there are, their mean, and the sum of squared deviations
// from it.
struct Moments {
  double count = 0;
  std::array<double, beat_samples> mean{}, squares{};

  // Adds those of other values (Chan, Golub, LeVeque 1979).
  void merge(const Moments& other);
};

// Scalograms of this many beats, 1.5 MB, stay in cache between the passes over them.
constexpr std::int64_t moments_block = 64;

// Of at most moments_block `beats` (n, 187), n ≥ 1, over all their scales. Moduli in float, sums in
// double: first the mean and then the squared deviations from it.
Moments block_moments(const Cpu& cpu, std::span<const float> beats);

// Of all beats of a record, n ≥ 1: those of its blocks, merged in order.
Moments record_moments(const Cpu& cpu, std::span<const float> beats);

}  // namespace ekgine
