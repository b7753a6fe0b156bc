// Two-dimensional convolution (cross-correlation), channels last, stride 1, same padding, no bias.
//
//   x, dx   (N,H,W,C)
//   w, dw   (KH,KW,C,O)
//   y, dy   (N,H,W,O)
//
// With top = ⌊(KH−1)/2⌋ and left = ⌊(KW−1)/2⌋ (as Keras pads "same"), and x = 0 outside:
//
//   y[n,h,v,o]     = Σ_{i,j,c} x[n, h+i−top, v+j−left, c]·w[i,j,c,o]
//   dx[n,h,v,c]    = Σ_{i,j,o} dy[n, h−i+top, v−j+left, o]·w[i,j,c,o]
//   dw[i,j,c,o]    = Σ_{n,h,v} x[n, h+i−top, v+j−left, c]·dy[n,h,v,o]
//
// Backward needs x and w. y is assigned; each gradient is assigned or accumulated as it says, and
// one that nobody wants is not computed. Deterministic at a given thread count.
//
// In float 3×3 kernels between multiples of 16 channels use minimal filtering
// (kernels/conv2d_winograd.h). With images in bfloat16 the weights are rounded to it, too; products
// and sums are float, and an output is rounded once.
//
// On CUDA, where x, w, y, dx and dy are T and dw is float, cuDNN does the work, with algorithms
// that give the same bits every time; a 3×3 kernel on images of one channel (y and dw) is our own.
// In bfloat16 cuDNN rounds each element of dw once, after it was summed in float.
#pragma once

#include "kernels/runtime/cpu.h"

namespace ekgine::kernels {

struct Conv2dShape {
  std::int64_t n, h, w, c;          // N, H, W, C
  std::int64_t kernel_h, kernel_w;  // KH, KW
  std::int64_t o;                   // O

  constexpr std::int64_t in() const { return n * h * w * c; }
  constexpr std::int64_t out() const { return n * h * w * o; }
  constexpr std::int64_t weights() const { return kernel_h * kernel_w * c * o; }
};

// Products with the padding counted, as is customary.
constexpr Cost conv2d_forward_cost(Conv2dShape s, double element) {
  const double products = static_cast<double>(s.n * s.h * s.w) * static_cast<double>(s.weights());
  return {2 * products, static_cast<double>(s.in() + s.out() + s.weights()) * element};
}
// Both gradients, or dw alone.
constexpr Cost conv2d_backward_cost(Conv2dShape s, double element, bool data = true) {
  const Cost one = conv2d_forward_cost(s, element);
  return {(data ? 2 : 1) * one.flops, (data ? 2 : 1) * one.bytes};
}

template <class I, class T>
void conv2d_forward(const Cpu& cpu, Conv2dShape s, const I* x, const T* w, I* y);

template <class I, class T>
void conv2d_backward(const Cpu& cpu, Conv2dShape s, const I* x, const T* w, const I* dy,
                     Gradient<I> dx, Gradient<T> dw);

template <class T>
void conv2d_forward(const Cuda& cuda, Conv2dShape s, const T* x, const T* w, T* y);

template <class T>
void conv2d_backward(const Cuda& cuda, Conv2dShape s, const T* x, const T* w, const T* dy,
                     Gradient<T> dx, Gradient<float> dw);

}  // namespace ekgine::kernels
