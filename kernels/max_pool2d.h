// Maxima of 2×2 windows with stride 2, valid: a last odd row or column is in no window.
//
//   x, dx   (N,H,W,C)
//   y, dy   (N,⌊H/2⌋,⌊W/2⌋,C)
//
// Forward:  y = max over the window. A NaN in it makes y NaN.
// Backward: dx = dy at the first maximum of the window in row-major order, 0 elsewhere and outside
// of all windows. Needs x; no indices are kept.
//
// y is assigned; dx is assigned or accumulated as it says. Memory-bound, deterministic.
#pragma once

#include "kernels/runtime/cpu.h"

namespace ekgine::kernels {

struct MaxPool2dShape {
  std::int64_t n, h, w, c;  // N, H, W, C

  constexpr double in() const { return static_cast<double>(n * h * w) * static_cast<double>(c); }
  constexpr double out() const {
    return static_cast<double>(n * (h / 2) * (w / 2)) * static_cast<double>(c);
  }
};

constexpr Cost max_pool2d_forward_cost(MaxPool2dShape s, double element) {
  return {3 * s.out(), (s.in() + s.out()) * element};
}
constexpr Cost max_pool2d_backward_cost(MaxPool2dShape s, double element) {
  return {3 * s.out(), (2 * s.in() + s.out()) * element};
}

template <class T>
void max_pool2d_forward(const Cpu& cpu, MaxPool2dShape s, const T* x, T* y);
template <class T>
void max_pool2d_forward(const Cuda& cuda, MaxPool2dShape s, const T* x, T* y);

template <class T>
void max_pool2d_backward(const Cpu& cpu, MaxPool2dShape s, const T* x, const T* dy, Gradient<T> dx);
template <class T>
void max_pool2d_backward(const Cuda& cuda, MaxPool2dShape s, const T* x, const T* dy,
                         Gradient<T> dx);

}  // namespace ekgine::kernels
