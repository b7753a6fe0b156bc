// The stem on CUDA. The convolution is computed wherever it is needed, from a tile of the image in
// shared memory: a thread keeps to one channel, whose nine products stay in registers, and all
// lanes of a warp read the same pixels. What is left to move is the image and a quarter of the
// convolution's size, so arithmetic bounds it: 36 multiply-adds of a window forward, 72 backward.
//
//   statistics:  Σ p and Σ p·pᵀ per part of the images, then of all; a block finishes
//   forward:     a tile of windows at a time
//   backward:    the same windows again; Σ g·p and Σ g per part of the tiles, then of all
//
// How the work is divided depends on the shape alone, so that the bits do.
#include "kernels/stem.h"

#include "kernels/device/channels.cuh"
#include "kernels/device/gradient.cuh"
#include "kernels/device/norm_statistics.cuh"
#include "kernels/device/reduce.cuh"
#include "kernels/runtime/launch.cuh"

namespace ekgine::kernels {

namespace {

using namespace device;

constexpr int edge = 3, taps = edge * edge;  // of the kernel
constexpr int reach = edge + 1;              // of a window's four patches together

// The kernel as images are stored.
template <class T>
__device__ __forceinline__ float rounded(float weight) {
  return to_float(from_float<T>(weight));
}

// ----------------------------------------------------------------------------------- statistics

// Elements (i,j) and (i+d,k) of a patch meet the rows r and r + d of the image, for every r but for
// those where a patch with row r in its place i has no centre in the image: the last row for i = 0,
// the first for i = 2. So a sum is a product of rows 0, 1 or 2 apart, less that of the excepted
// row. That makes five groups of sums, each of blocks of its own: the three distances, the first
// rows of the images, and the last. A group is Σ a[v+j]·b[v+k] for all j and k, then Σ a[v+j].
constexpr int groups = 5, first_rows = 3, last_rows = 4;
constexpr int of_group = taps + edge;
constexpr int patch_threads = 256, patch_warps = patch_threads / 32;
constexpr std::int64_t most_patch_parts = 256, rows_of_part = 2 * patch_warps;

// partial (groups, parts, of_group); blockIdx.x is the part, blockIdx.y the group.
template <class T>
__global__ void __launch_bounds__(patch_threads)
    patch_sums(StemShape s, const T* __restrict__ x, double* __restrict__ partial) {
  SIMT_SHARED(double[patch_warps][of_group], of_warp);
  const int group = static_cast<int>(blockIdx.y);
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const std::int64_t distance = group < edge ? group : 0;
  const std::int64_t first = group == last_rows ? s.h - 1 : 0;
  const std::int64_t rows = group >= first_rows ? 1 : s.h > distance ? s.h - distance : 0;
  double sums[of_group] = {};
  const Range mine = share_of(s.n * rows, blockIdx.x, gridDim.x);
  for (std::int64_t row = mine.begin + warp; row < mine.end; row += patch_warps) {
    const T* a = x + (row / rows * s.h + first + row % rows) * s.w;
    const T* b = a + distance * s.w;
    for (std::int64_t v = lane; v < s.w; v += 32) {
      double left[edge], right[edge];
#pragma unroll
      for (int j = 0; j < edge; ++j) {
        const std::int64_t at = v + j - 1;
        const bool inside = at >= 0 && at < s.w;
        left[j] = inside ? static_cast<double>(to_float(a[at])) : 0.0;
        right[j] = inside ? static_cast<double>(to_float(b[at])) : 0.0;
      }
#pragma unroll
      for (int j = 0; j < edge; ++j) {
#pragma unroll
        for (int k = 0; k < edge; ++k) sums[j * edge + k] += left[j] * right[k];
        sums[taps + j] += left[j];
      }
    }
  }
#pragma unroll
  for (double& sum : sums) {
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(full_warp, sum, offset);
  }
  if (lane == 0) {
#pragma unroll
    for (int i = 0; i < of_group; ++i) of_warp[warp][i] = sums[i];
  }
  __syncthreads();
  if (threadIdx.x >= of_group) return;
  double total = 0;
#pragma unroll
  for (int other = 0; other < patch_warps; ++other) total += of_warp[other][threadIdx.x];
  partial[(static_cast<std::int64_t>(group) * gridDim.x + blockIdx.x) * of_group + threadIdx.x] =
      total;
}

// One block finishes the statistics: threadIdx.x picks a sum, threadIdx.y shares the parts.
constexpr int finish_lanes = 16, finish_columns = 64;
constexpr int finish_threads = finish_lanes * finish_columns;
__device__ __forceinline__ int finish_thread() {
  return static_cast<int>(threadIdx.y) * finish_columns + static_cast<int>(threadIdx.x);
}

// Where the sums (10,9) come from, to be called by the whole block, and to be followed by a
// barrier: those of all parts, added up, or the sums themselves.
struct SumsOfParts {
  std::int64_t parts;
  const double* partial;

