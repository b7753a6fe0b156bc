#include "kernels/swish.h"

#include <array>

#include "kernels/sigmoid.h"

namespace ekgine::kernels {

namespace {

constexpr std::int64_t chunk = 256;  // elements whose factors are drawn together

template <class T>
[[gnu::always_inline]] inline T swish_slope(T x) {
  const Sigmoid<T> s = sigmoid(x);
  return s.value * (T(1) + x * s.complement);
}

// Calls body(i, factor) for every element.
template <class T, class Body>
void for_factors(const Cpu& cpu, std::int64_t n, const Dropout& dropout, const Body& body) {
  parallel_for(n, grain_of(23), [&](std::int64_t begin, std::int64_t end, int) {
    std::array<T, chunk> factor;
    for (std::int64_t i = begin; i < end; i += chunk) {
      const std::int64_t m = std::min(end - i, chunk);
      dropout_factors(cpu.step, dropout, static_cast<std::uint64_t>(i), m, factor.data());
#pragma omp simd
      for (std::int64_t k = 0; k < m; ++k) body(i + k, factor[k]);
    }
  });
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
  for_factors<T>(cpu, n, dropout, [&](std::int64_t i, T factor) {
    const T kept = x[i] * sigmoid(x[i]).value * factor;
    y[i] = factor != 0 ? kept : T(0);
  });
}

template <class T>
void swish_dropout_backward(const Cpu& cpu, std::int64_t n, const Dropout& dropout, const T* x,
                            const T* dy, Gradient<T> dx) {
  if (!dx) return;
  assign_or_add(dx, [&](auto put) {
    for_factors<T>(cpu, n, dropout, [&](std::int64_t i, T factor) {
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
