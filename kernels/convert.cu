#include "kernels/convert.h"

#include "kernels/device/storage.cuh"
#include "kernels/runtime/launch.cuh"

namespace ekgine::kernels {

namespace {

constexpr int threads = 256;

// Thread i turns elements 8i, ..., 8i + 7: two loads and one store of 16 bytes. The last thread may
// have fewer.
__global__ void __launch_bounds__(threads)
    convert_kernel(std::int64_t n, const float* __restrict__ x, bfloat16* __restrict__ y) {
  const std::int64_t first = 8 * (std::int64_t{blockIdx.x} * threads + threadIdx.x);
  if (first + 8 <= n) {
    float low[4], high[4];
    device::load(low, x + first);
    device::load(high, x + first + 4);
    const float all[8] = {low[0], low[1], low[2], low[3], high[0], high[1], high[2], high[3]};
    device::store(y + first, all);
    return;
  }
  for (std::int64_t i = first; i < n; ++i) y[i] = device::from_float<bfloat16>(x[i]);
}

__global__ void __launch_bounds__(threads)
    widen_kernel(std::int64_t n, const bfloat16* __restrict__ x, float* __restrict__ y) {
  const std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  if (i < n) y[i] = device::to_float(x[i]);
}

}  // namespace

void convert(const Cuda& cuda, std::int64_t n, const float* x, bfloat16* y) {
  if (n == 0) return;
  const auto blocks = static_cast<unsigned>(blocks_of(n, 8 * threads));
  launch(cuda, "convert", convert_kernel, {blocks, threads}, n, x, y);
}

void convert(const Cuda& cuda, std::int64_t n, const bfloat16* x, float* y) {
  if (n == 0) return;
  const auto blocks = static_cast<unsigned>(blocks_of(n, threads));
  launch(cuda, "convert", widen_kernel, {blocks, threads}, n, x, y);
}

}  // namespace ekgine::kernels