  __device__ __forceinline__ void operator()(double* sums) const {
    SIMT_SHARED(double[finish_lanes][groups * of_group], of_lane);
    SIMT_SHARED(double[groups][of_group], total);
    const int column = static_cast<int>(threadIdx.x), lane = static_cast<int>(threadIdx.y);
    const int group = column / of_group, i = column % of_group;
    const bool inside = column < groups * of_group;
    if (inside) {
      double sum = 0;
#pragma unroll 8
      for (std::int64_t part = lane; part < parts; part += finish_lanes) {
        sum += partial[(group * parts + part) * of_group + i];
      }
      of_lane[lane][column] = sum;
    }
    __syncthreads();
    if (inside && lane == 0) {
      double sum = 0;
#pragma unroll
      for (int other = 0; other < finish_lanes; ++other) sum += of_lane[other][column];
      total[group][i] = sum;
    }
    __syncthreads();
    const int thread = finish_thread();
    if (thread < taps) {
      const int row = thread / edge, j = taps + thread % edge;
      double sum = total[0][j];
      if (row == 0) sum -= total[last_rows][j];
      if (row == edge - 1) sum -= total[first_rows][j];
      sums[thread] = sum;
    }
    if (thread < taps * taps) {
      const int t = min(thread / taps, thread % taps), u = max(thread / taps, thread % taps);
      const int row = t / edge, apart = u / edge - row, jk = t % edge * edge + u % edge;
      double sum = total[apart][jk];
      if (apart == 0 && row == 0) sum -= total[last_rows][jk];
      if (apart == 0 && row == edge - 1) sum -= total[first_rows][jk];
      sums[taps + thread] = sum;
    }
  }
};
struct SumsThemselves {
  const double* given;

  __device__ __forceinline__ void operator()(double* sums) const {
    if (const int thread = finish_thread(); thread < stem_sums) sums[thread] = given[thread];
  }
};

__global__ void __launch_bounds__(finish_threads) add_up_parts(SumsOfParts parts, double* sums) {
  parts(sums);
}

template <class T, class Sums>
__global__ void __launch_bounds__(finish_threads, 1)
    finish_statistics(std::int64_t channels, std::int64_t positions, Sums read_sums,
                      const float* kernel, float* patch_mean, float* patch_covariance,
                      NormStatistics statistics) {
  SIMT_SHARED(double[stem_sums], sums);
  SIMT_SHARED(double[taps * taps], covariance);
  read_sums(sums);
  __syncthreads();
  const int thread = finish_thread();
  const double count = static_cast<double>(positions);
  if (thread < taps) patch_mean[thread] = static_cast<float>(sums[thread] / count);
  if (thread < taps * taps) {
    const double means = sums[thread / taps] / count * (sums[thread % taps] / count);
    covariance[thread] = sums[taps + thread] / count - means;
    patch_covariance[thread] = static_cast<float>(covariance[thread]);
  }
  __syncthreads();
  for (std::int64_t c = thread; c < channels; c += finish_threads) {
    double k[taps], center = 0, variance = 0;
#pragma unroll
    for (int t = 0; t < taps; ++t) {
      k[t] = static_cast<double>(rounded<T>(kernel[t * channels + c]));
      center += k[t] * (sums[t] / count);
    }
#pragma unroll 1  // the covariance has no room in registers
    for (int t = 0; t < taps; ++t) {
      double row = 0;
#pragma unroll
      for (int u = 0; u < taps; ++u) row += covariance[t * taps + u] * k[u];
      variance += static_cast<double>(rounded<T>(kernel[t * channels + c])) * row;
    }
    if (variance < 0) variance = 0;  // by rounding, where the convolution is constant
    statistics.put(c, static_cast<float>(center), static_cast<float>(variance));
  }
}

// -------------------------------------------------------------------------------------- windows

// A tile of windows, and the pixels below it in shared memory. Two pixels are read at a time.
constexpr int tile_rows = 4, tile_columns = 32;
constexpr int pixel_rows = 2 * tile_rows + 2, pixel_columns = 2 * tile_columns + 2;
constexpr int pixels = pixel_rows * pixel_columns;

struct Tiling {
  std::int64_t rows, columns;  // of windows in an image
  std::int64_t down, across;   // tiles

