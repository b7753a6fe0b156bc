// Takes rows of a matrix, each scaled and shifted at random: the beats of a batch from those of the
// data set.
//
// How large a beat is says more about the patient and the electrodes than about its class, and
// where its window lies about who marked it, a cardiologist or a detector; drawing both anew in
// every step keeps a model from learning them.
//
//   x        (N, C)
//   index    (U)      rows of x, each in [0, N)
//   ids      (U)      what the rows are known by, not negative
//   typical  (R, C)   what was subtracted from rows of x
//   records  (U)      row of `typical` that was subtracted from x[index[u]], each in [0, R)
//   y        (U, C)
//
//   y[u,c] = (x[index[u],k] + typical[records[u],k] − typical[records[u],c]) · exp(deviation·z[u]),
//   k = c + s[u], moved into [0, C)
//
//   z standard normal (Box, Muller 1958): z[u] = √(−2·ln(1 − r₀)) · cos(2π·r₁),  r₀, r₁ uniform:
//   words 2·ids[u] and 2·ids[u] + 1 of the random stream jitter_op of the step, which no other op
//   has
//   s[u] = time_shift(): each of −shift, ..., shift as likely
//
// A window that was put s samples later holds what is there then, less what is typical of here:
// hence the two rows of `typical`. Beyond the ends of x[index[u]] its first or last value goes on.
// With shift 0, `typical` and `records` are not looked at; with deviation 0, too, y is a copy.
//
// z and s depend on the step and the id alone, so that a beat gets the same ones however often and
// wherever a batch holds it.
//
// y is assigned. Deterministic: the same bits at any thread count.
#pragma once

#include <limits>

#include "kernels/philox.h"
#include "kernels/runtime/cpu.h"

namespace ekgine::kernels {

inline constexpr std::uint32_t jitter_op = std::numeric_limits<std::uint32_t>::max();
inline constexpr std::uint32_t time_jitter_op = jitter_op - 1;

// How much rows are changed: the standard deviation of the logarithm of their factor, and the most
// samples that they are shifted by either way.
struct Jitter {
  double deviation = 0;
  std::int64_t shift = 0;
};

struct GatherJitteredShape {
  std::int64_t rows, channels, picks, records;  // N, C, U, R
};

// The shift of the row known by `id`: the first word of the block of that number.
constexpr std::int64_t time_shift(const Step& step, std::int32_t id, std::int64_t most) {
  const auto block = static_cast<std::uint64_t>(id);
  const std::uint64_t word = philox(random_key(step, time_jitter_op), block)[0];
  return static_cast<std::int64_t>(word * (2 * static_cast<std::uint64_t>(most) + 1) >> 32) - most;
}

constexpr Cost gather_jittered_cost(GatherJitteredShape s, const Jitter& jitter, double element) {
  const auto picks = static_cast<double>(s.picks), channels = static_cast<double>(s.channels);
  const double n = picks * channels;
  if (jitter.shift == 0) return {n, 2 * n * element + 8 * picks};
  const double typical = static_cast<double>(s.records) * channels;
  return {3 * n, (2 * n + typical) * element + 12 * picks};
}

// Errors: an index outside [0, N) or, with a shift, a record outside [0, R), before anything is
// written.
template <class T>
void gather_jittered(const Cpu& cpu, GatherJitteredShape s, const Jitter& jitter, const T* x,
                     const std::int32_t* index, const std::int32_t* ids, const T* typical,
                     const std::int32_t* records, T* y);

// A row whose index or record is outside becomes NaN.
void gather_jittered(const Cuda& cuda, GatherJitteredShape s, const Jitter& jitter, const float* x,
                     const std::int32_t* index, const std::int32_t* ids, const float* typical,
                     const std::int32_t* records, float* y);

}  // namespace ekgine::kernels
