#include "kernels/swish.h"

#include "kernels/sigmoid.h"

namespace ekgine::kernels {

namespace {

template <class T>
[[gnu::always_inline]] inline T swish_slope(T x) {
  const Sigmoid<T> s = sigmoid(x);
  return s.value * (T(1) + x * s.complement);
}

}  // namespace

template <class T>
void swish_forward(const Cpu&, std::int64_t n, const T* x, T* y) {
  parallel_for(n, grain_of(13), [&](std::int64_t begin, std::int64_t end, int) {
#pragma omp simd
    for (std::int64_t i = begin; i < end; ++i) y[i] = x[i] * sigmoid(x[i]).value;
  });
}

template <class T>
void swish_backward(const Cpu&, std::int64_t n, const T* x, const T* dy, Gradient<T> dx) {
  if (!dx) return;
  assign_or_add(dx, [&](auto put) {
    parallel_for(n, grain_of(13), [&](std::int64_t begin, std::int64_t end, int) {
#pragma omp simd
      for (std::int64_t i = begin; i < end; ++i) put(i, dy[i] * swish_slope(x[i]));
    });
  });
}

template <class T>
void swish_dropout_forward(const Cpu& cpu, std::int64_t n, const Dropout& dropout, const T* x,
                           T* y) {
  for_dropout_factors<T>(cpu, n, 23, dropout, [&](std::int64_t i, T factor) {
    const T kept = x[i] * sigmoid(x[i]).value * factor;
    y[i] = factor != 0 ? kept : T(0);
  });
}

template <class T>
void swish_dropout_backward(const Cpu& cpu, std::int64_t n, const Dropout& dropout, const T* x,
                            const T* dy, Gradient<T> dx) {
  if (!dx) return;
  assign_or_add(dx, [&](auto put) {
    for_dropout_factors<T>(cpu, n, 23, dropout, [&](std::int64_t i, T factor) {
      const T kept = dy[i] * factor * swish_slope(x[i]);
      put(i, factor != 0 ? kept : T(0));
    });
  });
}

template void swish_forward(const Cpu&, std::int64_t, const float*, float*);
template void swish_forward(const Cpu&, std::int64_t, const double*, double*);
template void swish_backward(const Cpu&, std::int64_t, const float*, const float*, Gradient<float>);
template void swish_backward(const Cpu&, std::int64_t, const double*, const double*,
                             Gradient<double>);
template void swish_dropout_forward(const Cpu&, std::int64_t, const Dropout&, const float*, float*);
template void swish_dropout_forward(const Cpu&, std::int64_t, const Dropout&, const double*,
                                    double*);
template void swish_dropout_backward(const Cpu&, std::int64_t, const Dropout&, const float*,
                                     const float*, Gradient<float>);
template void swish_dropout_backward(const Cpu&, std::int64_t, const Dropout&, const double*,
                                     const double*, Gradient<double>);

}  // namespace ekgine::kernels
