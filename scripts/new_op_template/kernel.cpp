#include "kernels/new_op.h"

namespace ekgine::kernels {

namespace {

constexpr std::int64_t grain = 1 << 14;

}  // namespace

template <class T>
void new_op_forward(const Cpu&, std::int64_t n, T factor, const T* x, T* y) {
  parallel_for(n, grain, [&](std::int64_t begin, std::int64_t end, int) {
#pragma omp simd
    for (std::int64_t i = begin; i < end; ++i) y[i] = factor * x[i] * x[i];
  });
}

template <class T>
void new_op_backward(const Cpu&, std::int64_t n, T factor, const T* x, const T* dy,
                     Gradient<T> dx) {
  if (!dx) return;
  assign_or_add(dx, [&](auto put) {
    parallel_for(n, grain, [&](std::int64_t begin, std::int64_t end, int) {
#pragma omp simd
      for (std::int64_t i = begin; i < end; ++i) put(i, 2 * factor * x[i] * dy[i]);
    });
  });
}

template void new_op_forward(const Cpu&, std::int64_t, float, const float*, float*);
template void new_op_forward(const Cpu&, std::int64_t, double, const double*, double*);
template void new_op_backward(const Cpu&, std::int64_t, float, const float*, const float*,
                              Gradient<float>);
template void new_op_backward(const Cpu&, std::int64_t, double, const double*, const double*,
                              Gradient<double>);

}  // namespace ekgine::kernels
