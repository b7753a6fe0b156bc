// All sequences are one long column of rows r = n·T + t, cut into tiles of 32 rows × 32 channels:
// so sequences of three positions fill a block as well as one of a thousand. A block copies the
// rows its tile can reach to shared memory, once, and no row of a sequence that the tile does not
// touch; what a tap would find beyond the ends of a row's own sequence is left out of the sum.
//
// A lane is a channel, a warp has rows (forward, dx) or taps (dweight): all lanes agree on which
// taps exist, and their 32 floats of shared memory are all 32 banks. Wide filters are taken 32 taps
// at a time. Taps that no position has (T < K) are skipped.
//
// dx is the same correlation as forward with the filter reversed. dweight takes two stages: each
// block sums its share of the rows, then the shares are added up in a fixed order.
#include "kernels/depthwise_conv1d.h"

#include <algorithm>
#include <type_traits>

#include "kernels/device/channels.cuh"
#include "kernels/device/gradient.cuh"

namespace ekgine::kernels {

namespace {

constexpr int tile_rows = 32, tile_channels = 32, tile_taps = 32;
constexpr int warps = 8, threads = 32 * warps;
constexpr int tile_inputs = tile_rows + tile_taps - 1;  // rows that a tile's taps can reach
// In the first stage of dweight, a block has two tiles of rows at least: its sums are written and
// read again, which costs less than the rows themselves.
constexpr std::int64_t tiles_per_part = 2, most_parts = 256;

// A row of a tile in shared memory, aligned for four channels at a time.
using TileRow = float4[tile_channels / 4];
__device__ __forceinline__ float (*rows_of(TileRow* tile))[tile_channels] {
  return reinterpret_cast<float(*)[tile_channels]>(tile);
}

// Taps that at least one position has, [begin, end): |k − pad| < T.
struct Taps {
  std::int64_t begin, end;
};
__host__ __device__ constexpr Taps taps_of(DepthwiseConv1dShape s, std::int64_t pad) {
  const std::int64_t begin = pad - s.positions + 1, end = pad + s.positions;
  return {begin < 0 ? 0 : begin, end < s.width ? end : s.width};
}

// tile[i][c] = x[first + i, channel + c] for 0 ≤ i < count, where that row is in a sequence that
// has one of the rows [row, row + tile_rows); 0 in channels from C on. Other rows of the tile keep
// what they had.
template <int Width, class T>
__device__ __forceinline__ void load_tile(float (*tile)[tile_channels], DepthwiseConv1dShape s,
                                          const T* x, std::int64_t row, std::int64_t first,
                                          std::int64_t count, std::int64_t channel) {
  const std::int64_t rows = s.sequences * s.positions;
  const std::int64_t last = (row + tile_rows < rows ? row + tile_rows : rows) - 1;
  const std::int64_t start = row - row % s.positions;
  const std::int64_t stop = last - last % s.positions + s.positions;
  const int begin = first < start ? static_cast<int>(start - first) : 0;
  const auto end = static_cast<int>(first + count < stop ? count : stop - first);
  constexpr int packs = tile_channels / Width;
  const int thread = static_cast<int>(threadIdx.y * 32 + threadIdx.x);
  for (int item = begin * packs + thread; item < end * packs; item += threads) {
    const int i = item / packs, c = item % packs * Width;
    float values[Width] = {};
    if (channel + c < s.channels) device::load(values, x + (first + i) * s.channels + channel + c);
    device::store(&tile[i][c], values);
  }
}

// y[n,t,c] = bias[c] + Σ_k filter[k,c]·x[n, t + k − pad, c], filter the weight, or the weight with
// its taps reversed. Each thread sums four rows.
template <int Width, class T>
__global__ void __launch_bounds__(threads)
    correlate_kernel(DepthwiseConv1dShape s, std::int64_t pad, bool reversed, const T* x,
                     const float* weight, const float* bias, Gradient<T> y) {
  SIMT_SHARED(TileRow[tile_inputs], input_tile);
  float(*const inputs)[tile_channels] = rows_of(input_tile);
  SIMT_SHARED(float[tile_taps][tile_channels], filter);
  constexpr int per_thread = tile_rows / warps;
  const auto lane = static_cast<int>(threadIdx.x), warp = static_cast<int>(threadIdx.y);
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * tile_rows;
  const std::int64_t channel = static_cast<std::int64_t>(blockIdx.y) * tile_channels;
  const std::int64_t rows = s.sequences * s.positions;
  const std::int64_t mine = row + warp * per_thread;
  const auto positions = static_cast<int>(s.positions);
  float sum[per_thread];
  int earliest[per_thread];  // x[n, t + k − pad] exists for earliest ≤ k < earliest + T
#pragma unroll
  for (int i = 0; i < per_thread; ++i) {
    sum[i] = bias != nullptr && channel + lane < s.channels ? bias[channel + lane] : 0.0F;
    earliest[i] = static_cast<int>(pad - (mine + i) % s.positions);
  }
  const Taps taps = taps_of(s, pad);
  for (std::int64_t k0 = taps.begin; k0 < taps.end; k0 += tile_taps) {
    const auto count = static_cast<int>(taps.end - k0 < tile_taps ? taps.end - k0 : tile_taps);
    __syncthreads();  // everyone is done with the taps before
    load_tile<Width>(inputs, s, x, row, row + k0 - pad, tile_rows + count - 1, channel);
    for (int k = warp; k < count; k += warps) {
      const std::int64_t tap = reversed ? s.width - 1 - (k0 + k) : k0 + k;
      filter[k][lane] =
          channel + lane < s.channels ? weight[tap * s.channels + channel + lane] : 0.0F;
    }
    __syncthreads();
    for (int k = 0; k < count; ++k) {
      const float w = filter[k][lane];
#pragma unroll
      for (int i = 0; i < per_thread; ++i) {
        const int position = static_cast<int>(k0) + k - earliest[i];
        if (position < 0 || position >= positions || mine + i >= rows) continue;
        sum[i] = fmaf(w, inputs[warp * per_thread + i + k][lane], sum[i]);
      }
    }
  }
  if (channel + lane >= s.channels) return;
#pragma unroll
  for (int i = 0; i < per_thread; ++i) {
    if (mine + i < rows) device::put(y, (mine + i) * s.channels + channel + lane, sum[i]);
  }
}

// partial (parts, sums, C): what blockIdx.x's share of the rows adds to dweight[k] for the taps
// that exist, then to dbias. The bias is one more tap, whose input is 1. blockIdx.z: which 32 sums.
template <int Width, class T>
__global__ void __launch_bounds__(threads)
    weight_gradient_kernel(DepthwiseConv1dShape s, bool wants_weight, int sums, const T* x,
                           const T* dy, float* partial) {
  SIMT_SHARED(TileRow[tile_inputs], input_tile);
  float(*const inputs)[tile_channels] = rows_of(input_tile);
  SIMT_SHARED(TileRow[tile_rows], gradient_tile);
  float(*const gradients)[tile_channels] = rows_of(gradient_tile);
  constexpr int per_thread = tile_taps / warps;
  const auto lane = static_cast<int>(threadIdx.x), warp = static_cast<int>(threadIdx.y);
  const std::int64_t channel = static_cast<std::int64_t>(blockIdx.y) * tile_channels;
  const std::int64_t rows = s.sequences * s.positions;
  const Taps taps = taps_of(s, s.pad());
  const std::int64_t width = wants_weight ? taps.end - taps.begin : 0;  // of dweight's sums
  const std::int64_t first_sum = static_cast<std::int64_t>(blockIdx.z) * tile_taps;
  const auto shift =
      static_cast<int>(taps.begin + first_sum - s.pad());  // of the first sum's input
  const auto used = static_cast<int>(width - first_sum < tile_taps ? width - first_sum : tile_taps);
  const auto positions = static_cast<int>(s.positions);
  const device::Range tiles =
      device::share_of((rows + tile_rows - 1) / tile_rows, blockIdx.x, gridDim.x);
  const auto bias_sum = static_cast<int>(width - first_sum);
  float sum[per_thread] = {};
  for (std::int64_t tile = tiles.begin; tile < tiles.end; ++tile) {
    const std::int64_t row = tile * tile_rows;
    const auto count = static_cast<int>(rows - row < tile_rows ? rows - row : tile_rows);
    __syncthreads();  // everyone is done with the tile before
    if (used > 0) load_tile<Width>(inputs, s, x, row, row + shift, tile_rows + used - 1, channel);
    load_tile<Width>(gradients, s, dy, row, row, count, channel);
    __syncthreads();
    auto t = static_cast<int>(row % s.positions);
    for (int i = 0; i < count; ++i) {
      const float g = gradients[i][lane];
#pragma unroll
      for (int j = 0; j < per_thread; ++j) {
        const int k = warp + j * warps;
        const int position = t + shift + k;
        if (k < used) {
          if (position >= 0 && position < positions) {
            sum[j] = fmaf(g, inputs[i + k][lane], sum[j]);
          }
        } else if (k == bias_sum) {
          sum[j] += g;
        }
      }
      if (++t == positions) t = 0;
    }
  }
  if (channel + lane >= s.channels) return;
#pragma unroll
  for (int j = 0; j < per_thread; ++j) {
    const std::int64_t k = first_sum + warp + j * warps;
    if (k < sums) partial[(blockIdx.x * sums + k) * s.channels + channel + lane] = sum[j];
  }
}

// Adds the shares up: blockIdx.y is a tap of dweight or, after the last, dbias. Each of the eight
// warps takes every eighth share.
__global__ void __launch_bounds__(threads)
    weight_gradient_totals_kernel(DepthwiseConv1dShape s, int parts, int sums, const float* partial,
                                  Gradient<float> dweight, Gradient<float> dbias) {
  SIMT_SHARED(float[device::lane_scratch], scratch);
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.x) * tile_channels + threadIdx.x;
  const Taps taps = taps_of(s, s.pad());
  const std::int64_t k = blockIdx.y;
  const bool is_bias = dweight.data == nullptr || k == s.width;
  const bool exists = is_bias || (k >= taps.begin && k < taps.end);
  const std::int64_t at = is_bias ? sums - 1 : k - taps.begin;
  float total[1] = {};
  if (exists && c < s.channels) {
#pragma unroll 4
    for (int part = threadIdx.y; part < parts; part += warps) {
      total[0] += partial[(static_cast<std::int64_t>(part) * sums + at) * s.channels + c];
    }
  }
  device::sum_lanes(total, device::channel_place(), scratch);
  if (threadIdx.y != 0 || c >= s.channels) return;
  if (is_bias) {
    device::put(dbias, c, total[0]);
  } else {
    device::put(dweight, k * s.channels + c, total[0]);
  }
}

// Calls body(width) with the number of channels that a thread copies at a time: four where
// possible, of bfloat16 too, so that they are 16 bytes of shared memory and free of bank conflicts
// there.
template <class Body>
void with_load_width(std::int64_t channels, bool aligned, const Body& body) {
  if (aligned && channels % 4 == 0) {
    body(std::integral_constant<int, 4>());
  } else {
    body(std::integral_constant<int, 1>());
  }
}

template <class T>
void correlate(const Cuda& cuda, const char* name, DepthwiseConv1dShape s, std::int64_t pad,
               bool reversed, const T* x, const float* weight, const float* bias, Gradient<T> y) {
  const dim3 blocks(static_cast<unsigned>(blocks_of(s.sequences * s.positions, tile_rows)),
                    static_cast<unsigned>(blocks_of(s.channels, tile_channels)));
  with_load_width(s.channels, device::aligned16(x), [&](auto width) {
    launch(cuda, name, correlate_kernel<width(), T>, Grid{blocks, dim3(32, warps)}, s, pad,
           reversed, x, weight, bias, y);
  });
}

}  // namespace

