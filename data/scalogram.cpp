#include "data/scalogram.h"

#include "base/error.h"
#include "kernels/morlet_cwt.h"

namespace ekgine {

void compute_scalograms(const Cpu& cpu, std::span<const float> beats, std::span<float> scalograms) {
  const std::int64_t n = std::ssize(beats) / beat_samples;
  if (n * beat_samples != std::ssize(beats) || n * scalogram_size != std::ssize(scalograms)) {
    fail("scalograms: {} samples are not beats of {}, or {} values not their scalograms",
         beats.size(), beat_samples, scalograms.size());
  }
  kernels::morlet_cwt<float>(cpu, {n, beat_samples, scalogram_scales}, beats.data(), nullptr,
                             nullptr, scalograms.data());
}

}  // namespace ekgine
