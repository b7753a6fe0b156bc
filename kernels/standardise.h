// Standardises features of beats: what a model of them reads first. In training they are spoilt a
// little, so that no feature is relied on alone: each value gets noise; features are dropped, each
// from whole sequences, since its neighbours would give away what a single beat lacks; and some
// move together, as logarithms of intervals do when all of a sequence is faster or slower.
//
//   x          (N, W)   rows R to R + N − 1 of a batch, of which consecutive groups of G belong
//                       together; the last may be smaller
//   mean, std  (W)      of the training data; std > 0; both null for 0 and 1
//   y          (N, C)   of the columns f = F + c of x, c in [0, C); the others are not read
//
//   y[i,c] = ((x[i,f] + tied[f]·shift·z[⌊i/G⌋] − mean[f]) / std[f] + deviation·r[i,c])
//            · factor[⌊i/G⌋, c]
//
// i is a row's number in the batch. r is uniform with mean 0 and variance 1: √3·(2u − 1), u
// uniform: word i·C + c of the random stream `op`. z is standard normal (Box, Muller 1958), of
// words 2g and 2g + 1 of the stream `shift_op` as in kernels/gather_jittered.h; tied[f] is bit f of
// `tied`. factor is that of a dropout (kernels/dropout.h) over the groups: 1/(1 − rate) where word
// ⌊i/G⌋·C + c of the stream drop.op keeps the feature, else 0.
//
// Not differentiable: features are data. y is assigned. Deterministic: the same bits at any thread
// count.
#pragma once

#include "kernels/dropout.h"
#include "kernels/philox.h"
#include "kernels/runtime/cpu.h"

namespace ekgine::kernels {

struct StandardiseShape {
  std::int64_t rows, width, group;                   // N, W, G ≥ 1
  std::int64_t first = 0, channels = width - first;  // F, C with F + C ≤ W
  std::int64_t row = 0;                              // R, 0 unless ranks share a batch
};

struct FeatureNoise {
  double deviation = 0;
  std::uint32_t op = 0;
  Dropout drop = {};
  double shift = 0;
  std::uint32_t shift_op = 0;
  std::uint64_t tied = 0;  // features, as bits, of the first 64
};

constexpr Cost standardise_cost(StandardiseShape s, double element) {
  const double n = static_cast<double>(s.rows) * static_cast<double>(s.channels);
  return {2 * n, 2 * n * element + 8 * static_cast<double>(s.channels)};
}

template <class T>
void standardise(const Cpu& cpu, StandardiseShape s, const FeatureNoise& noise, const T* x,
                 const T* mean, const T* std, T* y);

template <class T>
void standardise(const Cuda& cuda, StandardiseShape s, const FeatureNoise& noise, const float* x,
                 const float* mean, const float* std, T* y);

}  // namespace ekgine::kernels
