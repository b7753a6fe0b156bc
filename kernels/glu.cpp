#include "kernels/glu.h"

#include "kernels/sigmoid.h"

namespace ekgine::kernels {

template <class T>
void glu_forward(const Cpu&, GluShape s, const T* x, T* y) {
  parallel_for(s.rows, grain_of(13 * s.channels), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t r = begin; r < end; ++r) {
      const T* a = x + r * 2 * s.channels;
      const T* b = a + s.channels;
      T* yr = y + r * s.channels;
#pragma omp simd
      for (std::int64_t c = 0; c < s.channels; ++c) yr[c] = a[c] * sigmoid(b[c]).value;
    }
  });
}

template <class T>
void glu_backward(const Cpu&, GluShape s, const T* x, const T* dy, Gradient<T> dx) {
  if (!dx) return;
  assign_or_add(dx, [&](auto put) {
    parallel_for(s.rows, grain_of(13 * s.channels), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t r = begin; r < end; ++r) {
        const T* dyr = dy + r * s.channels;
        const std::int64_t a = r * 2 * s.channels, b = a + s.channels;
#pragma omp simd
        for (std::int64_t c = 0; c < s.channels; ++c) {
          const Sigmoid<T> gate = sigmoid(x[b + c]);
          const T open = dyr[c] * gate.value;
          const T slope = open * x[a + c] * gate.complement;  // before dx overwrites x
          put(a + c, open);
          put(b + c, slope);
        }
      }
    });
  });
}

template void glu_forward(const Cpu&, GluShape, const float*, float*);
template void glu_forward(const Cpu&, GluShape, const double*, double*);
template void glu_backward(const Cpu&, GluShape, const float*, const float*, Gradient<float>);
template void glu_backward(const Cpu&, GluShape, const double*, const double*, Gradient<double>);

}  // namespace ekgine::kernels
