// Scalograms of beats, as the data room needs them: for stores and for statistics.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/beats.h"
#include "data/store.h"
#include "kernels/runtime/cpu.h"

namespace ekgine {

constexpr std::int64_t scalogram_size = scalogram_scales * beat_samples;

// Wavelet moduli |c| of `beats` (n, 187), not normalised, into `scalograms` (n, 32, 187).
void compute_scalograms(const Cpu& cpu, std::span<const float> beats, std::span<float> scalograms);

}  // namespace ekgine
