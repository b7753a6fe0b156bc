#include "kernels/global_avg_pool.h"

#include "kernels/runtime/channels.h"

namespace ekgine::kernels {

template <class T>
void global_avg_pool_forward(const Cpu&, GlobalAvgPoolShape s, const T* x, T* y) {
  parallel_for(s.n, grain_of(s.positions * s.c), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t n = begin; n < end; ++n) {
      for_channel_tiles(s.c, [&](std::int64_t first, auto width) {
        T sum[channel_tile] = {};
        for (std::int64_t p = 0; p < s.positions; ++p) {
          const T* in = x + (n * s.positions + p) * s.c + first;
#pragma omp simd
          for (std::int64_t k = 0; k < width; ++k) sum[k] += in[k];
        }
        for (std::int64_t k = 0; k < width; ++k) {
          y[n * s.c + first + k] = sum[k] / static_cast<T>(s.positions);
        }
      });
    }
  });
}

template <class T>
void global_avg_pool_backward(const Cpu&, GlobalAvgPoolShape s, const T* dy, Gradient<T> dx) {
  if (!dx) return;
  parallel_for(s.n * s.positions, grain_of(s.c), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t row = begin; row < end; ++row) {
      const T* g = dy + row / s.positions * s.c;
      T* out = dx.data + row * s.c;
#pragma omp simd
      for (std::int64_t c = 0; c < s.c; ++c) {
        const T value = g[c] / static_cast<T>(s.positions);
        out[c] = dx.accumulate ? out[c] + value : value;
      }
    }
  });
}

template void global_avg_pool_forward(const Cpu&, GlobalAvgPoolShape, const float*, float*);
template void global_avg_pool_forward(const Cpu&, GlobalAvgPoolShape, const double*, double*);
template void global_avg_pool_backward(const Cpu&, GlobalAvgPoolShape, const float*,
                                       Gradient<float>);
template void global_avg_pool_backward(const Cpu&, GlobalAvgPoolShape, const double*,
                                       Gradient<double>);

}  // namespace ekgine::kernels
