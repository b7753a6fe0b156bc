// Linear map of rows (a dense layer, a pointwise convolution).
//
//   x, dx        (R,I)     R = all leading axes
//   w, dw        (I,O)
//   bias, dbias  (O)       or null: none
//   y, dy        (R,O)
//
//   y = x·w + bias
//   dx = dy·wᵀ;  dw = xᵀ·dy;  dbias = Σ_rows dy
//
// Backward needs x and w. y is assigned; each gradient is assigned or accumulated as it says.
// Deterministic at a given thread count. In float oneDNN multiplies; on CUDA cuBLASLt does.
//
// On CUDA x, w, bias, y, dx and dy are T, the rest is float: cuBLASLt adds a bias to a bfloat16 y
// in bfloat16 only, which rounds it by as much as y itself is. dbias that is assigned beside dw is
// made with it where cuBLASLt can, and then, where TF32 is allowed, of dy as it is multiplied.
#pragma once

#include "kernels/runtime/cpu.h"

namespace ekgine::kernels {

struct LinearShape {
  std::int64_t rows, in, out;  // R, I, O
};

constexpr Cost linear_forward_cost(LinearShape s, double element) {
  const double r = static_cast<double>(s.rows), i = static_cast<double>(s.in),
               o = static_cast<double>(s.out);
  return {2 * r * i * o, (r * i + i * o + r * o) * element};
}
constexpr Cost linear_backward_cost(LinearShape s, double element) {
  const Cost one = linear_forward_cost(s, element);
  return {2 * one.flops, 2 * one.bytes};
}

template <class T>
void linear_forward(const Cpu& cpu, LinearShape s, const T* x, const T* w, const T* bias, T* y);

template <class T>
void linear_backward(const Cpu& cpu, LinearShape s, const T* x, const T* w, const T* dy,
                     Gradient<T> dx, Gradient<T> dw, Gradient<T> dbias);

template <class T>
void linear_forward(const Cuda& cuda, LinearShape s, const T* x, const T* w, const T* bias, T* y);

template <class T>
void linear_backward(const Cuda& cuda, LinearShape s, const T* x, const T* w, const T* dy,
                     Gradient<T> dx, Gradient<float> dw, Gradient<float> dbias);

}  // namespace ekgine::kernels
