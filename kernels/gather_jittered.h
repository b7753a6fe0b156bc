// Takes rows of a matrix, each scaled at random: the beats of a batch from those of the data set.
//
// How large a beat is says more about the patient and the electrodes than about its class; scaling
// it anew in every step keeps a model from learning it.
//
//   x      (N, C)
//   index  (U)      rows of x, each in [0, N)
//   ids    (U)      what the rows are known by, not negative
//   y      (U, C)
//
//   y[u] = x[index[u]] · exp(deviation·z[u]),  z standard normal (Box, Muller 1958):
//   z[u] = √(−2·ln(1 − r₀)) · cos(2π·r₁),  r₀, r₁ uniform: words 2·ids[u] and 2·ids[u] + 1 of the
//   random stream jitter_op of the step, which no other op has
//
// z depends on the step and the id alone, so that a beat gets the same factor however often and
// wherever a batch holds it. With deviation 0, y is a copy.
//
// y is assigned. Deterministic: the same bits at any thread count.
#pragma once

#include <limits>

#include "kernels/philox.h"
#include "kernels/runtime/cpu.h"

namespace ekgine::kernels {

inline constexpr std::uint32_t jitter_op = std::numeric_limits<std::uint32_t>::max();

struct GatherJitteredShape {
  std::int64_t rows, channels, picks;  // N, C, U
};

constexpr Cost gather_jittered_cost(GatherJitteredShape s, double element) {
  const double n = static_cast<double>(s.picks) * static_cast<double>(s.channels);
  return {n, 2 * n * element + 8 * static_cast<double>(s.picks)};
}

// Errors: an index outside [0, N), before anything is written.
template <class T>
void gather_jittered(const Cpu& cpu, GatherJitteredShape s, double deviation, const T* x,
                     const std::int32_t* index, const std::int32_t* ids, T* y);

// A row whose index is outside becomes NaN.
void gather_jittered(const Cuda& cuda, GatherJitteredShape s, double deviation, const float* x,
                     const std::int32_t* index, const std::int32_t* ids, float* y);

}  // namespace ekgine::kernels
