#include "data/moments.h"

#include <algorithm>
#include <vector>

#include "data/scalogram.h"
#include "kernels/column_moments.h"

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
  const std::int64_t rows = std::ssize(scalograms) / beat_samples;
  m.count = static_cast<double>(rows);
  kernels::column_moments(rows, beat_samples, scalograms.data(), m.mean.data(), m.squares.data());
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
