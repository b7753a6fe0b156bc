// Batch normalisation, rectifier and pooling in one pass on CUDA. As on the CPU the normalised
// image never exists: forward and both passes of backward compute v from x where they need it.
//
//   max_pool2d:       a thread takes a 2×2 cell, Width channels deep (kernels/device/images.cuh)
//   global_avg_pool:  lanes walk down the positions of an image
//
// Backward needs Σ g and Σ g·(x − mean) per channel before it can write dx: sums per block, then
// over the blocks (finish_sums of kernels/device/batch_norm.cuh), then the pass that writes dx.
#include "kernels/batch_norm_relu_pool.h"

#include "kernels/device/batch_norm.cuh"
#include "kernels/device/images.cuh"

namespace ekgine::kernels {

namespace {

using namespace device;

constexpr std::int64_t most_blocks = 1 << 14;
constexpr std::int64_t most_parts = 1024;  // of sums

// Both let a NaN pass as the CPU's do.
__device__ __forceinline__ float relu(float v) {
  return 0 > v ? 0.0F : v;
}
__device__ __forceinline__ float larger(float a, float b) {
  return a < b ? b : a;
}

template <class T, int Width>
__global__ void __launch_bounds__(channel_threads)
    max_forward(BatchNormReluPoolShape s, const T* __restrict__ x, const float* mean,
                const float* rstd, const float* weight, const float* bias, T* __restrict__ y) {
  const std::int64_t channel = first_channel(Width);
  if (channel >= s.c) return;
  const Affine<Width> v(channel, mean, rstd, weight, bias);
  const std::int64_t rows = s.h / 2, columns = s.w / 2;
  for_cells(s.n, rows, columns, [&](std::int64_t n, std::int64_t i, std::int64_t j) {
    const Cell cell(n, i, j, s.h, s.w, s.c, channel);
    float window[4][Width];
#pragma unroll
    for (int pixel = 0; pixel < 4; ++pixel) load(window[pixel], x + cell[pixel]);
    float out[Width];
#pragma unroll
    for (int k = 0; k < Width; ++k) {
      const float upper = larger(v(window[0][k], k), v(window[1][k], k));
      const float lower = larger(v(window[2][k], k), v(window[3][k], k));
      out[k] = relu(larger(upper, lower));
    }
    store(y + ((n * rows + i) * columns + j) * s.c + channel, out);
  });
}

// The gradient of a window's maximum goes to the first pixel that reaches it, if it is positive.
template <int Width>
struct Winner {
  int pixel;
  float value;  // v there

