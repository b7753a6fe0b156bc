#include "kernels/moving_average.h"

#include <algorithm>

namespace ekgine::kernels {

template <class T>
void moving_average(const Cpu& cpu, std::int64_t n, double decay, const T* weight, T* average,
                    const std::uint32_t* stop) {
  if (stop != nullptr && *stop != 0) return;
  const T share = static_cast<T>(std::max(1 - decay, 9.0 / (10.0 + cpu.step.number)));
  parallel_for(n, grain_of(3), [&](std::int64_t begin, std::int64_t end, int) {
#pragma omp simd
    for (std::int64_t i = begin; i < end; ++i) average[i] += (weight[i] - average[i]) * share;
  });
}

template void moving_average(const Cpu&, std::int64_t, double, const float*, float*,
                             const std::uint32_t*);
template void moving_average(const Cpu&, std::int64_t, double, const double*, double*,
                             const std::uint32_t*);

}  // namespace ekgine::kernels
