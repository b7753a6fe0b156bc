#include "kernels/swish.h"

#include "kernels/sigmoid.h"

namespace ekgine::kernels {

template <class T>
void swish_forward(const Cpu&, std::int64_t n, const T* x, T* y) {
  parallel_for(n, grain_of(13), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; ++i) y[i] = x[i] * sigmoid(x[i]).value;
  });
}

template <class T>
void swish_backward(const Cpu&, std::int64_t n, const T* x, const T* dy, Gradient<T> dx) {
  if (!dx) return;
  parallel_for(n, grain_of(13), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; ++i) {
      const Sigmoid<T> s = sigmoid(x[i]);
      dx.put(i, dy[i] * s.value * (T(1) + x[i] * s.complement));
    }
  });
}

template void swish_forward(const Cpu&, std::int64_t, const float*, float*);
template void swish_forward(const Cpu&, std::int64_t, const double*, double*);
template void swish_backward(const Cpu&, std::int64_t, const float*, const float*, Gradient<float>);
template void swish_backward(const Cpu&, std::int64_t, const double*, const double*,
                             Gradient<double>);

}  // namespace ekgine::kernels
