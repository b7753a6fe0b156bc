// Swish, also called SiLU: x weighted by its own logistic function. Alone, and fused with the
// dropout that follows it in a feed-forward module.
//
// Ramachandran, Zoph, Le: "Searching for activation functions", 2017 (arXiv:1710.05941), β = 1.
//
//   x, y, dx, dy (n)
//
// Forward:  y = x·σ(x)
// Backward: dx = dy·σ(x)·(1 + x·(1 − σ(x)))
//
// swish_dropout, with factor[i] as in kernels/dropout.h for element i:
// Forward:  y = x·σ(x)·factor, 0 where dropped
// Backward: dx = dy·factor·σ(x)·(1 + x·(1 − σ(x))), 0 where dropped
//
// Nothing is saved but x. y is assigned; dx is assigned or accumulated as it says and may lie over
// x. Deterministic: the same bits at any thread count.
//
// The bias in front of swish is not fused here: on CUDA the matrix product adds it to its sums
// before they are stored (kernels/linear.h).
#pragma once

#include "kernels/dropout.h"
#include "kernels/runtime/cpu.h"

namespace ekgine::kernels {

// An exponential is counted as ten operations.
constexpr Cost swish_forward_cost(std::int64_t n, double element) {
  return {13 * static_cast<double>(n), 2 * static_cast<double>(n) * element};
}
constexpr Cost swish_backward_cost(std::int64_t n, double element) {
  return {17 * static_cast<double>(n), 3 * static_cast<double>(n) * element};
}

constexpr Cost swish_dropout_forward_cost(std::int64_t n, double element) {
  return {14 * static_cast<double>(n), 2 * static_cast<double>(n) * element};
}
constexpr Cost swish_dropout_backward_cost(std::int64_t n, double element) {
  return {18 * static_cast<double>(n), 3 * static_cast<double>(n) * element};
}

template <class T>
void swish_forward(const Cpu& cpu, std::int64_t n, const T* x, T* y);

template <class T>
void swish_backward(const Cpu& cpu, std::int64_t n, const T* x, const T* dy, Gradient<T> dx);

template <class T>
void swish_dropout_forward(const Cpu& cpu, std::int64_t n, const Dropout& dropout, const T* x,
                           T* y);

template <class T>
void swish_dropout_backward(const Cpu& cpu, std::int64_t n, const Dropout& dropout, const T* x,
                            const T* dy, Gradient<T> dx);

template <class T>
void swish_forward(const Cuda& cuda, std::int64_t n, const T* x, T* y);

template <class T>
void swish_backward(const Cuda& cuda, std::int64_t n, const T* x, const T* dy, Gradient<T> dx);

template <class T>
void swish_dropout_forward(const Cuda& cuda, std::int64_t n, const Dropout& dropout, const T* x,
                           T* y);

template <class T>
void swish_dropout_backward(const Cuda& cuda, std::int64_t n, const Dropout& dropout, const T* x,
                            const T* dy, Gradient<T> dx);

}  // namespace ekgine::kernels
