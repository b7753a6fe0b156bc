#include "kernels/fill.h"

#include <algorithm>

namespace ekgine::kernels {

template <class T>
void fill(const Cpu&, std::int64_t n, T value, T* y) {
  constexpr std::int64_t grain = 1 << 14;
  parallel_for(n, grain, [&](std::int64_t begin, std::int64_t end, int) {
    std::fill(y + begin, y + end, value);
  });
}

template void fill(const Cpu&, std::int64_t, float, float*);
template void fill(const Cpu&, std::int64_t, double, double*);

}  // namespace ekgine::kernels
