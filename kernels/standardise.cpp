#include "kernels/standardise.h"

#include <array>
#include <cmath>
#include <numbers>

namespace ekgine::kernels {

namespace {

double normal(const Step& step, const FeatureNoise& noise, std::int64_t group) {
  const RandomKey key = random_key(step, noise.shift_op);
  const auto word = 2 * static_cast<std::uint64_t>(group);
  const double radius = std::sqrt(-2 * std::log1p(-random_uniform(key, word)));
  return radius * std::cos(2 * std::numbers::pi * random_uniform(key, word + 1));
}

}  // namespace

template <class T>
void standardise(const Cpu& cpu, StandardiseShape s, const FeatureNoise& noise, const T* x,
                 const T* mean, const T* std, T* y) {
  const std::int64_t channels = s.channels;
  const std::int64_t before = s.row / s.group;  // groups
  const std::int64_t groups = (s.row + s.rows + s.group - 1) / s.group - before;
  Workspace::Scope scratch(cpu.workspace);
  T* const factors = scratch.take<T>(static_cast<std::size_t>(groups * channels));
  const bool drops = noise.drop.rate != 0;
  if (drops) {
    parallel_for(groups, grain_of(10 * channels), [&](std::int64_t begin, std::int64_t end, int) {
      dropout_factors(cpu.step, noise.drop, static_cast<std::uint64_t>((before + begin) * channels),
                      (end - begin) * channels, factors + begin * channels);
    });
  }
  T* const shifts = scratch.take<T>(static_cast<std::size_t>(groups));
  for (std::int64_t g = 0; g < groups; ++g) {
    shifts[g] =
        noise.shift == 0 ? T(0) : static_cast<T>(noise.shift * normal(cpu.step, noise, before + g));
  }
  const RandomKey key = random_key(cpu.step, noise.op);
  const T deviation = static_cast<T>(noise.deviation * std::numbers::sqrt3);
  parallel_for(s.rows, grain_of(10 * channels), [&](std::int64_t begin, std::int64_t end, int) {
    std::array<std::uint32_t, 4> block{};
    for (std::int64_t i = begin; i < end; ++i) {
      const T* const from = x + i * s.width + s.first;
      T* const to = y + i * channels;
      const std::int64_t group = (s.row + i) / s.group - before;
      const T shift = shifts[group];
      for (std::int64_t c = 0; c < channels; ++c) {
        const std::int64_t f = s.first + c;
        const bool tied = f < 64 && (noise.tied >> f & 1) != 0;
        to[c] = from[c] + (tied ? shift : T(0));
        if (mean != nullptr) to[c] = (to[c] - mean[f]) / std[f];
      }
      if (deviation != 0) {
        for (std::int64_t c = 0; c < channels; ++c) {
          const auto word = static_cast<std::uint64_t>((s.row + i) * channels + c);
          if (c == 0 || word % 4 == 0) block = philox(key, word / 4);
          const T u = static_cast<T>(block[word % 4] >> 8) * static_cast<T>(0x1p-24);
          to[c] += deviation * (2 * u - 1);
        }
      }
      if (drops) {
        const T* const factor = factors + group * channels;
        for (std::int64_t c = 0; c < channels; ++c) to[c] *= factor[c];
      }
    }
  });
}

template void standardise(const Cpu&, StandardiseShape, const FeatureNoise&, const float*,
                          const float*, const float*, float*);
template void standardise(const Cpu&, StandardiseShape, const FeatureNoise&, const double*,
                          const double*, const double*, double*);

}  // namespace ekgine::kernels
