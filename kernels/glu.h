// Gated linear unit: one half of the channels gates the other.
//
// Dauphin, Fan, Auli, Grangier: "Language modeling with gated convolutional networks", ICML 2017.
//
//   x, dx (rows, 2C)     rows = all leading axes; a = x[:, :C], b = x[:, C:]
//   y, dy (rows, C)
//
// Forward:  y = a·σ(b)
// Backward: da = dy·σ(b);  db = dy·a·σ(b)·(1 − σ(b))
//
// Nothing is saved but x. y is assigned; dx is assigned or accumulated as it says and may lie over
// x. Deterministic: the same bits at any thread count.
#pragma once

#include "kernels/runtime/cpu.h"

namespace ekgine::kernels {

struct GluShape {
  std::int64_t rows, channels;  // rows, C (of y)
};

// An exponential is counted as ten operations.
constexpr Cost glu_forward_cost(GluShape s, double element) {
  const double n = static_cast<double>(s.rows) * static_cast<double>(s.channels);
  return {13 * n, 3 * n * element};
}
constexpr Cost glu_backward_cost(GluShape s, double element) {
  const double n = static_cast<double>(s.rows) * static_cast<double>(s.channels);
  return {17 * n, 5 * n * element};
}

template <class T>
void glu_forward(const Cpu& cpu, GluShape s, const T* x, T* y);

template <class T>
void glu_backward(const Cpu& cpu, GluShape s, const T* x, const T* dy, Gradient<T> dx);

template <class T>
void glu_forward(const Cuda& cuda, GluShape s, const T* x, T* y);

template <class T>
void glu_backward(const Cuda& cuda, GluShape s, const T* x, const T* dy, Gradient<T> dx);

}  // namespace ekgine::kernels