  __device__ __forceinline__ Winner(const Affine<Width>& v, const float (&window)[4][Width], int k)
      : pixel(0), value(v(window[0][k], k)) {
#pragma unroll
    for (int other = 1; other < 4; ++other) {
      const float candidate = v(window[other][k], k);
      if (!(candidate > value)) continue;
      value = candidate;
      pixel = other;
    }
  }
};

// First stage of the sums: partial (parts, 2, C), Σ g·(x − mean) and Σ g.
template <class T, int Width>
__global__ void __launch_bounds__(channel_threads)
    max_sums(BatchNormReluPoolShape s, const T* __restrict__ x, const float* mean,
             const float* rstd, const float* weight, const float* bias, const T* __restrict__ dy,
             float* __restrict__ partial) {
  SIMT_SHARED(float[2 * Width * lane_scratch], scratch);
  const std::int64_t channel = first_channel(Width);
  const bool inside = channel < s.c;
  const std::int64_t rows = s.h / 2, columns = s.w / 2;
  float sums[2 * Width] = {};
  if (inside) {
    const Affine<Width> v(channel, mean, rstd, weight, bias);
    for_cells(s.n, rows, columns, [&](std::int64_t n, std::int64_t i, std::int64_t j) {
      const Cell cell(n, i, j, s.h, s.w, s.c, channel);
      float window[4][Width], g[Width];
#pragma unroll
      for (int pixel = 0; pixel < 4; ++pixel) load(window[pixel], x + cell[pixel]);
      load(g, dy + ((n * rows + i) * columns + j) * s.c + channel);
#pragma unroll
      for (int k = 0; k < Width; ++k) {
        const Winner<Width> winner(v, window, k);
        float x_there = window[0][k];
#pragma unroll
        for (int pixel = 1; pixel < 4; ++pixel) {
          if (winner.pixel == pixel) x_there = window[pixel][k];
        }
        const float g_there = winner.value > 0 ? g[k] : 0.0F;
        sums[k] += g_there * (x_there - v.mean[k]);
        sums[Width + k] += g_there;
      }
    });
  }
  const Place place = channel_place();
  sum_lanes(sums, place, scratch);
  if (inside && place.lane == 0) store_partial<Width>(partial, blockIdx.x, s.c, channel, sums);
}

// x and dx may be the same memory: a cell is read by the thread that then writes it.
template <class T, int Width>
__global__ void __launch_bounds__(channel_threads)
    max_gradient(BatchNormReluPoolShape s, const T* x, const float* mean, const float* rstd,
                 const float* weight, const float* bias, const float* coefficients, const T* dy,
                 Gradient<T> dx) {
  const std::int64_t channel = first_channel(Width);
  if (channel >= s.c) return;
  const Affine<Width> v(channel, mean, rstd, weight, bias);
  const Correction<Width> correction(s.c, channel, mean, rstd, weight, coefficients);
  const std::int64_t rows = s.h / 2, columns = s.w / 2;
  for_cells(s.n, (s.h + 1) / 2, (s.w + 1) / 2, [&](std::int64_t n, std::int64_t i, std::int64_t j) {
    const Cell cell(n, i, j, s.h, s.w, s.c, channel);
    float window[4][Width] = {}, g[Width] = {};
#pragma unroll
    for (int pixel = 0; pixel < 4; ++pixel) {
      if (cell.has(pixel)) load(window[pixel], x + cell[pixel]);
    }
    // A cell that sticks out of the image is no window: its pixels have g = 0.
    if (cell.full()) load(g, dy + ((n * rows + i) * columns + j) * s.c + channel);
#pragma unroll
    for (int k = 0; k < Width; ++k) {
      const Winner<Width> winner(v, window, k);
      const float g_there = winner.value > 0 ? g[k] : 0.0F;
#pragma unroll
      for (int pixel = 0; pixel < 4; ++pixel) {
        window[pixel][k] = correction(winner.pixel == pixel ? g_there : 0.0F, window[pixel][k], k);
      }
    }
#pragma unroll
    for (int pixel = 0; pixel < 4; ++pixel) {
      if (cell.has(pixel)) put(dx, cell[pixel], window[pixel]);
    }
  });
}

// Four blocks to a multiprocessor are 64 registers: without the number ptxas 13.0 aims at five, and
// spills.
template <class T, int Width>
__global__ void __launch_bounds__(channel_threads, 4)
    average_forward(std::int64_t positions, std::int64_t channels, const T* __restrict__ x,
                    const float* mean, const float* rstd, const float* weight, const float* bias,
                    T* __restrict__ y) {
  SIMT_SHARED(float[Width * lane_scratch], scratch);
  const std::int64_t first = first_channel(Width), n = blockIdx.x;
  const bool inside = first < channels;
  float sums[Width] = {};
  if (inside) {
    const Affine<Width> v(first, mean, rstd, weight, bias);
    const T* const image = x + n * positions * channels + first;
#pragma unroll 4
    for (std::int64_t p = threadIdx.y; p < positions; p += blockDim.y) {
      float values[Width];
      load(values, image + p * channels);
#pragma unroll
      for (int k = 0; k < Width; ++k) sums[k] += relu(v(values[k], k));
    }
  }
  sum_lanes(sums, channel_place(), scratch);
  if (!inside || threadIdx.y != 0) return;
#pragma unroll
  for (int k = 0; k < Width; ++k) sums[k] /= static_cast<float>(positions);
  store(y + n * channels + first, sums);
}

// The blocks share images · slices slices of positions; partial as in max_sums.
template <class T, int Width>
__global__ void __launch_bounds__(channel_threads)
    average_sums(std::int64_t images, std::int64_t slices, std::int64_t positions,
                 std::int64_t channels, const T* __restrict__ x, const float* mean,
                 const float* rstd, const float* weight, const float* bias,
                 const T* __restrict__ dy, float* __restrict__ partial) {
  SIMT_SHARED(float[2 * Width * lane_scratch], scratch);
  const std::int64_t first = first_channel(Width);
  const bool inside = first < channels;
  float sums[2 * Width] = {};
  if (inside) {
    const Affine<Width> v(first, mean, rstd, weight, bias);
    const Range mine = share_of(images * slices, blockIdx.x, gridDim.x);
    for (std::int64_t slice = mine.begin; slice < mine.end; ++slice) {
      const std::int64_t n = slice / slices;
      float g[Width];
      load(g, dy + n * channels + first);
#pragma unroll
      for (int k = 0; k < Width; ++k) g[k] /= static_cast<float>(positions);
      const Range range = share_of(positions, slice % slices, slices);
#pragma unroll 4
      for (std::int64_t p = range.begin + threadIdx.y; p < range.end; p += blockDim.y) {
        float values[Width];
        load(values, x + (n * positions + p) * channels + first);
#pragma unroll
        for (int k = 0; k < Width; ++k) {
          const float g_here = v(values[k], k) > 0 ? g[k] : 0.0F;
          sums[k] += g_here * (values[k] - v.mean[k]);
          sums[Width + k] += g_here;
        }
      }
    }
  }
  sum_lanes(sums, channel_place(), scratch);
  if (inside && threadIdx.y == 0) {
    store_partial<Width>(partial, blockIdx.x, channels, first, sums);
  }
}

template <class T, int Width>
__global__ void __launch_bounds__(channel_threads)
    average_gradient(std::int64_t slices, std::int64_t positions, std::int64_t channels, const T* x,
                     const float* mean, const float* rstd, const float* weight, const float* bias,
                     const float* coefficients, const T* dy, Gradient<T> dx) {
  const std::int64_t first = first_channel(Width), n = blockIdx.x / slices;
  if (first >= channels) return;
  const Affine<Width> v(first, mean, rstd, weight, bias);
  const Correction<Width> correction(channels, first, mean, rstd, weight, coefficients);
  float g[Width];
  load(g, dy + n * channels + first);
#pragma unroll
  for (int k = 0; k < Width; ++k) g[k] /= static_cast<float>(positions);
  const Range range = share_of(positions, blockIdx.x % slices, slices);
  for (std::int64_t p = range.begin + threadIdx.y; p < range.end; p += blockDim.y) {
    const std::int64_t i = (n * positions + p) * channels + first;
    float values[Width];
    load(values, x + i);
#pragma unroll
    for (int k = 0; k < Width; ++k) {
      values[k] = correction(v(values[k], k) > 0 ? g[k] : 0.0F, values[k], k);
    }
    put(dx, i, values);
  }
}

// Every cell of the images, windows or not: an image without windows still has sums, of nothing.
Grid all_cells(int width, BatchNormReluPoolShape s, std::int64_t most) {
  return cell_grid(width, s.c, s.n * ((s.h + 1) / 2), (s.w + 1) / 2, most);
}

// What the two kinds of pooling differ in, as far as backward is concerned.
struct MaxPool {
  static constexpr const char* totals = "batch_norm_relu_max_pool2d_backward_totals";