  __host__ __device__ explicit Tiling(StemShape s)
      : rows(s.h / 2),
        columns(s.w / 2),
        down(blocks_of(rows, tile_rows)),
        across(blocks_of(columns, tile_columns)) {}
  __host__ __device__ std::int64_t of_image() const { return down * across; }
};

// Calls body(pixels of the window's four patches, its index in (N,⌊H/2⌋,⌊W/2⌋)) for every window of
// the calling thread's channel in blockIdx.x's share of the tiles. The whole block calls; threads
// whose channel there is not say so.
template <class T, class Body>
__device__ __forceinline__ void for_windows(StemShape s, const T* __restrict__ x, bool inside,
                                            const Body& body) {
  SIMT_SHARED(float2[pixels / 2], pairs);
  float* const tile = reinterpret_cast<float*>(pairs);
  const Tiling tiling(s);
  const int threads = static_cast<int>(blockDim.x * blockDim.y);
  const int thread = static_cast<int>(threadIdx.y * blockDim.x + threadIdx.x);
  const Range mine = share_of(s.n * tiling.of_image(), blockIdx.x, gridDim.x);
  for (std::int64_t at = mine.begin; at < mine.end; ++at) {
    const std::int64_t n = at / tiling.of_image(), place = at % tiling.of_image();
    const std::int64_t first_row = place / tiling.across * tile_rows;
    const std::int64_t first_column = place % tiling.across * tile_columns;
    __syncthreads();  // reads of the tile before
#pragma unroll 4
    for (int e = thread; e < pixels; e += threads) {
      const std::int64_t h = 2 * first_row - 1 + e / pixel_columns;
      const std::int64_t w = 2 * first_column - 1 + e % pixel_columns;
      const bool exists = h >= 0 && h < s.h && w >= 0 && w < s.w;
      tile[e] = exists ? to_float(x[(n * s.h + h) * s.w + w]) : 0.0F;
    }
    __syncthreads();
    if (!inside) continue;
    const std::int64_t first = (n * tiling.rows + first_row) * tiling.columns + first_column;
    const int columns = static_cast<int>(tiling.columns);
    const int rows_left = static_cast<int>(tiling.rows - first_row);
    const int columns_left = static_cast<int>(tiling.columns - first_column);
#pragma unroll 1
    for (int window = static_cast<int>(threadIdx.y); window < tile_rows * tile_columns;
         window += static_cast<int>(blockDim.y)) {
      const int i = window / tile_columns, j = window % tile_columns;
      if (i >= rows_left || j >= columns_left) continue;
      float pixel[reach][reach];
#pragma unroll
      for (int row = 0; row < reach; ++row) {
        const float2* from = pairs + ((2 * i + row) * pixel_columns + 2 * j) / 2;
        pixel[row][0] = from[0].x, pixel[row][1] = from[0].y;
        pixel[row][2] = from[1].x, pixel[row][3] = from[1].y;
      }
      body(pixel, first + i * columns + j);
    }
  }
}

// Calls body(i, j, q, t) for every pixel (i,j) below a window's four patches, patch q and tap t
// that meet there.
template <class Body>
__device__ __forceinline__ void for_products(const Body& body) {
#pragma unroll
  for (int q = 0; q < 4; ++q) {
#pragma unroll
    for (int t = 0; t < taps; ++t) body(q / 2 + t / edge, q % 2 + t % edge, q, t);
  }
}

// The convolution and the batch normalisation of a channel as one affine map of patches.
template <class T>
struct ChannelMap {
  float kernel[taps], shift;

