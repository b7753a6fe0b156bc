// Swish, also called SiLU: x weighted by its own logistic function.
//
// Ramachandran, Zoph, Le: "Searching for activation functions", 2017 (arXiv:1710.05941), β = 1.
//
//   x, y, dx, dy (n)
//
// Forward:  y = x·σ(x)
// Backward: dx = dy·σ(x)·(1 + x·(1 − σ(x)))
//
// Nothing is saved but x. y is assigned; dx is assigned or accumulated as it says and may lie over
// x. Deterministic: the same bits at any thread count.
#pragma once

#include "kernels/runtime/cpu.h"

namespace ekgine::kernels {

// An exponential is counted as ten operations.
constexpr Cost swish_forward_cost(std::int64_t n, double element) {
  return {13 * static_cast<double>(n), 2 * static_cast<double>(n) * element};
}
constexpr Cost swish_backward_cost(std::int64_t n, double element) {
  return {17 * static_cast<double>(n), 3 * static_cast<double>(n) * element};
}

template <class T>
void swish_forward(const Cpu& cpu, std::int64_t n, const T* x, T* y);

template <class T>
void swish_backward(const Cpu& cpu, std::int64_t n, const T* x, const T* dy, Gradient<T> dx);

}  // namespace ekgine::kernels
