// A row to a group of threads side by side. Every thread draws its row's factor and shift for
// itself: two Philox blocks and four functions, less than handing them over would cost.
#include "kernels/gather_jittered.h"

#include "kernels/device/rows.cuh"

namespace ekgine::kernels {

namespace {

__device__ __forceinline__ float factor_of(float deviation, const Step& step, std::int32_t id) {
  // Words 2·id and 2·id + 1 are the first or the second half of Philox block id / 2.
  const auto word = philox(random_key(step, jitter_op), static_cast<std::uint64_t>(id) / 2);
  const std::uint32_t first = id % 2 == 0 ? word[0] : word[2];
  const std::uint32_t second = id % 2 == 0 ? word[1] : word[3];
  const float radius = sqrtf(-2.0F * log1pf(-static_cast<float>(first >> 8) * 0x1p-24F));
  return expf(deviation * (radius * cospif(static_cast<float>(second >> 8) * 0x1p-23F)));
}

__global__ void __launch_bounds__(device::row_threads)
    gather_jittered_kernel(GatherJitteredShape s, float deviation, std::int64_t most,
                           const Step* step, const float* x, const std::int32_t* index,
                           const std::int32_t* ids, const float* typical,
                           const std::int32_t* records, float* y) {
  const std::int64_t u = device::row_of_thread();
  if (u >= s.picks) return;
  const std::int64_t row = index[u], record = most == 0 ? 0 : records[u];
  const bool exists =
      row >= 0 && row < s.rows && (most == 0 || (record >= 0 && record < s.records));
  const float factor = deviation == 0 ? 1.0F : factor_of(deviation, *step, ids[u]);
  const std::int64_t shift = most == 0 ? 0 : time_shift(*step, ids[u], most);
  for (std::int64_t c = threadIdx.x; c < s.channels; c += blockDim.x) {
    float value = NAN;
    if (exists) {
      const std::int64_t k = min(max(c + shift, std::int64_t{0}), s.channels - 1);
      value = x[row * s.channels + k];
      if (shift != 0) value += typical[record * s.channels + k] - typical[record * s.channels + c];
    }
    y[u * s.channels + c] = value * factor;
  }
}

}  // namespace

void gather_jittered(const Cuda& cuda, GatherJitteredShape s, const Jitter& jitter, const float* x,
                     const std::int32_t* index, const std::int32_t* ids, const float* typical,
                     const std::int32_t* records, float* y) {
  if (s.picks == 0 || s.channels == 0) return;
  launch(cuda, "gather_jittered", gather_jittered_kernel, device::row_grid(s.picks, s.channels), s,
         static_cast<float>(jitter.deviation), jitter.shift, cuda.step, x, index, ids, typical,
         records, y);
}

}  // namespace ekgine::kernels