  __device__ __forceinline__ ChannelMap(std::int64_t channels, std::int64_t c, const float* kernels,
                                        const float* mean, const float* rstd, const float* weight,
                                        const float* bias) {
    const float factor = weight[c] * rstd[c];
    shift = bias[c] - mean[c] * factor;
#pragma unroll
    for (int t = 0; t < taps; ++t) kernel[t] = rounded<T>(kernels[t * channels + c]) * factor;
  }

  // v at the window's four positions. Written with fmaf: forward and backward must find the same.
  __device__ __forceinline__ void operator()(const float (&pixel)[reach][reach],
                                             float (&v)[4]) const {
#pragma unroll
    for (float& value : v) value = shift;
    for_products([&](int i, int j, int q, int t) { v[q] = fmaf(pixel[i][j], kernel[t], v[q]); });
  }
};

// The first where they cannot be compared or are equal.
__device__ __forceinline__ float larger(float first, float second) {
  return second > first ? second : first;
}

constexpr std::int64_t most_blocks = 1 << 14;

template <class T>
__global__ void __launch_bounds__(channel_threads)
    forward(StemShape s, const T* __restrict__ x, const float* kernel, const float* mean,
            const float* rstd, const float* weight, const float* bias, T* __restrict__ y) {
  const std::int64_t channel = first_channel(1);
  const bool inside = channel < s.c;
  const ChannelMap<T> map(s.c, inside ? channel : 0, kernel, mean, rstd, weight, bias);
  for_windows(s, x, inside, [&](const float(&pixel)[reach][reach], std::int64_t window) {
    float v[4];
    map(pixel, v);
    const float best = larger(larger(v[0], v[1]), larger(v[2], v[3]));
    y[window * s.c + channel] = from_float<T>(0 > best ? 0.0F : best);
  });
}

// ------------------------------------------------------------------------------------- backward

constexpr std::int64_t most_parts = 384;  // as many as an H100 has room for
constexpr int sums_of_channel = taps + 1;

// partial (parts, 10, C): Σ g·p of every tap and Σ g over blockIdx.x's share of the tiles.
template <class T>
__global__ void __launch_bounds__(channel_threads, 3)
    window_sums(StemShape s, const T* __restrict__ x, const float* kernel, const float* mean,
                const float* rstd, const float* weight, const float* bias, const T* __restrict__ dy,
                float* __restrict__ partial) {
  SIMT_SHARED(float[sums_of_channel * lane_scratch], scratch);
  const std::int64_t channel = first_channel(1);
  const bool inside = channel < s.c;
  const ChannelMap<T> map(s.c, inside ? channel : 0, kernel, mean, rstd, weight, bias);
  float sums[sums_of_channel] = {};
  for_windows(s, x, inside, [&](const float(&pixel)[reach][reach], std::int64_t window) {
    const float dy_there = to_float(dy[window * s.c + channel]);
    float v[4];
    map(pixel, v);
    // dy goes to the first of the largest v, if that is above 0.
    const float best01 = larger(v[0], v[1]), best012 = larger(best01, v[2]);
    const float to_all = larger(best012, v[3]) > 0 ? dy_there : 0.0F;
    const float to012 = v[3] > best012 ? 0.0F : to_all;
    const float to01 = v[2] > best01 ? 0.0F : to012;
    const float g[4] = {v[1] > v[0] ? 0.0F : to01, v[1] > v[0] ? to01 : 0.0F,
                        v[2] > best01 ? to012 : 0.0F, v[3] > best012 ? to_all : 0.0F};
    for_products([&](int i, int j, int q, int t) { sums[t] = fmaf(pixel[i][j], g[q], sums[t]); });
    sums[taps] += (g[0] + g[1]) + (g[2] + g[3]);
  });
  const Place place = channel_place();
  sum_lanes(sums, place, scratch);
  if (!inside || place.lane != 0) return;
#pragma unroll
  for (int i = 0; i < sums_of_channel; ++i) {
    partial[(static_cast<std::int64_t>(blockIdx.x) * sums_of_channel + i) * s.c + channel] =
        sums[i];
  }
}

// The gradients, from the sums of all parts: a block takes eight channels, a warp four parts of
// them at a time.
constexpr int gradient_channels = 8, gradient_lanes = 128;
constexpr int gradient_warps = gradient_channels * gradient_lanes / 32;

template <class T>
__global__ void __launch_bounds__(gradient_channels* gradient_lanes)
    finish_gradients(std::int64_t channels, std::int64_t parts, const float* partial,
                     const float* kernel, const float* patch_mean, const float* patch_covariance,
                     const float* mean, const float* rstd, const float* weight,
                     Gradient<float> dkernel, Gradient<float> dweight, Gradient<float> dbias) {
  SIMT_SHARED(double[gradient_warps][sums_of_channel][gradient_channels], of_warp);
  SIMT_SHARED(double[sums_of_channel][gradient_channels], totals);
  const int column = static_cast<int>(threadIdx.x), lane = static_cast<int>(threadIdx.y);
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.x) * gradient_channels + column;
  double sums[sums_of_channel] = {};
  if (c < channels) {
#pragma unroll 2
    for (std::int64_t part = lane; part < parts; part += gradient_lanes) {
#pragma unroll
      for (int i = 0; i < sums_of_channel; ++i) {
        sums[i] += static_cast<double>(partial[(part * sums_of_channel + i) * channels + c]);
      }
    }
  }
#pragma unroll
  for (int i = 0; i < sums_of_channel; ++i) {
#pragma unroll
    for (int offset = gradient_channels; offset < 32; offset *= 2) {
      sums[i] += __shfl_xor_sync(full_warp, sums[i], offset);
    }
    if (lane % 4 == 0) of_warp[lane / 4][i][column] = sums[i];
  }
  __syncthreads();
  if (lane < sums_of_channel) {
    double total = 0;
#pragma unroll 8
    for (int warp = 0; warp < gradient_warps; ++warp) total += of_warp[warp][lane][column];
    totals[lane][column] = total;
  }
  __syncthreads();
  if (c >= channels || lane >= taps) return;
  // The lane's tap.
  const double g = totals[taps][column], r = static_cast<double>(rstd[c]);
  double gu = -static_cast<double>(mean[c]) * g;  // Σ g·(u − mean)
  double covariance = 0;                          // of the tap's element of a patch and u
#pragma unroll
  for (int t = 0; t < taps; ++t) {
    const double k = static_cast<double>(rounded<T>(kernel[t * channels + c]));
    gu += k * totals[t][column];
    covariance += static_cast<double>(patch_covariance[lane * taps + t]) * k;
  }
  if (lane == 0 && dbias.data != nullptr) put(dbias, c, static_cast<float>(g));
  if (lane == 0 && dweight.data != nullptr) put(dweight, c, static_cast<float>(r * gu));
  if (dkernel.data == nullptr) return;
  const double sum =
      totals[lane][column] - g * static_cast<double>(patch_mean[lane]) - r * r * gu * covariance;
  put(dkernel, lane * channels + c, static_cast<float>(static_cast<double>(weight[c]) * r * sum));
}

// ------------------------------------------------------------------------------------ launches

// Sums of parts of the images, in the workspace.
template <class T>
SumsOfParts sum_patches(const Cuda& cuda, Workspace::Scope& scratch, StemShape s, const T* x) {
  const std::int64_t parts =
      std::clamp<std::int64_t>(blocks_of(s.n * s.h, rows_of_part), 1, most_patch_parts);
  double* partial = scratch.take<double>(static_cast<std::size_t>(groups * parts * of_group));
  launch(cuda, "stem_patch_sums", patch_sums<T>,
         {.blocks = dim3(static_cast<unsigned>(parts), groups), .threads = dim3(patch_threads)}, s,
         x, partial);
  return {parts, partial};
}

constexpr Grid one_block() {
  return {.blocks = dim3(1), .threads = dim3(finish_columns, finish_lanes)};
}

Grid grid_of_tiles(StemShape s, std::int64_t most) {
  Grid grid = channel_columns(1, s.c);
  const std::int64_t lanes = channel_threads / grid.threads.x;
  grid.threads.y = static_cast<unsigned>(std::min<std::int64_t>(lanes, tile_rows * tile_columns));
  grid.blocks.x = static_cast<unsigned>(std::min(s.n * Tiling(s).of_image(), most));
  return grid;
}

}  // namespace