  template <class T>
  static Partial sums_of_parts(const Cuda& cuda, Workspace::Scope& workspace,
                               BatchNormReluPoolShape s, const T* x, const float* mean,
                               const float* rstd, const float* weight, const float* bias,
                               const T* dy) {
    const auto of_width = [&](auto width) {
      const Grid grid = all_cells(width, s, most_parts);
      const Partial partial(workspace, grid.blocks.x, s.c);
      launch(cuda, "batch_norm_relu_max_pool2d_backward_sums", max_sums<T, width>, grid, s, x, mean,
             rstd, weight, bias, dy, partial.data);
      return partial;
    };
    return with_width<T>(vectorised<T>(s.c, x, mean, rstd, weight, bias, dy), of_width);
  }

  template <class T>
  static void correct(const Cuda& cuda, BatchNormReluPoolShape s, const T* x, const float* mean,
                      const float* rstd, const float* weight, const float* bias,
                      const float* coefficients, const T* dy, Gradient<T> dx) {
    with_width<T>(vectorised<T>(s.c, x, mean, rstd, weight, bias, dy, dx.data), [&](auto width) {
      launch(cuda, "batch_norm_relu_max_pool2d_backward", max_gradient<T, width>,
             all_cells(width, s, most_blocks), s, x, mean, rstd, weight, bias, coefficients, dy,
             dx);
    });
  }
};

struct AveragePool {
  static constexpr const char* totals = "batch_norm_relu_global_avg_pool_backward_totals";

