// 16 bytes per thread.
#include "kernels/fill.h"

#include "kernels/device/map.cuh"

namespace ekgine::kernels {

namespace {

// Reads nothing, so it is no map.
template <class T>
__global__ void __launch_bounds__(device::map_threads)
    fill_kernel(std::int64_t n, bool aligned, float value, T* y) {
  constexpr int width = device::vector_width<T>;
  const std::int64_t first =
      (static_cast<std::int64_t>(blockIdx.x) * device::map_threads + threadIdx.x) * width;
  float values[width];
#pragma unroll
  for (int e = 0; e < width; ++e) values[e] = value;
  if (aligned && first + width <= n) {
    device::store(y + first, values);
  } else {
#pragma unroll
    for (int e = 0; e < width; ++e) {
      if (first + e < n) y[first + e] = device::from_float<T>(value);
    }
  }
}

}  // namespace

template <class T>
void fill(const Cuda& cuda, std::int64_t n, float value, T* y) {
  if (n == 0) return;
  const std::int64_t blocks =
      blocks_of(n, std::int64_t{device::map_threads} * device::vector_width<T>);
  launch(cuda, "fill", fill_kernel<T>,
         Grid{dim3(static_cast<unsigned>(blocks)), dim3(device::map_threads)}, n,
         device::aligned16(y), value, y);
}

template void fill(const Cuda&, std::int64_t, float, float*);
template void fill(const Cuda&, std::int64_t, float, bfloat16*);

}  // namespace ekgine::kernels