template <class T>
void stem_statistics(const Cuda& cuda, StemShape s, float epsilon, float momentum, const T* x,
                     const float* kernel, float* patch_mean, float* patch_covariance, float* mean,
                     float* rstd, float* running_mean, float* running_variance) {
  Workspace::Scope scratch(cuda.workspace);
  const SumsOfParts sums = sum_patches(cuda, scratch, s, x);
  launch(cuda, "stem_statistics", finish_statistics<T, SumsOfParts>, one_block(), s.c,
         s.positions(), sums, kernel, patch_mean, patch_covariance,
         NormStatistics{epsilon, momentum, cuda.step, mean, rstd, running_mean, running_variance});
}

template <class T>
void stem_patch_sums(const Cuda& cuda, StemShape s, const T* x, double* sums) {
  Workspace::Scope scratch(cuda.workspace);
  const SumsOfParts parts = sum_patches(cuda, scratch, s, x);
  launch(cuda, "stem_patch_sums_total", add_up_parts, one_block(), parts, sums);
}

template <class T>
void stem_statistics_of(const Cuda& cuda, StemShape s, std::int64_t images, float epsilon,
                        float momentum, const double* sums, const float* kernel, float* patch_mean,
                        float* patch_covariance, float* mean, float* rstd, float* running_mean,
                        float* running_variance) {
  launch(cuda, "stem_statistics", finish_statistics<T, SumsThemselves>, one_block(), s.c,
         images * s.h * s.w, SumsThemselves{sums}, kernel, patch_mean, patch_covariance,
         NormStatistics{epsilon, momentum, cuda.step, mean, rstd, running_mean, running_variance});
}

