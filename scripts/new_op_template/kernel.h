// Scaled square.
//
//   x, y, dx, dy   (n)
//
//   y = factor·x²;  dx = 2·factor·x·dy
//
// Backward needs x. y is assigned; dx is assigned or accumulated as it says. Memory-bound,
// deterministic.
#pragma once

#include "kernels/runtime/cpu.h"

namespace ekgine::kernels {

constexpr Cost new_op_forward_cost(std::int64_t n, double element) {
  return {2 * static_cast<double>(n), 2 * static_cast<double>(n) * element};
}
// Of a gradient that is assigned.
constexpr Cost new_op_backward_cost(std::int64_t n, double element) {
  return {3 * static_cast<double>(n), 3 * static_cast<double>(n) * element};
}

template <class T>
void new_op_forward(const Cpu& cpu, std::int64_t n, T factor, const T* x, T* y);

template <class T>
void new_op_backward(const Cpu& cpu, std::int64_t n, T factor, const T* x, const T* dy,
                     Gradient<T> dx);

template <class T>
void new_op_forward(const Cuda& cuda, std::int64_t n, float factor, const T* x, T* y);

template <class T>
void new_op_backward(const Cuda& cuda, std::int64_t n, float factor, const T* x, const T* dy,
                     Gradient<T> dx);

}  // namespace ekgine::kernels
