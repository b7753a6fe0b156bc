// Global average pooling on CUDA. Forward: a block per image, whose lanes walk down the positions
// and then add their sums up. Backward: every position gets the same value.
#include "kernels/global_avg_pool.h"

#include "kernels/device/gradient.cuh"
#include "kernels/device/images.cuh"

namespace ekgine::kernels {

namespace {

using namespace device;

template <class T, int Width>
__global__ void __launch_bounds__(channel_threads)
    forward(GlobalAvgPoolShape s, const T* __restrict__ x, T* __restrict__ y) {
  SIMT_SHARED(float[Width * lane_scratch], scratch);
  const std::int64_t first = first_channel(Width), n = blockIdx.x;
  const bool inside = first < s.c;
  float sums[Width] = {};
  if (inside) {
#pragma unroll 4
    for (std::int64_t p = threadIdx.y; p < s.positions; p += blockDim.y) {
      float values[Width];
      load(values, x + (n * s.positions + p) * s.c + first);
#pragma unroll
      for (int k = 0; k < Width; ++k) sums[k] += values[k];
    }
  }
  sum_lanes(sums, channel_place(), scratch);
  if (!inside || threadIdx.y != 0) return;
#pragma unroll
  for (int k = 0; k < Width; ++k) sums[k] /= static_cast<float>(s.positions);
  store(y + n * s.c + first, sums);
}

template <class T, int Width>
__global__ void __launch_bounds__(channel_threads)
    backward(GlobalAvgPoolShape s, std::int64_t slices, const T* __restrict__ dy, Gradient<T> dx) {
  const std::int64_t first = first_channel(Width), n = blockIdx.x / slices;
  if (first >= s.c) return;
  float g[Width];
  load(g, dy + n * s.c + first);
#pragma unroll
  for (int k = 0; k < Width; ++k) g[k] /= static_cast<float>(s.positions);
  const Range positions = share_of(s.positions, blockIdx.x % slices, slices);
  for (std::int64_t p = positions.begin + threadIdx.y; p < positions.end; p += blockDim.y) {
    float values[Width];
#pragma unroll
    for (int k = 0; k < Width; ++k) values[k] = g[k];
    put(dx, (n * s.positions + p) * s.c + first, values);
  }
}

}  // namespace

template <class T>
void global_avg_pool_forward(const Cuda& cuda, GlobalAvgPoolShape s, const T* x, T* y) {
  if (s.n * s.c == 0) return;
  with_width<T>(vectorised<T>(s.c, x, y), [&](auto width) {
    Grid grid = channel_grid(width, s.c, s.positions, 1, 1);
    grid.blocks.x = static_cast<unsigned>(s.n);
    launch(cuda, "global_avg_pool_forward", forward<T, width>, grid, s, x, y);
  });
}

template <class T>
void global_avg_pool_backward(const Cuda& cuda, GlobalAvgPoolShape s, const T* dy, Gradient<T> dx) {
  if (!dx || s.n * s.c == 0) return;
  with_width<T>(vectorised<T>(s.c, dy, dx.data), [&](auto width) {
    const Slices slices = image_slices(width, s.c, s.n, s.positions);
    launch(cuda, "global_avg_pool_backward", backward<T, width>, slices.grid, s, slices.per_image,
           dy, dx);
  });
}

template void global_avg_pool_forward(const Cuda&, GlobalAvgPoolShape, const float*, float*);
template void global_avg_pool_forward(const Cuda&, GlobalAvgPoolShape, const bfloat16*, bfloat16*);
template void global_avg_pool_backward(const Cuda&, GlobalAvgPoolShape, const float*,
                                       Gradient<float>);
template void global_avg_pool_backward(const Cuda&, GlobalAvgPoolShape, const bfloat16*,
                                       Gradient<bfloat16>);

}  // namespace ekgine::kernels