template <class T>
void depthwise_conv1d_forward(const Cuda& cuda, DepthwiseConv1dShape s, const T* x,
                              const float* weight, const float* bias, T* y) {
  if (s.sequences * s.positions * s.channels == 0) return;
  correlate(cuda, "depthwise_conv1d_forward", s, s.pad(), false, x, weight, bias, Gradient<T>{y});
}

template <class T>
void depthwise_conv1d_backward(const Cuda& cuda, DepthwiseConv1dShape s, const T* x,
                               const float* weight, const T* dy, Gradient<T> dx,
                               Gradient<float> dweight, Gradient<float> dbias) {
  if (s.channels == 0) return;
  const std::int64_t rows = s.sequences * s.positions;
  if (dx && rows > 0) {
    correlate<T>(cuda, "depthwise_conv1d_backward", s, s.width - 1 - s.pad(), true, dy, weight,
                 nullptr, dx);
  }
  if (!dweight && !dbias) return;
  const Taps taps = taps_of(s, s.pad());
  const auto sums = static_cast<int>((dweight ? taps.end - taps.begin : 0) + (dbias ? 1 : 0));
  const std::int64_t parts = std::min(blocks_of(rows, tile_rows * tiles_per_part), most_parts);
  const auto channel_tiles = static_cast<unsigned>(blocks_of(s.channels, tile_channels));
  Workspace::Scope scratch(cuda.workspace);
  float* partial = scratch.take<float>(static_cast<std::size_t>(parts * sums * s.channels));
  with_load_width(s.channels, device::aligned16(x) && device::aligned16(dy), [&](auto width) {
    if (rows == 0) return;  // sums of nothing
    launch(cuda, "depthwise_conv1d_backward_weight", weight_gradient_kernel<width(), T>,
           Grid{dim3(static_cast<unsigned>(parts), channel_tiles,
                     static_cast<unsigned>(blocks_of(sums, tile_taps))),
                dim3(32, warps)},
           s, static_cast<bool>(dweight), sums, x, dy, partial);
  });
  const std::int64_t totals = (dweight ? s.width : 0) + (dbias ? 1 : 0);
  launch(cuda, "depthwise_conv1d_backward_totals", weight_gradient_totals_kernel,
         Grid{dim3(channel_tiles, static_cast<unsigned>(totals)), dim3(32, warps)}, s,
         static_cast<int>(parts), sums, partial, dweight, dbias);
}

template void depthwise_conv1d_forward(const Cuda&, DepthwiseConv1dShape, const float*,
                                       const float*, const float*, float*);
template void depthwise_conv1d_forward(const Cuda&, DepthwiseConv1dShape, const bfloat16*,
                                       const float*, const float*, bfloat16*);
template void depthwise_conv1d_backward(const Cuda&, DepthwiseConv1dShape, const float*,
                                        const float*, const float*, Gradient<float>,
                                        Gradient<float>, Gradient<float>);
template void depthwise_conv1d_backward(const Cuda&, DepthwiseConv1dShape, const bfloat16*,
                                        const float*, const bfloat16*, Gradient<bfloat16>,
                                        Gradient<float>, Gradient<float>);

}  // namespace ekgine::kernels
