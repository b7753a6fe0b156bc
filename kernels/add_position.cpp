#include "kernels/add_position.h"

#include "kernels/add_scaled.h"

namespace ekgine::kernels {

template <class T>
void add_position_forward(const Cpu&, AddPositionShape s, const T* x, const T* table, T* y) {
  const std::int64_t width = s.positions * s.channels;  // of a sequence; the table is one
  parallel_for(s.sequences, grain_of(width), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t n = begin; n < end; ++n) {
      const T* xn = x + n * width;
      T* yn = y + n * width;
#pragma omp simd
      for (std::int64_t i = 0; i < width; ++i) yn[i] = xn[i] + table[i];
    }
  });
}

template <class T>
void add_position_backward(const Cpu& cpu, AddPositionShape s, const T* dy, Gradient<T> dx,
                           Gradient<T> dtable) {
  const std::int64_t width = s.positions * s.channels;
  scale(cpu, s.sequences * width, T(1), dy, dx);
  if (!dtable) return;
  if (!dtable.accumulate) std::fill_n(dtable.data, s.rows * s.channels, T(0));
  parallel_for(width, grain_of(s.sequences), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t n = 0; n < s.sequences; ++n) {
      const T* dyn = dy + n * width;
#pragma omp simd
      for (std::int64_t i = begin; i < end; ++i) dtable.data[i] += dyn[i];
    }
  });
}

template void add_position_forward(const Cpu&, AddPositionShape, const float*, const float*,
                                   float*);
template void add_position_forward(const Cpu&, AddPositionShape, const double*, const double*,
                                   double*);
template void add_position_backward(const Cpu&, AddPositionShape, const float*, Gradient<float>,
                                    Gradient<float>);
template void add_position_backward(const Cpu&, AddPositionShape, const double*, Gradient<double>,
                                    Gradient<double>);

}  // namespace ekgine::kernels
