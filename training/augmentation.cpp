#include "training/augmentation.h"

#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>

#include "base/beat.h"

namespace ekgine {

void jitter_amplitudes(std::span<float> beats, std::span<const std::int32_t> beat_ids,
                       double deviation, RandomKey key) {
  key.op = std::numeric_limits<std::uint32_t>::max();
  for (std::size_t u = 0; u < beat_ids.size(); ++u) {
    // Box-Muller.
    const auto word = 2 * static_cast<std::uint64_t>(beat_ids[u]);
    const double radius = std::sqrt(-2 * std::log1p(-random_uniform(key, word)));
    const double z = radius * std::cos(2 * std::numbers::pi * random_uniform(key, word + 1));
    const auto factor = static_cast<float>(std::exp(deviation * z));
    for (float& sample : beats.subspan(u * beat_samples, beat_samples)) sample *= factor;
  }
}

}  // namespace ekgine
