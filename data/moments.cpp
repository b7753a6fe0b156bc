#include "data/moments.h"

#include <algorithm>
#include <vector>

#include "data/scalogram.h"

namespace ekgine {

void Moments::merge(const Moments& other) {
  const double total = count + other.count;
  for (std::size_t t = 0; t < mean.size(); ++t) {
    const double delta = other.mean[t] - mean[t];
    mean[t] += delta * other.count / total;
    squares[t] += other.squares[t] + delta * delta * count * other.count / total;
  }
  count = total;
}

Moments block_moments(const Cpu& cpu, std::span<const float> beats) {
  thread_local std::vector<float> scalograms;
  scalograms.resize(beats.size() * scalogram_scales);
  compute_scalograms(cpu, beats, scalograms);
  Moments m;
  m.count = static_cast<double>(scalograms.size() / beat_samples);
  for (std::size_t row = 0; row < scalograms.size(); row += beat_samples) {
    for (std::size_t t = 0; t < beat_samples; ++t) m.mean[t] += scalograms[row + t];
  }
  for (double& mean : m.mean) mean /= m.count;
  for (std::size_t row = 0; row < scalograms.size(); row += beat_samples) {
    for (std::size_t t = 0; t < beat_samples; ++t) {
      const double deviation = scalograms[row + t] - m.mean[t];
      m.squares[t] += deviation * deviation;
    }
  }
  return m;
}

Moments record_moments(const Cpu& cpu, std::span<const float> beats) {
  constexpr auto block = static_cast<std::size_t>(moments_block * beat_samples);
  Moments moments;
  for (std::size_t first = 0; first < beats.size(); first += block) {
    moments.merge(block_moments(cpu, beats.subspan(first, std::min(block, beats.size() - first))));
  }
  return moments;
}

}  // namespace ekgine
