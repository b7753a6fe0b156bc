// Batch normalisation over the last axis.
//
// Ioffe, Szegedy: "Batch normalization", ICML 2015 (arXiv:1502.03167).
//
//   x, y, dx, dy              (R,C)   R = all leading axes
//   weight, bias, dweight, dbias (C)
//   mean, rstd                (C)     statistics that normalise, kept for backward
//   running_mean, running_variance (C)
//
// Statistics, per channel:
//   mean = Σ_R x / R;  variance = Σ_R (x − mean)² / R;  rstd = 1/√(variance + ε)
//   running = m·running + (1 − m)·batch                    (biased variance, as Keras does)
//   with m = kept_of(momentum, step): of the step t at most (t − 1)/t (see BatchNorm in
//   engine/ops.h)
// taken block by block, two passes over each while it is in cache (never E[x²] − E[x]²), and merged
// in double by
//   Chan, Golub, LeVeque: "Updating formulae and a pairwise algorithm for computing sample
//   variances", 1982.
// On CUDA the blocks are a few rows of a thread, and values are taken relative to the first row of
// their channel, so that float is enough.
//
// Forward:  x̂ = (x − mean)·rstd;  y = x̂·weight + bias, computed as (x − mean)·(weight·rstd) + bias
//
// Backward, of batch statistics (mean and rstd depend on x):
//   dbias = Σ_R dy;  dweight = Σ_R dy·x̂
//   dx = weight·rstd·(dy − dbias/R − x̂·dweight/R)
//
// Where ranks share a batch, R is the rows of all of them. Both directions can be done in parts for
// that: moments of a rank's rows, merged in the ranks' order; sums of a rank's rows, added up
// before dx.
//
// Inference normalises with the running statistics and has no backward. A NaN in x makes the
// statistics of its channel NaN; those that are not finite leave the running ones as they were. (A
// step whose loss is not finite leaves all of them so: kernels/put_back.h.) Outputs are assigned
// (running statistics updated in place); each gradient is assigned or accumulated as it says, and
// dx may be assigned over x. Deterministic: on the CPU at a given thread count, on CUDA always.
#pragma once

#include "kernels/runtime/cpu.h"

namespace ekgine::kernels {

struct BatchNormShape {
  std::int64_t rows, channels;  // R ≥ 1, C

  constexpr double size() const {
    return static_cast<double>(rows) * static_cast<double>(channels);
  }
};

constexpr Cost batch_norm_statistics_cost(BatchNormShape s, double element) {
  return {4 * s.size(), s.size() * element};
}
constexpr Cost batch_norm_forward_cost(BatchNormShape s, double element) {
  return {7 * s.size(), 3 * s.size() * element};
}
constexpr Cost batch_norm_backward_cost(BatchNormShape s, double element) {
  return {9 * s.size(), 5 * s.size() * element};
}

// What running statistics keep in a step.
template <class T>
constexpr T kept_of(T momentum, const Step& step) {
  if (step.number == 0) return momentum;
  const T average = static_cast<T>(step.number - 1) / static_cast<T>(step.number);
  return momentum < average ? momentum : average;
}

// Of the batch: mean and rstd assigned; the running statistics updated.
template <class I, class T>
void batch_norm_statistics(const Cpu& cpu, BatchNormShape s, T epsilon, T momentum, const I* x,
                           T* mean, T* rstd, T* running_mean, T* running_variance);

template <class T>
void batch_norm_statistics(const Cuda& cuda, BatchNormShape s, float epsilon, float momentum,
                           const T* x, float* mean, float* rstd, float* running_mean,
                           float* running_variance);

// In parts. moments (batch_norm_moments_size), assigned: the C means of the rows, the C Σ (x −
// mean)², and how many rows they are of. T: what mean and rstd will be.
constexpr std::int64_t batch_norm_moments_size(std::int64_t channels) {
  return 2 * channels + 1;
}
template <class T, class I>
void batch_norm_moments(const Cpu& cpu, BatchNormShape s, const I* x, double* moments);
template <class T>
void batch_norm_moments(const Cuda& cuda, BatchNormShape s, const T* x, float* moments);
// From those of all parts, one behind another, what batch_norm_statistics makes of all rows.
template <class T>
void batch_norm_merge(const Cpu& cpu, std::int64_t channels, std::int64_t parts,
                      const double* moments, T epsilon, T momentum, T* mean, T* rstd,
                      T* running_mean, T* running_variance);
void batch_norm_merge(const Cuda& cuda, std::int64_t channels, std::int64_t parts,
                      const float* moments, float epsilon, float momentum, float* mean, float* rstd,
                      float* running_mean, float* running_variance);

// rstd (C) = 1/√(variance + ε): of running statistics.
template <class T>
void batch_norm_rstd(const Cpu& cpu, std::int64_t channels, T epsilon, const T* variance, T* rstd);
void batch_norm_rstd(const Cuda& cuda, std::int64_t channels, float epsilon, const float* variance,
                     float* rstd);

template <class T>
void batch_norm_forward(const Cpu& cpu, BatchNormShape s, const T* x, const T* mean, const T* rstd,
                        const T* weight, const T* bias, T* y);
template <class T>
void batch_norm_forward(const Cuda& cuda, BatchNormShape s, const T* x, const float* mean,
                        const float* rstd, const float* weight, const float* bias, T* y);

template <class T>
void batch_norm_backward(const Cpu& cpu, BatchNormShape s, const T* x, const T* mean, const T* rstd,
                         const T* weight, const T* dy, Gradient<T> dx, Gradient<T> dweight,
                         Gradient<T> dbias);
template <class T>
void batch_norm_backward(const Cuda& cuda, BatchNormShape s, const T* x, const float* mean,
                         const float* rstd, const float* weight, const T* dy, Gradient<T> dx,
                         Gradient<float> dweight, Gradient<float> dbias);

// In parts. sums (2, C), assigned: Σ dy·x̂ and Σ dy over the rows.
template <class T>
void batch_norm_backward_sums(const Cpu& cpu, BatchNormShape s, const T* x, const T* mean,
                              const T* rstd, const T* dy, double* sums);
template <class T>
void batch_norm_backward_sums(const Cuda& cuda, BatchNormShape s, const T* x, const float* mean,
                              const float* rstd, const T* dy, float* sums);
// Puts those into the gradients of weight and bias.
template <class T>
void batch_norm_put_sums(const Cpu& cpu, std::int64_t channels, const double* sums,
                         Gradient<T> dweight, Gradient<T> dbias);
void batch_norm_put_sums(const Cuda& cuda, std::int64_t channels, const float* sums,
                         Gradient<float> dweight, Gradient<float> dbias);
// dx of these rows, from the sums over `all` rows.
template <class T>
void batch_norm_backward_dx(const Cpu& cpu, BatchNormShape s, std::int64_t all, const T* x,
                            const T* mean, const T* rstd, const T* weight, const T* dy,
                            const double* sums, Gradient<T> dx);
template <class T>
void batch_norm_backward_dx(const Cuda& cuda, BatchNormShape s, std::int64_t all, const T* x,
                            const float* mean, const float* rstd, const float* weight, const T* dy,
                            const float* sums, Gradient<T> dx);

}  // namespace ekgine::kernels
