// What batch_norm and batch_norm_relu_pool share: the affine map of a channel, the second stage of
// the gradients' sums, and the correction that batch statistics bring into dx.
#pragma once

#include "kernels/device/channels.cuh"
#include "kernels/device/gradient.cuh"

namespace ekgine::device {

// v = (x − mean)·(weight·rstd) + bias for a thread's channels. Written with fmaf: forward and
// backward must find the same v, or they would disagree on maxima and signs.
template <int Width>
struct Affine {
  float mean[Width], factor[Width], bias[Width];

  __device__ __forceinline__ Affine(std::int64_t first, const float* mean_of, const float* rstd_of,
                                    const float* weight_of, const float* bias_of) {
    float rstd[Width];
    load(mean, mean_of + first);
    load(factor, weight_of + first);
    load(rstd, rstd_of + first);
    load(bias, bias_of + first);
#pragma unroll
    for (int k = 0; k < Width; ++k) factor[k] *= rstd[k];
  }
  __device__ __forceinline__ float operator()(float x, int k) const {
    return fmaf(x - mean[k], factor[k], bias[k]);
  }
};

// dx = factor·(g − average − (x − mean)·slope) for a thread's channels. `coefficients` (2, C) holds
// average = dbias/M and slope = rstd·dweight/M, as finish_sums leaves them.
template <int Width>
struct Correction {
  float mean[Width], factor[Width], average[Width], slope[Width];

  __device__ __forceinline__ Correction(std::int64_t channels, std::int64_t first,
                                        const float* mean_of, const float* rstd_of,
                                        const float* weight_of, const float* coefficients) {
    float rstd[Width];
    load(mean, mean_of + first);
    load(factor, weight_of + first);
    load(rstd, rstd_of + first);
    load(average, coefficients + first);
    load(slope, coefficients + channels + first);
#pragma unroll
    for (int k = 0; k < Width; ++k) factor[k] *= rstd[k];
  }
  __device__ __forceinline__ float operator()(float g, float x, int k) const {
    return factor[k] * (g - average[k] - (x - mean[k]) * slope[k]);
  }
};

// Where the first stage leaves its sums, of parts of the rows: (parts, 2, C), in the workspace.
struct Partial {
  float* data;
  std::int64_t parts;

  Partial(Workspace::Scope& scratch, unsigned count, std::int64_t channels)
      : data(scratch.take<float>(static_cast<std::size_t>(2 * count * channels))), parts(count) {}
};

// Second stage: sums (parts, 2, C) of g·(x − mean) and g become dweight, dbias and coefficients.
// `rows` is M. On totals_grid(channels).
static __global__ void __launch_bounds__(channel_threads)
    finish_sums(std::int64_t channels, std::int64_t rows, std::int64_t parts, const float* partial,
                const float* rstd, Gradient<float> dweight, Gradient<float> dbias,
                float* coefficients) {
  SIMT_SHARED(float[2 * lane_scratch], scratch);
  float totals[2];
  add_totals(totals, parts, channels, partial, scratch);
  const std::int64_t c = totals_channel();
  if (c >= channels || threadIdx.y != 0) return;
  const float gradient = totals[0] * rstd[c], count = static_cast<float>(rows);
  if (dweight.data != nullptr) put(dweight, c, gradient);
  if (dbias.data != nullptr) put(dbias, c, totals[1]);
  coefficients[c] = totals[1] / count;
  coefficients[channels + c] = rstd[c] * gradient / count;
}

// The same into sums (2, C): Σ g·x̂ and Σ g.
static __global__ void __launch_bounds__(channel_threads)
    total_sums(std::int64_t channels, std::int64_t parts, const float* partial, const float* rstd,
               float* sums) {
  SIMT_SHARED(float[2 * lane_scratch], scratch);
  float totals[2];
  add_totals(totals, parts, channels, partial, scratch);
  const std::int64_t c = totals_channel();
  if (c >= channels || threadIdx.y != 0) return;
  sums[c] = totals[0] * rstd[c];
  sums[channels + c] = totals[1];
}

// What finish_sums leaves, from such sums over `rows` rows.
static __global__ void __launch_bounds__(channel_threads)
    make_coefficients(std::int64_t channels, std::int64_t rows, const float* rstd,
                      const float* sums, float* coefficients) {
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (c >= channels) return;
  const float count = static_cast<float>(rows);
  coefficients[c] = sums[channels + c] / count;
  coefficients[channels + c] = rstd[c] * sums[c] / count;
}

// (2, C), in the workspace.
inline const float* coefficients_of(const Cuda& cuda, Workspace::Scope& scratch,
                                    std::int64_t channels, std::int64_t rows, const float* rstd,
                                    const float* sums) {
  float* coefficients = scratch.take<float>(static_cast<std::size_t>(2 * channels));
  launch(cuda, "batch_norm_coefficients", make_coefficients,
         {.blocks = dim3(static_cast<unsigned>(blocks_of(channels, channel_threads))),
          .threads = dim3(channel_threads)},
         channels, rows, rstd, sums, coefficients);
  return coefficients;
}

}  // namespace ekgine::device
