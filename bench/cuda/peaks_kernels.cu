#include "bench/cuda/peaks_kernels.h"
#include "kernels/runtime/launch.cuh"

namespace ekgine {

namespace {

constexpr int threads = 256;

__global__ void __launch_bounds__(threads) copy(std::int64_t n, const float4* from, float4* to) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * threads + threadIdx.x;
  if (i < n) to[i] = from[i];
}

// Every thread takes every so many-th vector. Sums go to memory only where they are NaN, which the
// compiler cannot know never happens.
__global__ void __launch_bounds__(threads) sweep(std::int64_t n, const float4* from, float* sums) {
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * threads;
  float sum = 0;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * threads + threadIdx.x; i < n;
       i += stride) {
    const float4 v = from[i];
    sum += v.x + v.y + v.z + v.w;
  }
  if (sum != sum && threadIdx.x == 0) sums[blockIdx.x] = sum;
}

__global__ void __launch_bounds__(threads) empty() {}

}  // namespace

void peak_copy(const Cuda& cuda, std::int64_t n, const float* from, float* to) {
  const std::int64_t vectors = n / 4;
  launch(cuda, "peak_copy", copy,
         {.blocks = dim3(static_cast<unsigned>(blocks_of(vectors, threads))),
          .threads = dim3(threads)},
         vectors, reinterpret_cast<const float4*>(from), reinterpret_cast<float4*>(to));
}

void peak_sweep(const Cuda& cuda, std::int64_t n, const float* from, float* sums) {
  launch(cuda, "peak_sweep", sweep,
         {.blocks =
              dim3(static_cast<unsigned>(cuda.multiprocessors * sweep_blocks_per_multiprocessor)),
          .threads = dim3(threads)},
         n / 4, reinterpret_cast<const float4*>(from), sums);
}

void peak_empty(const Cuda& cuda) {
  launch(cuda, "peak_empty", empty, {.blocks = dim3(1), .threads = dim3(threads)});
}

}  // namespace ekgine
