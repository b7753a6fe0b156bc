// Sums and maxima over a warp and over a block, in a fixed order.
#pragma once

#include <simt.cuh>

namespace ekgine::device {

inline constexpr unsigned full_warp = 0xFFFFFFFFU;

// Over the `Width` (a power of two, at most 32) neighbouring lanes that hold the caller; every one
// of them gets the result. All lanes of the warp must call.
template <int Width = 32>
__device__ __forceinline__ float warp_sum(float value) {
#pragma unroll
  for (int offset = Width / 2; offset > 0; offset /= 2) {
    value += __shfl_xor_sync(full_warp, value, offset);
  }
  return value;
}
template <int Width = 32>
__device__ __forceinline__ float warp_max(float value) {
#pragma unroll
  for (int offset = Width / 2; offset > 0; offset /= 2) {
    value = fmaxf(value, __shfl_xor_sync(full_warp, value, offset));
  }
  return value;
}

// Over the block of Threads threads (a multiple of 32, one-dimensional); every thread gets the
// result. `scratch` is shared memory of Threads/32 floats; it may be used again after the next
// barrier, and the call begins with one, so calls may follow each other on the same scratch.
template <int Threads>
__device__ __forceinline__ float block_sum(float value, float* scratch) {
  static_assert(Threads % 32 == 0 && Threads <= 1024);
  value = warp_sum(value);
  __syncthreads();
  if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = value;
  __syncthreads();
  float sum = 0;
#pragma unroll
  for (int warp = 0; warp < Threads / 32; ++warp) sum += scratch[warp];
  return sum;
}

}  // namespace ekgine::device
