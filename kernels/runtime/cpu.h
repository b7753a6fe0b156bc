// The CPU as a kernel sees it, and how kernels divide their work among its threads.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>

#include "kernels/runtime/kernel.h"
#include "kernels/runtime/step.h"
#include "kernels/runtime/workspace.h"

namespace ekgine {

// First argument of every CPU kernel.
struct Cpu {
  Workspace& workspace;  // empty at the start of a call, and at its end
  Step step = {};
};

// Number of threads that kernels use: one budget for loops and oneDNN alike. Set before the first
// kernel runs; results are bitwise reproducible at a given number.
inline int thread_count() {
  return omp_get_max_threads();
}
inline void set_thread_count(int threads) {
  omp_set_num_threads(threads);
}

// Calls body(begin, end, part) for consecutive ranges that cover [0, n), one per thread at most,
// part = 0, 1, ... Every part holds at least `grain` items (but the only one), so small work stays
// on one thread. The division depends on n, grain and the thread count alone: sums made per part
// and then added in the order of the parts are reproducible. Returns the number of parts.
// body must not throw.
template <class Body>
int parallel_for(std::int64_t n, std::int64_t grain, const Body& body) {
  if (n <= 0) return 0;
  const std::int64_t most = std::max<std::int64_t>(1, n / std::max<std::int64_t>(grain, 1));
  const int parts = static_cast<int>(std::min<std::int64_t>(most, thread_count()));
  if (parts == 1) {
    body(std::int64_t{0}, n, 0);
    return 1;
  }
#pragma omp parallel for schedule(static, 1) num_threads(parts)
  for (int part = 0; part < parts; ++part) {
    body(n * part / parts, n * (part + 1) / parts, part);
  }
  return parts;
}

// The grain for items of so many operations each: waking another thread pays from some ten
// thousands on.
constexpr std::int64_t grain_of(std::int64_t operations) {
  return std::max<std::int64_t>(1, (std::int64_t{1} << 15) / std::max<std::int64_t>(1, operations));
}

}  // namespace ekgine
