#include "kernels/elementwise.h"

namespace ekgine::kernels {

namespace {

constexpr std::int64_t grain = 1 << 14;

}  // namespace

template <class T>
void add_scaled(const Cpu&, std::int64_t n, const T* a, T alpha, const T* b, T* y) {
  parallel_for(n, grain, [&](std::int64_t begin, std::int64_t end, int) {
#pragma omp simd
    for (std::int64_t i = begin; i < end; ++i) y[i] = a[i] + alpha * b[i];
  });
}

template <class T>
void scale(const Cpu&, std::int64_t n, T alpha, const T* x, Gradient<T> y) {
  if (!y) return;
  parallel_for(n, grain, [&](std::int64_t begin, std::int64_t end, int) {
#pragma omp simd
    for (std::int64_t i = begin; i < end; ++i) {
      y.data[i] = y.accumulate ? y.data[i] + alpha * x[i] : alpha * x[i];
    }
  });
}

template <class T>
void fill(const Cpu&, std::int64_t n, T value, T* y) {
  parallel_for(n, grain, [&](std::int64_t begin, std::int64_t end, int) {
    std::fill(y + begin, y + end, value);
  });
}

template void add_scaled(const Cpu&, std::int64_t, const float*, float, const float*, float*);
template void add_scaled(const Cpu&, std::int64_t, const double*, double, const double*, double*);
template void scale(const Cpu&, std::int64_t, float, const float*, Gradient<float>);
template void scale(const Cpu&, std::int64_t, double, const double*, Gradient<double>);
template void fill(const Cpu&, std::int64_t, float, float*);
template void fill(const Cpu&, std::int64_t, double, double*);

}  // namespace ekgine::kernels