template <class T>
void stem_forward(const Cuda& cuda, StemShape s, const T* x, const float* kernel, const float* mean,
                  const float* rstd, const float* weight, const float* bias, T* y) {
  if (s.n * Tiling(s).of_image() * s.c == 0) return;
  launch(cuda, "stem_forward", forward<T>, grid_of_tiles(s, most_blocks), s, x, kernel, mean, rstd,
         weight, bias, y);
}

template <class T>
void stem_backward(const Cuda& cuda, StemShape s, const T* x, const float* kernel,
                   const float* patch_mean, const float* patch_covariance, const float* mean,
                   const float* rstd, const float* weight, const float* bias, const T* dy,
                   Gradient<float> dkernel, Gradient<float> dweight, Gradient<float> dbias) {
  if (s.c == 0) return;
  const Grid grid = grid_of_tiles(s, most_parts);
  const std::int64_t parts = grid.blocks.x;  // 0 where an image has no window
  Workspace::Scope scratch(cuda.workspace);
  float* partial = scratch.take<float>(static_cast<std::size_t>(parts * sums_of_channel * s.c));
  if (parts > 0) {
    launch(cuda, "stem_backward_sums", window_sums<T>, grid, s, x, kernel, mean, rstd, weight, bias,
           dy, partial);
  }
  launch(cuda, "stem_backward", finish_gradients<T>,
         {.blocks = dim3(static_cast<unsigned>(blocks_of(s.c, gradient_channels))),
          .threads = dim3(gradient_channels, gradient_lanes)},
         s.c, parts, partial, kernel, patch_mean, patch_covariance, mean, rstd, weight, dkernel,
         dweight, dbias);
}

#define EKGINE_INSTANTIATE(T)                                                                      \
  template void stem_patch_sums(const Cuda&, StemShape, const T*, double*);                        \
  template void stem_statistics_of<T>(const Cuda&, StemShape, std::int64_t, float, float,          \
                                      const double*, const float*, float*, float*, float*, float*, \
                                      float*, float*);                                             \
  template void stem_statistics(const Cuda&, StemShape, float, float, const T*, const float*,      \
                                float*, float*, float*, float*, float*, float*);                   \
  template void stem_forward(const Cuda&, StemShape, const T*, const float*, const float*,         \
                             const float*, const float*, const float*, T*);                        \
  template void stem_backward(const Cuda&, StemShape, const T*, const float*, const float*,        \
                              const float*, const float*, const float*, const float*,              \
                              const float*, const T*, Gradient<float>, Gradient<float>,            \
                              Gradient<float>);
EKGINE_INSTANTIATE(float)
EKGINE_INSTANTIATE(bfloat16)
#undef EKGINE_INSTANTIATE

}  // namespace ekgine::kernels
