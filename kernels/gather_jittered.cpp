#include "kernels/gather_jittered.h"

#include <cmath>
#include <numbers>

#include "base/error.h"

namespace ekgine::kernels {

template <class T>
void gather_jittered(const Cpu& cpu, GatherJitteredShape s, double deviation, const T* x,
                     const std::int32_t* index, const std::int32_t* ids, T* y) {
  for (std::int64_t u = 0; u < s.picks; ++u) {
    if (index[u] < 0 || index[u] >= s.rows) {
      fail("gather_jittered: index {} of {} is {}, x has {} rows", u, s.picks, index[u], s.rows);
    }
  }
  const RandomKey key = random_key(cpu.step, jitter_op);
  parallel_for(s.picks, grain_of(s.channels), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t u = begin; u < end; ++u) {
      const auto word = 2 * static_cast<std::uint64_t>(ids[u]);
      const double radius = std::sqrt(-2 * std::log1p(-random_uniform(key, word)));
      const double z = radius * std::cos(2 * std::numbers::pi * random_uniform(key, word + 1));
      const T factor = static_cast<T>(std::exp(deviation * z));
      const T* const row = x + index[u] * s.channels;
      for (std::int64_t c = 0; c < s.channels; ++c) y[u * s.channels + c] = row[c] * factor;
    }
  });
}

template void gather_jittered(const Cpu&, GatherJitteredShape, double, const float*,
                              const std::int32_t*, const std::int32_t*, float*);
template void gather_jittered(const Cpu&, GatherJitteredShape, double, const double*,
                              const std::int32_t*, const std::int32_t*, double*);

}  // namespace ekgine::kernels
