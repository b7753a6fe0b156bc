// Batch normalisation on CUDA: three kinds of passes over a channels-last array, all of them bound
// by memory, so each reads its operands once, 16 bytes at a time (kernels/device/channels.cuh).
//
//   statistics:   sums over rows, in two stages: moments per part of the rows, then of all
//   forward:      elementwise
//   backward:     sums over rows, in two stages (the second in kernels/device/batch_norm.cuh), then
//                 an elementwise pass that reads x and dy again
#include "kernels/batch_norm.h"

#include "kernels/device/batch_norm.cuh"
#include "kernels/device/channels.cuh"
#include "kernels/device/gradient.cuh"
#include "kernels/device/norm_statistics.cuh"
#include "kernels/runtime/launch.cuh"

namespace ekgine::kernels {

namespace {

using namespace device;

// Moments of Width channels, as 2·Width + 1 floats: means, sums of squared deviations, count.
template <int Width>
struct Moments {
  static constexpr int size = 2 * Width + 1;
  float values[size] = {};

  // Chan, Golub, LeVeque, as in the contract.
  static __device__ __forceinline__ void merge(float (&into)[size], const float (&from)[size]) {
    const float count = from[2 * Width], total = into[2 * Width] + count;
    if (count == 0) return;
    const float share = count / total, weight = into[2 * Width] * share;
#pragma unroll
    for (int k = 0; k < Width; ++k) {
      const float delta = from[k] - into[k];
      into[k] += delta * share;
      into[Width + k] += from[Width + k] + delta * delta * weight;
    }
    into[2 * Width] = total;
  }
};

// A thread takes so many rows at a time: their mean, then their deviations from it, both from
// registers. 32 numbers in flight hide the memory's latency.
template <int Width>
constexpr int rows_at_once = Width == 1 ? 8 : 32 / Width;

// Adds Rows rows, `stride` elements apart, to the moments of x − origin.
template <int Rows, class T, int Width>
__device__ __forceinline__ void add_rows(Moments<Width>& moments, const T* x, std::int64_t stride,
                                         const float (&origin)[Width]) {
  float deviation[Rows][Width];
#pragma unroll
  for (int r = 0; r < Rows; ++r) load(deviation[r], x + r * stride);
  Moments<Width> block;
  block.values[2 * Width] = Rows;
#pragma unroll
  for (int k = 0; k < Width; ++k) {
    float sum = 0, squares = 0;
#pragma unroll
    for (int r = 0; r < Rows; ++r) sum += deviation[r][k] -= origin[k];
    const float mean = sum / Rows;
#pragma unroll
    for (int r = 0; r < Rows; ++r) squares += (deviation[r][k] - mean) * (deviation[r][k] - mean);
    block.values[k] = mean;
    block.values[Width + k] = squares;
  }
  Moments<Width>::merge(moments.values, block.values);
}

// First stage: partial (parts, 2, C), the mean and the sum of squared deviations of each part of
// the rows. Values are taken relative to the first row: the difference of neighbours is exact, so
// an offset costs no digits although the sums are in float.
template <class T, int Width>
__global__ void __launch_bounds__(channel_threads)
    part_moments(BatchNormShape s, const T* __restrict__ x, float* __restrict__ partial) {
  SIMT_SHARED(float[Moments<Width>::size * lane_scratch], scratch);
  const std::int64_t first = first_channel(Width);
  const bool inside = first < s.channels;
  const Range rows = share_of(s.rows, blockIdx.x, gridDim.x);
  Moments<Width> moments;
  if (inside) {
    float origin[Width];
    load(origin, x + first);
    constexpr int block = rows_at_once<Width>;
    const std::int64_t step = blockDim.y, stride = step * s.channels;
    std::int64_t row = rows.begin + threadIdx.y;
    for (; row + (block - 1) * step < rows.end; row += block * step) {
      add_rows<block>(moments, x + row * s.channels + first, stride, origin);
    }
    for (; row < rows.end; row += step) {
      add_rows<1>(moments, x + row * s.channels + first, stride, origin);
    }
  }
  merge_lanes(moments.values, channel_place(), scratch, Moments<Width>::merge);
  if (inside && threadIdx.y == 0) {
    store_partial<Width>(partial, blockIdx.x, s.channels, first, moments.values);
  }
}

// Second stage: the parts are merged, eight channels to a block. In lane 0 of channel c.
__device__ __forceinline__ Moments<1> merge_parts(BatchNormShape s, std::int64_t parts,
                                                  const float* partial, std::int64_t c,
                                                  float* scratch) {
  Moments<1> moments;
  if (c < s.channels) {
    for (std::int64_t part = threadIdx.y; part < parts; part += blockDim.y) {
      const Range rows = share_of(s.rows, part, parts);
      const float* of_part = partial + 2 * part * s.channels + c;
      Moments<1>::merge(moments.values, {of_part[0], of_part[s.channels],
                                         static_cast<float>(rows.end - rows.begin)});
    }
  }
  merge_lanes(moments.values, channel_place(), scratch, Moments<1>::merge);
  return moments;
}

template <class T>
__global__ void __launch_bounds__(channel_threads)
    finish_moments(BatchNormShape s, std::int64_t parts, const T* x, const float* partial,
                   NormStatistics statistics) {
  SIMT_SHARED(float[Moments<1>::size * lane_scratch], scratch);
  const std::int64_t c = totals_channel();
  const Moments<1> moments = merge_parts(s, parts, partial, c, scratch);
  if (c >= s.channels || threadIdx.y != 0) return;
  statistics.put(c, to_float(x[c]) + moments.values[0],
                 moments.values[1] / static_cast<float>(s.rows));
}

template <class T>
__global__ void __launch_bounds__(channel_threads)
    total_moments(BatchNormShape s, std::int64_t parts, const T* x, const float* partial,
                  float* moments) {
  SIMT_SHARED(float[Moments<1>::size * lane_scratch], scratch);
  const std::int64_t c = totals_channel();
  const Moments<1> total = merge_parts(s, parts, partial, c, scratch);
  if (c >= s.channels || threadIdx.y != 0) return;
  moments[c] = to_float(x[c]) + total.values[0];
  moments[s.channels + c] = total.values[1];
  if (c == 0) moments[2 * s.channels] = static_cast<float>(s.rows);
}

// A thread takes a channel: there are as many parts as ranks.
__global__ void __launch_bounds__(channel_threads)
    merge_moments(std::int64_t channels, std::int64_t parts, const float* moments,
                  NormStatistics statistics) {
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (c >= channels) return;
  Moments<1> total;
  for (std::int64_t part = 0; part < parts; ++part) {
    Moments<1>::merge(total.values, {moments[c], moments[channels + c], moments[2 * channels]});
    moments += batch_norm_moments_size(channels);
  }
  statistics.put(c, total.values[0], total.values[1] / total.values[2]);
}

__global__ void __launch_bounds__(channel_threads)
    put_sums(std::int64_t channels, const float* sums, Gradient<float> dweight,
             Gradient<float> dbias) {
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (c >= channels) return;
  if (dweight.data != nullptr) put(dweight, c, sums[c]);
  if (dbias.data != nullptr) put(dbias, c, sums[channels + c]);
}

__global__ void __launch_bounds__(channel_threads)
    rstd_of(std::int64_t channels, float epsilon, const float* variance, float* rstd) {
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (c < channels) rstd[c] = 1 / sqrtf(variance[c] + epsilon);
}

template <class T, int Width>
__global__ void __launch_bounds__(channel_threads)
    normalise(BatchNormShape s, const T* __restrict__ x, const float* mean, const float* rstd,
              const float* weight, const float* bias, T* __restrict__ y) {
  const std::int64_t first = first_channel(Width);
  if (first >= s.channels) return;
  const Affine<Width> map(first, mean, rstd, weight, bias);
  const Range rows = share_of(s.rows, blockIdx.x, gridDim.x);
#pragma unroll 1  // ptxas spills the row arithmetic of an unrolled loop on some architectures
  for (std::int64_t row = rows.begin + threadIdx.y; row < rows.end; row += blockDim.y) {
    const std::int64_t i = row * s.channels + first;
    float values[Width];
    load(values, x + i);
#pragma unroll
    for (int k = 0; k < Width; ++k) values[k] = map(values[k], k);
    store(y + i, values);
  }
}

// First stage of the gradients' sums: partial (parts, 2, C), Σ dy·(x − mean) and Σ dy.
template <class T, int Width>
__global__ void __launch_bounds__(channel_threads)
    part_sums(BatchNormShape s, const T* __restrict__ x, const float* mean,
              const T* __restrict__ dy, float* __restrict__ partial) {
  SIMT_SHARED(float[2 * Width * lane_scratch], scratch);
  const std::int64_t first = first_channel(Width);
  const bool inside = first < s.channels;
  const Range rows = share_of(s.rows, blockIdx.x, gridDim.x);
  float sums[2 * Width] = {};
  if (inside) {
    float m[Width];
    load(m, mean + first);
#pragma unroll 1
    for (std::int64_t row = rows.begin + threadIdx.y; row < rows.end; row += blockDim.y) {
      const std::int64_t i = row * s.channels + first;
      float values[Width], g[Width];
      load(values, x + i);
      load(g, dy + i);
#pragma unroll
      for (int k = 0; k < Width; ++k) {
        sums[k] += g[k] * (values[k] - m[k]);
        sums[Width + k] += g[k];
      }
    }
  }
  sum_lanes(sums, channel_place(), scratch);
  if (inside && threadIdx.y == 0) {
    store_partial<Width>(partial, blockIdx.x, s.channels, first, sums);
  }
}

// x and dx may be the same memory: each element is read by the thread that then writes it.
template <class T, int Width>
__global__ void __launch_bounds__(channel_threads)
    input_gradient(BatchNormShape s, const T* x, const float* mean, const float* rstd,
                   const float* weight, const float* coefficients, const T* dy, Gradient<T> dx) {
  const std::int64_t first = first_channel(Width);
  if (first >= s.channels) return;
  const Correction<Width> correction(s.channels, first, mean, rstd, weight, coefficients);
  const Range rows = share_of(s.rows, blockIdx.x, gridDim.x);
  for (std::int64_t row = rows.begin + threadIdx.y; row < rows.end; row += blockDim.y) {
    const std::int64_t i = row * s.channels + first;
    float values[Width], g[Width];
    load(values, x + i);
    load(g, dy + i);
#pragma unroll
    for (int k = 0; k < Width; ++k) g[k] = correction(g[k], values[k], k);
    put(dx, i, g);
  }
}

constexpr std::int64_t most_parts = 1024;  // of sums
constexpr std::int64_t most_element_blocks = 1 << 14;

// A channel to a thread.
Grid thread_grid(std::int64_t channels) {
  return {.blocks = dim3(static_cast<unsigned>(blocks_of(channels, channel_threads))),
          .threads = dim3(channel_threads)};
}

template <class T>
Partial moments_of_parts(const Cuda& cuda, Workspace::Scope& scratch, BatchNormShape s,
                         const T* x) {
  return with_width<T>(vectorised<T>(s.channels, x), [&](auto width) {
    const Grid grid = channel_grid(width, s.channels, s.rows, rows_at_once<width>, most_parts);
    const Partial partial(scratch, grid.blocks.x, s.channels);
    launch(cuda, "batch_norm_statistics", part_moments<T, width>, grid, s, x, partial.data);
    return partial;
  });
}

template <class T>
Partial sums_of_parts(const Cuda& cuda, Workspace::Scope& scratch, BatchNormShape s, const T* x,
                      const float* mean, const T* dy) {
  return with_width<T>(vectorised<T>(s.channels, x, dy, mean), [&](auto width) {
    const Grid grid = channel_grid(width, s.channels, s.rows, 8, most_parts);
    const Partial partial(scratch, grid.blocks.x, s.channels);
    launch(cuda, "batch_norm_backward_sums", part_sums<T, width>, grid, s, x, mean, dy,
           partial.data);
    return partial;
  });
}

template <class T>
void correct(const Cuda& cuda, BatchNormShape s, const T* x, const float* mean, const float* rstd,
             const float* weight, const float* coefficients, const T* dy, Gradient<T> dx) {
  with_width<T>(vectorised<T>(s.channels, x, dy, dx.data, mean, rstd, weight), [&](auto width) {
    launch(cuda, "batch_norm_backward", input_gradient<T, width>,
           channel_grid(width, s.channels, s.rows, 4, most_element_blocks), s, x, mean, rstd,
           weight, coefficients, dy, dx);
  });
}

}  // namespace

template <class T>
void batch_norm_statistics(const Cuda& cuda, BatchNormShape s, float epsilon, float momentum,
                           const T* x, float* mean, float* rstd, float* running_mean,
                           float* running_variance) {
  if (s.channels == 0) return;
  Workspace::Scope scratch(cuda.workspace);
  const Partial partial = moments_of_parts(cuda, scratch, s, x);
  launch(cuda, "batch_norm_statistics_total", finish_moments<T>, totals_grid(s.channels), s,
         partial.parts, x, partial.data,
         NormStatistics{epsilon, momentum, cuda.step, mean, rstd, running_mean, running_variance});
}

template <class T>
void batch_norm_moments(const Cuda& cuda, BatchNormShape s, const T* x, float* moments) {
  if (s.channels == 0) return;
  Workspace::Scope scratch(cuda.workspace);
  const Partial partial = moments_of_parts(cuda, scratch, s, x);
  launch(cuda, "batch_norm_moments", total_moments<T>, totals_grid(s.channels), s, partial.parts, x,
         partial.data, moments);
}

void batch_norm_merge(const Cuda& cuda, std::int64_t channels, std::int64_t parts,
                      const float* moments, float epsilon, float momentum, float* mean, float* rstd,
                      float* running_mean, float* running_variance) {
  if (channels == 0) return;
  launch(cuda, "batch_norm_merge", merge_moments, thread_grid(channels), channels, parts, moments,
         NormStatistics{epsilon, momentum, cuda.step, mean, rstd, running_mean, running_variance});
}

void batch_norm_rstd(const Cuda& cuda, std::int64_t channels, float epsilon, const float* variance,
                     float* rstd) {
  if (channels == 0) return;
  launch(cuda, "batch_norm_rstd", rstd_of, thread_grid(channels), channels, epsilon, variance,
         rstd);
}

template <class T>
void batch_norm_forward(const Cuda& cuda, BatchNormShape s, const T* x, const float* mean,
                        const float* rstd, const float* weight, const float* bias, T* y) {
  if (s.rows == 0 || s.channels == 0) return;
  with_width<T>(vectorised<T>(s.channels, x, y, mean, rstd, weight, bias), [&](auto width) {
    launch(cuda, "batch_norm_forward", normalise<T, width>,
           channel_grid(width, s.channels, s.rows, 4, most_element_blocks), s, x, mean, rstd,
           weight, bias, y);
  });
}

template <class T>
void batch_norm_backward(const Cuda& cuda, BatchNormShape s, const T* x, const float* mean,
                         const float* rstd, const float* weight, const T* dy, Gradient<T> dx,
                         Gradient<float> dweight, Gradient<float> dbias) {
  if (s.rows == 0 || s.channels == 0) return;
  Workspace::Scope scratch(cuda.workspace);
  const Partial partial = sums_of_parts(cuda, scratch, s, x, mean, dy);
  float* coefficients = scratch.take<float>(static_cast<std::size_t>(2 * s.channels));
  launch(cuda, "batch_norm_backward_totals", finish_sums, totals_grid(s.channels), s.channels,
         s.rows, partial.parts, partial.data, rstd, dweight, dbias, coefficients);
  if (dx) correct(cuda, s, x, mean, rstd, weight, coefficients, dy, dx);
}

template <class T>
void batch_norm_backward_sums(const Cuda& cuda, BatchNormShape s, const T* x, const float* mean,
                              const float* rstd, const T* dy, float* sums) {
  if (s.channels == 0) return;
  Workspace::Scope scratch(cuda.workspace);
  const Partial partial = sums_of_parts(cuda, scratch, s, x, mean, dy);
  launch(cuda, "batch_norm_backward_totals", total_sums, totals_grid(s.channels), s.channels,
         partial.parts, partial.data, rstd, sums);
}

void batch_norm_put_sums(const Cuda& cuda, std::int64_t channels, const float* sums,
                         Gradient<float> dweight, Gradient<float> dbias) {
  if (channels == 0 || (!dweight && !dbias)) return;
  launch(cuda, "batch_norm_put_sums", put_sums, thread_grid(channels), channels, sums, dweight,
         dbias);
}

template <class T>
void batch_norm_backward_dx(const Cuda& cuda, BatchNormShape s, std::int64_t all, const T* x,
                            const float* mean, const float* rstd, const float* weight, const T* dy,
                            const float* sums, Gradient<T> dx) {
  if (!dx || s.channels == 0) return;
  Workspace::Scope scratch(cuda.workspace);
  const float* coefficients = coefficients_of(cuda, scratch, s.channels, all, rstd, sums);
  correct(cuda, s, x, mean, rstd, weight, coefficients, dy, dx);
}

#define EKGINE_INSTANTIATE(T)                                                                      \
  template void batch_norm_statistics(const Cuda&, BatchNormShape, float, float, const T*, float*, \
                                      float*, float*, float*);                                     \
  template void batch_norm_moments(const Cuda&, BatchNormShape, const T*, float*);                 \
  template void batch_norm_forward(const Cuda&, BatchNormShape, const T*, const float*,            \
                                   const float*, const float*, const float*, T*);                  \
  template void batch_norm_backward(const Cuda&, BatchNormShape, const T*, const float*,           \
                                    const float*, const float*, const T*, Gradient<T>,             \
                                    Gradient<float>, Gradient<float>);                             \
  template void batch_norm_backward_sums(const Cuda&, BatchNormShape, const T*, const float*,      \
                                         const float*, const T*, float*);                          \
  template void batch_norm_backward_dx(const Cuda&, BatchNormShape, std::int64_t, const T*,        \
                                       const float*, const float*, const float*, const T*,         \
                                       const float*, Gradient<T>);
EKGINE_INSTANTIATE(float)
EKGINE_INSTANTIATE(bfloat16)
#undef EKGINE_INSTANTIATE

}  // namespace ekgine::kernels
