// A row to a group of threads side by side, an element to a thread: rows are short and ragged, and
// the kernel is a few microseconds of a step.
#include "kernels/standardise.h"

#include "kernels/device/dropout.cuh"
#include "kernels/device/rows.cuh"
#include "kernels/device/storage.cuh"

namespace ekgine::kernels {

namespace {

struct NoiseDraw {
  const Step* step;
  std::uint32_t op;
  float deviation;  // times √3
  std::uint32_t shift_op;
  float shift;
  std::uint64_t tied;
};

__device__ __forceinline__ float shift_of(const NoiseDraw& noise, std::uint64_t group) {
  // Words 2·group and 2·group + 1 are the first or the second half of Philox block group / 2.
  const auto word = philox(random_key(*noise.step, noise.shift_op), group / 2);
  const std::uint32_t first = group % 2 == 0 ? word[0] : word[2];
  const std::uint32_t second = group % 2 == 0 ? word[1] : word[3];
  const float radius = sqrtf(-2.0F * log1pf(-static_cast<float>(first >> 8) * 0x1p-24F));
  return noise.shift * (radius * cospif(static_cast<float>(second >> 8) * 0x1p-23F));
}

__device__ __forceinline__ float noise_of(const NoiseDraw& noise, std::uint64_t element) {
  const auto word = philox(random_key(*noise.step, noise.op), element / 4);
  const unsigned k = element % 4;  // a register has no index
  const std::uint32_t bits = k < 2 ? (k == 0 ? word[0] : word[1]) : (k == 2 ? word[2] : word[3]);
  return noise.deviation * (2.0F * (static_cast<float>(bits >> 8) * 0x1p-24F) - 1.0F);
}

template <class T>
__global__ void __launch_bounds__(device::row_threads)
    standardise_kernel(StandardiseShape s, NoiseDraw noise, device::DropoutDraw drop,
                       const float* x, const float* mean, const float* std, T* y) {
  const std::int64_t i = device::row_of_thread();
  if (i >= s.rows) return;
  const std::int64_t row = s.row + i;  // in the whole batch
  const std::int64_t group = row / s.group;
  const float shift = noise.shift == 0 ? 0.0F : shift_of(noise, static_cast<std::uint64_t>(group));
  for (std::int64_t c = threadIdx.x; c < s.channels; c += blockDim.x) {
    const std::int64_t f = s.first + c;
    const bool tied = f < 64 && (noise.tied >> f & 1) != 0;
    float value = x[i * s.width + f] + (tied ? shift : 0.0F);
    if (mean != nullptr) value = (value - mean[f]) / std[f];
    if (noise.deviation != 0)
      value += noise_of(noise, static_cast<std::uint64_t>(row * s.channels + c));
    if (drop.active) {
      const auto feature = static_cast<std::uint64_t>(group * s.channels + c);
      value *= device::is_kept(drop, device::key_of(drop), feature) ? drop.scale : 0.0F;
    }
    y[i * s.channels + c] = device::from_float<T>(value);
  }
}

}  // namespace

template <class T>
void standardise(const Cuda& cuda, StandardiseShape s, const FeatureNoise& noise, const float* x,
                 const float* mean, const float* std, T* y) {
  if (s.rows == 0 || s.channels == 0) return;
  constexpr double sqrt3 = 1.7320508075688772;
  launch(cuda, "standardise", standardise_kernel<T>, device::row_grid(s.rows, s.channels), s,
         NoiseDraw{cuda.step, noise.op, static_cast<float>(noise.deviation * sqrt3), noise.shift_op,
                   static_cast<float>(noise.shift), noise.tied},
         device::draw_of(cuda, noise.drop), x, mean, std, y);
}

template void standardise(const Cuda&, StandardiseShape, const FeatureNoise&, const float*,
                          const float*, const float*, float*);
template void standardise(const Cuda&, StandardiseShape, const FeatureNoise&, const float*,
                          const float*, const float*, bfloat16*);

}  // namespace ekgine::kernels
