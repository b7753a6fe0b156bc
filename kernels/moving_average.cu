// One launch for all parameters, bound by memory. A thread takes four neighbouring elements.
#include "kernels/device/storage.cuh"
#include "kernels/moving_average.h"
#include "kernels/runtime/launch.cuh"

namespace ekgine::kernels {

namespace {

using namespace device;

constexpr int threads_per_block = 256;
constexpr int width = vector_width<float>;

__global__ void __launch_bounds__(threads_per_block)
    average_all(std::int64_t n, bool vectorised, float least_share, const Step* step,
                const float* __restrict__ weight, float* __restrict__ average,
                const std::uint32_t* stop) {
  const std::int64_t first =
      (static_cast<std::int64_t>(blockIdx.x) * threads_per_block + threadIdx.x) * width;
  if (first >= n || (stop != nullptr && *stop != 0)) return;
  const float share = fmaxf(least_share, 9 / (10 + static_cast<float>(step->number)));
  if (vectorised && first + width <= n) {
    float weights[width], averages[width];
    load(weights, weight + first);
    load(averages, average + first);
#pragma unroll
    for (int k = 0; k < width; ++k) averages[k] += (weights[k] - averages[k]) * share;
    store(average + first, averages);
  } else {
    for (std::int64_t i = first; i < min(first + width, n); ++i) {
      average[i] += (weight[i] - average[i]) * share;
    }
  }
}

}  // namespace

void moving_average(const Cuda& cuda, std::int64_t n, double decay, const float* weight,
                    float* average, const std::uint32_t* stop) {
  if (n == 0) return;
  launch(
      cuda, "moving_average", average_all,
      {.blocks = dim3(static_cast<unsigned>(blocks_of(n, std::int64_t{threads_per_block} * width))),
       .threads = dim3(threads_per_block)},
      n, aligned16(weight) && aligned16(average), static_cast<float>(1 - decay), cuda.step, weight,
      average, stop);
}

}  // namespace ekgine::kernels
