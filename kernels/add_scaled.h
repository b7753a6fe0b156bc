// A sum of two arrays of equal size, one of them scaled; and its backward pass for that one.
//
//   add_scaled:  y = a + α·b                 y assigned
//   scale:       y = α·x, or y += α·x        as the gradient says
//
// All (n). Memory-bound, deterministic.
#pragma once

#include "kernels/runtime/cpu.h"

namespace ekgine::kernels {

constexpr Cost add_scaled_cost(std::int64_t n, double element) {
  return {2 * static_cast<double>(n), 3 * static_cast<double>(n) * element};
}
// Of a gradient that is assigned.
constexpr Cost scale_cost(std::int64_t n, double element) {
  return {static_cast<double>(n), 2 * static_cast<double>(n) * element};
}

template <class T>
void add_scaled(const Cpu& cpu, std::int64_t n, const T* a, T alpha, const T* b, T* y);

template <class T>
void scale(const Cpu& cpu, std::int64_t n, T alpha, const T* x, Gradient<T> y);

template <class T>
void add_scaled(const Cuda& cuda, std::int64_t n, const T* a, float alpha, const T* b, T* y);

template <class T>
void scale(const Cuda& cuda, std::int64_t n, float alpha, const T* x, Gradient<T> y);

}  // namespace ekgine::kernels
