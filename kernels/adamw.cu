// AdamW on CUDA: one launch for all parameters, bound by memory (seven floats per element). A
// thread takes four neighbouring elements.
#include "kernels/adamw.h"

#include <cmath>

#include "kernels/device/storage.cuh"
#include "kernels/runtime/launch.cuh"

namespace ekgine::kernels {

namespace {

using namespace device;

constexpr int threads_per_block = 256;
constexpr int width = vector_width<float>;

// AdamWSettings as the kernel uses them: differences from 1 and logarithms are taken in double.
struct Constants {
  float log_beta1, log_beta2;  // ln β
  float new1, new2;            // 1 − β
  float epsilon, weight_decay;
};

// The step's factors: what the moments are divided by, times the learning rate, and what decays.
struct Rates {
  float rate, decay;

  // 1 − βᵗ = −expm1(t·ln β): the power would lose the digits that the difference needs.
  __device__ __forceinline__ Rates(const Constants& constants, const Step& step) {
    const float t = static_cast<float>(step.number);
    const float bias1 = -expm1f(t * constants.log_beta1);
    const float bias2 = -expm1f(t * constants.log_beta2);
    const float learning_rate = static_cast<float>(step.learning_rate);
    rate = learning_rate * (sqrtf(bias2) / bias1);
    decay = learning_rate * constants.weight_decay;
  }
};

__device__ __forceinline__ void update(const Constants& constants, const Rates& rates, float g,
                                       float& weight, float& m, float& v) {
  const float decayed = weight - rates.decay * weight;
  m += (g - m) * constants.new1;
  v += (g * g - v) * constants.new2;
  weight = decayed - rates.rate * m / (sqrtf(v) + constants.epsilon);
}

__global__ void __launch_bounds__(threads_per_block)
    step_all(std::int64_t n, bool vectorised, Constants constants, const Step* step,
             const float* __restrict__ gradient, float* __restrict__ weight, float* __restrict__ m,
             float* __restrict__ v, const std::uint32_t* stop) {
  const std::int64_t first =
      (static_cast<std::int64_t>(blockIdx.x) * threads_per_block + threadIdx.x) * width;
  if (first >= n || (stop != nullptr && *stop != 0)) return;
  const Rates rates(constants, *step);
  if (vectorised && first + width <= n) {
    float gs[width], weights[width], ms[width], vs[width];
    load(gs, gradient + first);
    load(weights, weight + first);
    load(ms, m + first);
    load(vs, v + first);
#pragma unroll
    for (int k = 0; k < width; ++k) update(constants, rates, gs[k], weights[k], ms[k], vs[k]);
    store(weight + first, weights);
    store(m + first, ms);
    store(v + first, vs);
  } else {
    for (std::int64_t i = first; i < min(first + width, n); ++i) {
      update(constants, rates, gradient[i], weight[i], m[i], v[i]);
    }
  }
}

}  // namespace

void adamw(const Cuda& cuda, std::int64_t n, const AdamWSettings& settings, const float* gradient,
           float* weight, float* m, float* v, const std::uint32_t* stop) {
  if (n == 0) return;
  const Constants constants = {.log_beta1 = static_cast<float>(std::log(settings.beta1)),
                               .log_beta2 = static_cast<float>(std::log(settings.beta2)),
                               .new1 = static_cast<float>(1 - settings.beta1),
                               .new2 = static_cast<float>(1 - settings.beta2),
                               .epsilon = static_cast<float>(settings.epsilon),
                               .weight_decay = static_cast<float>(settings.weight_decay)};
  const bool vectorised = aligned16(gradient) && aligned16(weight) && aligned16(m) && aligned16(v);
  launch(
      cuda, "adamw", step_all,
      {.blocks = dim3(static_cast<unsigned>(blocks_of(n, std::int64_t{threads_per_block} * width))),
       .threads = dim3(threads_per_block)},
      n, vectorised, constants, cuda.step, gradient, weight, m, v, stop);
}

}  // namespace ekgine::kernels
