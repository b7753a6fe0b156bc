// Rectifier.
//
//   x, y, dx, dy   (n)
//
//   y = max(0, x), NaN for NaN;  dx = dy where y > 0, 0 elsewhere (also at x = 0)
//
// Backward needs y. y is assigned; dx is assigned or accumulated as it says, and may be assigned
// over dy. Memory-bound, deterministic.
#pragma once

#include "kernels/runtime/cpu.h"

namespace ekgine::kernels {

constexpr Cost relu_forward_cost(std::int64_t n, double element) {
  return {static_cast<double>(n), 2 * static_cast<double>(n) * element};
}
constexpr Cost relu_backward_cost(std::int64_t n, double element) {
  return {static_cast<double>(n), 3 * static_cast<double>(n) * element};
}

template <class T>
void relu_forward(const Cpu& cpu, std::int64_t n, const T* x, T* y);

template <class T>
void relu_backward(const Cpu& cpu, std::int64_t n, const T* y, const T* dy, Gradient<T> dx);

template <class T>
void relu_forward(const Cuda& cuda, std::int64_t n, const T* x, T* y);

template <class T>
void relu_backward(const Cuda& cuda, std::int64_t n, const T* y, const T* dy, Gradient<T> dx);

}  // namespace ekgine::kernels
