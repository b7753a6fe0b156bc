// A thread has one element: there are a few thousand, and but for a step that ends the training
// nothing is moved.
#include "kernels/put_back.h"
#include "kernels/runtime/launch.cuh"

namespace ekgine::kernels {

namespace {

constexpr int threads_per_block = 256;

__global__ void __launch_bounds__(threads_per_block)
    put_all_back(std::int64_t n, const std::uint32_t* stop, const float* kept, float* values) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * threads_per_block + threadIdx.x;
  if (i < n && *stop != 0) values[i] = kept[i];
}

}  // namespace

void put_back(const Cuda& cuda, std::int64_t n, const std::uint32_t* stop, const float* kept,
              float* values) {
  if (n == 0) return;
  launch(cuda, "put_back", put_all_back,
         {.blocks = dim3(static_cast<unsigned>(blocks_of(n, threads_per_block))),
          .threads = dim3(threads_per_block)},
         n, stop, kept, values);
}

}  // namespace ekgine::kernels
