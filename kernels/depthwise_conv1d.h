// Depthwise convolution over time: every channel has a filter of its own.
//
// Chollet: "Xception: deep learning with depthwise separable convolutions", CVPR 2017; here as
// Keras' DepthwiseConv1D: cross-correlation, stride 1, "same" zero padding.
//
//   x, y, dx, dy        (N, T, C)
//   weight, dweight     (K, C)      any K ≥ 1, odd or even, also K > T
//   bias, dbias         (C)
//
// With pad = ⌊(K − 1)/2⌋ zeros in front (and the other K − 1 − pad behind):
//
// Forward:  y[n,t,c] = bias[c] + Σ_k weight[k,c]·x[n, t + k − pad, c]
// Backward: dx[n,t,c] = Σ_k weight[k,c]·dy[n, t − k + pad, c]
//           dweight[k,c] = Σ_{n,t} dy[n,t,c]·x[n, t + k − pad, c];  dbias[c] = Σ_{n,t} dy[n,t,c]
//
// Nothing is saved but x. y is assigned; each gradient is assigned or accumulated as it says.
// Every channel is summed in a fixed order, on the CPU that of (n, t): the same bits at any thread
// count.
#pragma once

#include "kernels/runtime/cpu.h"

namespace ekgine::kernels {

struct DepthwiseConv1dShape {
  std::int64_t sequences, positions, channels, width;  // N, T, C, K

  constexpr std::int64_t pad() const { return (width - 1) / 2; }
};

// Products with padding are not counted: tap k meets T − |k − pad| positions.
constexpr double depthwise_conv1d_products(DepthwiseConv1dShape s) {
  double taps = 0;
  for (std::int64_t k = 0; k < s.width; ++k) {
    const std::int64_t shift = k < s.pad() ? s.pad() - k : k - s.pad();
    if (shift < s.positions) taps += static_cast<double>(s.positions - shift);
  }
  return taps * static_cast<double>(s.sequences) * static_cast<double>(s.channels);
}
constexpr Cost depthwise_conv1d_forward_cost(DepthwiseConv1dShape s, double element) {
  const double n = static_cast<double>(s.sequences) * static_cast<double>(s.positions) *
                   static_cast<double>(s.channels);
  const double weights = static_cast<double>(s.width + 1) * static_cast<double>(s.channels);
  return {2 * depthwise_conv1d_products(s), (2 * n + weights) * element};
}
constexpr Cost depthwise_conv1d_backward_cost(DepthwiseConv1dShape s, double element) {
  const double n = static_cast<double>(s.sequences) * static_cast<double>(s.positions) *
                   static_cast<double>(s.channels);
  const double weights = static_cast<double>(s.width + 1) * static_cast<double>(s.channels);
  return {4 * depthwise_conv1d_products(s) + n, (3 * n + 2 * weights) * element};
}

template <class T>
void depthwise_conv1d_forward(const Cpu& cpu, DepthwiseConv1dShape s, const T* x, const T* weight,
                              const T* bias, T* y);

template <class T>
void depthwise_conv1d_backward(const Cpu& cpu, DepthwiseConv1dShape s, const T* x, const T* weight,
                               const T* dy, Gradient<T> dx, Gradient<T> dweight, Gradient<T> dbias);

template <class T>
void depthwise_conv1d_forward(const Cuda& cuda, DepthwiseConv1dShape s, const T* x,
                              const float* weight, const float* bias, T* y);

template <class T>
void depthwise_conv1d_backward(const Cuda& cuda, DepthwiseConv1dShape s, const T* x,
                               const float* weight, const T* dy, Gradient<T> dx,
                               Gradient<float> dweight, Gradient<float> dbias);

}  // namespace ekgine::kernels
