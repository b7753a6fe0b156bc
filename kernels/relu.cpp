#include "kernels/relu.h"

namespace ekgine::kernels {

namespace {

constexpr std::int64_t grain = 1 << 14;

}  // namespace

template <class T>
void relu_forward(const Cpu&, std::int64_t n, const T* x, T* y) {
  parallel_for(n, grain, [&](std::int64_t begin, std::int64_t end, int) {
#pragma omp simd
    for (std::int64_t i = begin; i < end; ++i) y[i] = T(0) > x[i] ? T(0) : x[i];
  });
}

template <class T>
void relu_backward(const Cpu&, std::int64_t n, const T* y, const T* dy, Gradient<T> dx) {
  if (!dx) return;
  parallel_for(n, grain, [&](std::int64_t begin, std::int64_t end, int) {
#pragma omp simd
    for (std::int64_t i = begin; i < end; ++i) {
      const T value = y[i] > 0 ? dy[i] : T(0);
      dx.data[i] = dx.accumulate ? dx.data[i] + value : value;
    }
  });
}

template void relu_forward(const Cpu&, std::int64_t, const float*, float*);
template void relu_forward(const Cpu&, std::int64_t, const double*, double*);
template void relu_backward(const Cpu&, std::int64_t, const float*, const float*, Gradient<float>);
template void relu_backward(const Cpu&, std::int64_t, const double*, const double*,
                            Gradient<double>);

}  // namespace ekgine::kernels