  template <class T>
  static Partial sums_of_parts(const Cuda& cuda, Workspace::Scope& workspace,
                               BatchNormReluPoolShape s, const T* x, const float* mean,
                               const float* rstd, const float* weight, const float* bias,
                               const T* dy) {
    const std::int64_t positions = s.h * s.w;
    const auto of_width = [&](auto width) {
      const Slices slices = image_slices(width, s.c, s.n, positions);
      Grid grid = slices.grid;
      grid.blocks.x = std::min(grid.blocks.x, static_cast<unsigned>(most_parts));
      const Partial partial(workspace, grid.blocks.x, s.c);
      launch(cuda, "batch_norm_relu_global_avg_pool_backward_sums", average_sums<T, width>, grid,
             s.n, slices.per_image, positions, s.c, x, mean, rstd, weight, bias, dy, partial.data);
      return partial;
    };
    return with_width<T>(vectorised<T>(s.c, x, mean, rstd, weight, bias, dy), of_width);
  }

  template <class T>
  static void correct(const Cuda& cuda, BatchNormReluPoolShape s, const T* x, const float* mean,
                      const float* rstd, const float* weight, const float* bias,
                      const float* coefficients, const T* dy, Gradient<T> dx) {
    const std::int64_t positions = s.h * s.w;
    with_width<T>(vectorised<T>(s.c, x, mean, rstd, weight, bias, dy, dx.data), [&](auto width) {
      const Slices slices = image_slices(width, s.c, s.n, positions);
      launch(cuda, "batch_norm_relu_global_avg_pool_backward", average_gradient<T, width>,
             slices.grid, slices.per_image, positions, s.c, x, mean, rstd, weight, bias,
             coefficients, dy, dx);
    });
  }
};

template <class Pool, class T>
void pool_backward(const Cuda& cuda, BatchNormReluPoolShape s, const T* x, const float* mean,
                   const float* rstd, const float* weight, const float* bias, const T* dy,
                   Gradient<T> dx, Gradient<float> dweight, Gradient<float> dbias) {
  const std::int64_t pixels = s.n * s.h * s.w;
  if (pixels * s.c == 0) return;
  Workspace::Scope workspace(cuda.workspace);
  const Partial sums = Pool::sums_of_parts(cuda, workspace, s, x, mean, rstd, weight, bias, dy);
  float* coefficients = workspace.take<float>(static_cast<std::size_t>(2 * s.c));
  launch(cuda, Pool::totals, finish_sums, totals_grid(s.c), s.c, pixels, sums.parts, sums.data,
         rstd, dweight, dbias, coefficients);
  if (dx) Pool::correct(cuda, s, x, mean, rstd, weight, bias, coefficients, dy, dx);
}

template <class Pool, class T>
void pool_backward_sums(const Cuda& cuda, BatchNormReluPoolShape s, const T* x, const float* mean,
                        const float* rstd, const float* weight, const float* bias, const T* dy,
                        float* sums) {
  if (s.n * s.h * s.w * s.c == 0) return;
  Workspace::Scope workspace(cuda.workspace);
  const Partial of = Pool::sums_of_parts(cuda, workspace, s, x, mean, rstd, weight, bias, dy);
  launch(cuda, Pool::totals, total_sums, totals_grid(s.c), s.c, of.parts, of.data, rstd, sums);
}

template <class Pool, class T>
void pool_backward_dx(const Cuda& cuda, BatchNormReluPoolShape s, std::int64_t images, const T* x,
                      const float* mean, const float* rstd, const float* weight, const float* bias,
                      const T* dy, const float* sums, Gradient<T> dx) {
  if (!dx || s.n * s.h * s.w * s.c == 0) return;
  Workspace::Scope workspace(cuda.workspace);
  const float* coefficients = coefficients_of(cuda, workspace, s.c, images * s.h * s.w, rstd, sums);
  Pool::correct(cuda, s, x, mean, rstd, weight, bias, coefficients, dy, dx);
}

}  // namespace

template <class T>
void batch_norm_relu_max_pool2d_forward(const Cuda& cuda, BatchNormReluPoolShape s, const T* x,
                                        const float* mean, const float* rstd, const float* weight,
                                        const float* bias, T* y) {
  const std::int64_t bands = s.n * (s.h / 2), columns = s.w / 2;
  if (bands * columns * s.c == 0) return;
  with_width<T>(vectorised<T>(s.c, x, mean, rstd, weight, bias, y), [&](auto width) {
    launch(cuda, "batch_norm_relu_max_pool2d_forward", max_forward<T, width>,
           cell_grid(width, s.c, bands, columns, most_blocks), s, x, mean, rstd, weight, bias, y);
  });
}

template <class T>
void batch_norm_relu_max_pool2d_backward(const Cuda& cuda, BatchNormReluPoolShape s, const T* x,
                                         const float* mean, const float* rstd, const float* weight,
                                         const float* bias, const T* dy, Gradient<T> dx,
                                         Gradient<float> dweight, Gradient<float> dbias) {
  pool_backward<MaxPool>(cuda, s, x, mean, rstd, weight, bias, dy, dx, dweight, dbias);
}

template <class T>
void batch_norm_relu_max_pool2d_backward_sums(const Cuda& cuda, BatchNormReluPoolShape s,
                                              const T* x, const float* mean, const float* rstd,
                                              const float* weight, const float* bias, const T* dy,
                                              float* sums) {
  pool_backward_sums<MaxPool>(cuda, s, x, mean, rstd, weight, bias, dy, sums);
}

template <class T>
void batch_norm_relu_max_pool2d_backward_dx(const Cuda& cuda, BatchNormReluPoolShape s,
                                            std::int64_t images, const T* x, const float* mean,
                                            const float* rstd, const float* weight,
                                            const float* bias, const T* dy, const float* sums,
                                            Gradient<T> dx) {
  pool_backward_dx<MaxPool>(cuda, s, images, x, mean, rstd, weight, bias, dy, sums, dx);
}

template <class T>
void batch_norm_relu_global_avg_pool_forward(const Cuda& cuda, BatchNormReluPoolShape s, const T* x,
                                             const float* mean, const float* rstd,
                                             const float* weight, const float* bias, T* y) {
  const std::int64_t positions = s.h * s.w;
  if (s.n * s.c == 0) return;
  with_width<T>(vectorised<T>(s.c, x, mean, rstd, weight, bias, y), [&](auto width) {
    Grid grid = channel_grid(width, s.c, positions, 1, 1);
    grid.blocks.x = static_cast<unsigned>(s.n);
    launch(cuda, "batch_norm_relu_global_avg_pool_forward", average_forward<T, width>, grid,
           positions, s.c, x, mean, rstd, weight, bias, y);
  });
}

template <class T>
void batch_norm_relu_global_avg_pool_backward(const Cuda& cuda, BatchNormReluPoolShape s,
                                              const T* x, const float* mean, const float* rstd,
                                              const float* weight, const float* bias, const T* dy,
                                              Gradient<T> dx, Gradient<float> dweight,
                                              Gradient<float> dbias) {
  pool_backward<AveragePool>(cuda, s, x, mean, rstd, weight, bias, dy, dx, dweight, dbias);
}

template <class T>
void batch_norm_relu_global_avg_pool_backward_sums(const Cuda& cuda, BatchNormReluPoolShape s,
                                                   const T* x, const float* mean, const float* rstd,
                                                   const float* weight, const float* bias,
                                                   const T* dy, float* sums) {
  pool_backward_sums<AveragePool>(cuda, s, x, mean, rstd, weight, bias, dy, sums);
}

template <class T>
void batch_norm_relu_global_avg_pool_backward_dx(const Cuda& cuda, BatchNormReluPoolShape s,
                                                 std::int64_t images, const T* x, const float* mean,
                                                 const float* rstd, const float* weight,
                                                 const float* bias, const T* dy, const float* sums,
                                                 Gradient<T> dx) {
  pool_backward_dx<AveragePool>(cuda, s, images, x, mean, rstd, weight, bias, dy, sums, dx);
}

#define EKGINE_INSTANTIATE(T)                                                                     \
  template void batch_norm_relu_max_pool2d_forward(const Cuda&, BatchNormReluPoolShape, const T*, \
                                                   const float*, const float*, const float*,      \
                                                   const float*, T*);                             \
  template void batch_norm_relu_max_pool2d_backward(                                              \
      const Cuda&, BatchNormReluPoolShape, const T*, const float*, const float*, const float*,    \
      const float*, const T*, Gradient<T>, Gradient<float>, Gradient<float>);                     \
  template void batch_norm_relu_global_avg_pool_forward(const Cuda&, BatchNormReluPoolShape,      \
                                                        const T*, const float*, const float*,     \
                                                        const float*, const float*, T*);          \
  template void batch_norm_relu_global_avg_pool_backward(                                         \
      const Cuda&, BatchNormReluPoolShape, const T*, const float*, const float*, const float*,    \
      const float*, const T*, Gradient<T>, Gradient<float>, Gradient<float>);                     \
  template void batch_norm_relu_max_pool2d_backward_sums(                                         \
      const Cuda&, BatchNormReluPoolShape, const T*, const float*, const float*, const float*,    \
      const float*, const T*, float*);                                                            \
  template void batch_norm_relu_max_pool2d_backward_dx(                                           \
      const Cuda&, BatchNormReluPoolShape, std::int64_t, const T*, const float*, const float*,    \
      const float*, const float*, const T*, const float*, Gradient<T>);                           \
  template void batch_norm_relu_global_avg_pool_backward_sums(                                    \
      const Cuda&, BatchNormReluPoolShape, const T*, const float*, const float*, const float*,    \
      const float*, const T*, float*);                                                            \
  template void batch_norm_relu_global_avg_pool_backward_dx(                                      \
      const Cuda&, BatchNormReluPoolShape, std::int64_t, const T*, const float*, const float*,    \
      const float*, const float*, const T*, const float*, Gradient<T>);
EKGINE_INSTANTIATE(float)
EKGINE_INSTANTIATE(bfloat16)
#undef EKGINE_INSTANTIATE

}  // namespace ekgine::kernels
