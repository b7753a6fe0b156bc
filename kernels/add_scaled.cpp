#include "kernels/add_scaled.h"

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

template void add_scaled(const Cpu&, std::int64_t, const float*, float, const float*, float*);
template void add_scaled(const Cpu&, std::int64_t, const double*, double, const double*, double*);
template void scale(const Cpu&, std::int64_t, float, const float*, Gradient<float>);
template void scale(const Cpu&, std::int64_t, double, const double*, Gradient<double>);

}  // namespace ekgine::kernels
