#include "kernels/gather_jittered.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"

namespace ekgine::kernels {

namespace {

double amplitude_factor(const Step& step, std::int32_t id, double deviation) {
  const RandomKey key = random_key(step, jitter_op);
  const auto word = 2 * static_cast<std::uint64_t>(id);
  const double radius = std::sqrt(-2 * std::log1p(-random_uniform(key, word)));
  const double z = radius * std::cos(2 * std::numbers::pi * random_uniform(key, word + 1));
  return std::exp(deviation * z);
}

void check(GatherJitteredShape s, const Jitter& jitter, const std::int32_t* index,
           const std::int32_t* records) {
  for (std::int64_t u = 0; u < s.picks; ++u) {
    if (index[u] < 0 || index[u] >= s.rows) {
      fail("gather_jittered: index {} of {} is {}, x has {} rows", u, s.picks, index[u], s.rows);
    }
    if (jitter.shift != 0 && (records[u] < 0 || records[u] >= s.records)) {
      fail("gather_jittered: record {} of {} is {}, typical has {} rows", u, s.picks, records[u],
           s.records);
    }
  }
}

}  // namespace

template <class T>
void gather_jittered(const Cpu& cpu, GatherJitteredShape s, const Jitter& jitter, const T* x,
                     const std::int32_t* index, const std::int32_t* ids, const T* typical,
                     const std::int32_t* records, T* y) {
  check(s, jitter, index, records);
  parallel_for(s.picks, grain_of(s.channels), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t u = begin; u < end; ++u) {
      const T factor = static_cast<T>(amplitude_factor(cpu.step, ids[u], jitter.deviation));
      const std::int64_t shift = time_shift(cpu.step, ids[u], jitter.shift);
      const T* const row = x + index[u] * s.channels;
      T* const out = y + u * s.channels;
      if (shift == 0) {
        for (std::int64_t c = 0; c < s.channels; ++c) out[c] = row[c] * factor;
        continue;
      }
      const T* const usual = typical + records[u] * s.channels;
      for (std::int64_t c = 0; c < s.channels; ++c) {
        const std::int64_t k = std::clamp<std::int64_t>(c + shift, 0, s.channels - 1);
        out[c] = (row[k] + (usual[k] - usual[c])) * factor;
      }
    }
  });
}

template void gather_jittered(const Cpu&, GatherJitteredShape, const Jitter&, const float*,
                              const std::int32_t*, const std::int32_t*, const float*,
                              const std::int32_t*, float*);
template void gather_jittered(const Cpu&, GatherJitteredShape, const Jitter&, const double*,
                              const std::int32_t*, const std::int32_t*, const double*,
                              const std::int32_t*, double*);

}  // namespace ekgine::kernels
