// Batch normalisation, rectifier and pooling in one pass.
//
// Between two convolutions these three follow each other and do next to no arithmetic, so their
// time is the memory that they move. Fused, the normalised and rectified images never exist:
// forward reads x and writes the pooled y, and backward recomputes both from x. The statistics come
// from kernels/batch_norm.h; the composition batch_norm → relu → max_pool2d or global_avg_pool is
// the specification, and the tests compare with it.
//
//   x, dx        (N,H,W,C)
//   y, dy        (N,⌊H/2⌋,⌊W/2⌋,C) of max_pool2d, (N,C) of global_avg_pool
//   mean, rstd, weight, bias, dweight, dbias (C), as in kernels/batch_norm.h
//
// Forward, with v = (x − mean)·(weight·rstd) + bias (weight may be negative: the maximum is that of
// v, not of x):
//   max_pool2d:       y = max(0, max v over the 2×2 window); a last odd row or column of x is in no
//                     window
//   global_avg_pool:  y = Σ_{h,w} max(0, v) / (H·W)
//
// Backward, with M = N·H·W, x̂ = (x − mean)·rstd and g the gradient of v:
//   max_pool2d:       g = dy at the first maximum of a window in row-major order if it is positive,
//                     otherwise 0
//   global_avg_pool:  g = dy/(H·W) where v > 0, otherwise 0
//   dbias = Σ g;  dweight = Σ g·x̂;  dx = weight·rstd·(g − dbias/M − x̂·dweight/M) everywhere, also
//   where no window is
//
// Where ranks share a batch, N is the images of all of them: backward can be done in parts for
// that, as in kernels/batch_norm.h, whose batch_norm_put_sums puts the sums.
//
// y is assigned; each gradient is assigned or accumulated as it says, and dx may be assigned over
// x. Deterministic: on the CPU at a given thread count, on CUDA always.
#pragma once

#include "kernels/runtime/cpu.h"

namespace ekgine::kernels {

struct BatchNormReluPoolShape {
  std::int64_t n, h, w, c;  // N, H, W, C

  constexpr double in() const { return static_cast<double>(n * h * w) * static_cast<double>(c); }
  constexpr double pooled() const {
    return static_cast<double>(n * (h / 2) * (w / 2)) * static_cast<double>(c);
  }
};

// Statistics included.
constexpr Cost batch_norm_relu_max_pool2d_forward_cost(BatchNormReluPoolShape s, double element) {
  return {9 * s.in(), (2 * s.in() + s.pooled()) * element};
}
constexpr Cost batch_norm_relu_max_pool2d_backward_cost(BatchNormReluPoolShape s, double element) {
  return {12 * s.in(), (3 * s.in() + 2 * s.pooled()) * element};
}
constexpr Cost batch_norm_relu_global_avg_pool_forward_cost(BatchNormReluPoolShape s,
                                                            double element) {
  return {9 * s.in(), 2 * s.in() * element};
}
constexpr Cost batch_norm_relu_global_avg_pool_backward_cost(BatchNormReluPoolShape s,
                                                             double element) {
  return {12 * s.in(), 3 * s.in() * element};
}

template <class I, class T>
void batch_norm_relu_max_pool2d_forward(const Cpu& cpu, BatchNormReluPoolShape s, const I* x,
                                        const T* mean, const T* rstd, const T* weight,
                                        const T* bias, I* y);
template <class T>
void batch_norm_relu_max_pool2d_forward(const Cuda& cuda, BatchNormReluPoolShape s, const T* x,
                                        const float* mean, const float* rstd, const float* weight,
                                        const float* bias, T* y);

template <class I, class T>
void batch_norm_relu_max_pool2d_backward(const Cpu& cpu, BatchNormReluPoolShape s, const I* x,
                                         const T* mean, const T* rstd, const T* weight,
                                         const T* bias, const I* dy, Gradient<I> dx,
                                         Gradient<T> dweight, Gradient<T> dbias);
template <class T>
void batch_norm_relu_max_pool2d_backward(const Cuda& cuda, BatchNormReluPoolShape s, const T* x,
                                         const float* mean, const float* rstd, const float* weight,
                                         const float* bias, const T* dy, Gradient<T> dx,
                                         Gradient<float> dweight, Gradient<float> dbias);

template <class I, class T>
void batch_norm_relu_global_avg_pool_forward(const Cpu& cpu, BatchNormReluPoolShape s, const I* x,
                                             const T* mean, const T* rstd, const T* weight,
                                             const T* bias, T* y);
template <class T>
void batch_norm_relu_global_avg_pool_forward(const Cuda& cuda, BatchNormReluPoolShape s, const T* x,
                                             const float* mean, const float* rstd,
                                             const float* weight, const float* bias, T* y);

template <class I, class T>
void batch_norm_relu_global_avg_pool_backward(const Cpu& cpu, BatchNormReluPoolShape s, const I* x,
                                              const T* mean, const T* rstd, const T* weight,
                                              const T* bias, const T* dy, Gradient<I> dx,
                                              Gradient<T> dweight, Gradient<T> dbias);
template <class T>
void batch_norm_relu_global_avg_pool_backward(const Cuda& cuda, BatchNormReluPoolShape s,
                                              const T* x, const float* mean, const float* rstd,
                                              const float* weight, const float* bias, const T* dy,
                                              Gradient<T> dx, Gradient<float> dweight,
                                              Gradient<float> dbias);

// In parts. sums (2, C), assigned: Σ g·x̂ and Σ g over these images. dx of these images, from the
// sums over `images` images.
template <class I, class T>
void batch_norm_relu_max_pool2d_backward_sums(const Cpu& cpu, BatchNormReluPoolShape s, const I* x,
                                              const T* mean, const T* rstd, const T* weight,
                                              const T* bias, const I* dy, double* sums);
template <class T>
void batch_norm_relu_max_pool2d_backward_sums(const Cuda& cuda, BatchNormReluPoolShape s,
                                              const T* x, const float* mean, const float* rstd,
                                              const float* weight, const float* bias, const T* dy,
                                              float* sums);
template <class I, class T>
void batch_norm_relu_max_pool2d_backward_dx(const Cpu& cpu, BatchNormReluPoolShape s,
                                            std::int64_t images, const I* x, const T* mean,
                                            const T* rstd, const T* weight, const T* bias,
                                            const I* dy, const double* sums, Gradient<I> dx);
template <class T>
void batch_norm_relu_max_pool2d_backward_dx(const Cuda& cuda, BatchNormReluPoolShape s,
                                            std::int64_t images, const T* x, const float* mean,
                                            const float* rstd, const float* weight,
                                            const float* bias, const T* dy, const float* sums,
                                            Gradient<T> dx);
template <class I, class T>
void batch_norm_relu_global_avg_pool_backward_sums(const Cpu& cpu, BatchNormReluPoolShape s,
                                                   const I* x, const T* mean, const T* rstd,
                                                   const T* weight, const T* bias, const T* dy,
                                                   double* sums);
template <class T>
void batch_norm_relu_global_avg_pool_backward_sums(const Cuda& cuda, BatchNormReluPoolShape s,
                                                   const T* x, const float* mean, const float* rstd,
                                                   const float* weight, const float* bias,
                                                   const T* dy, float* sums);
template <class I, class T>
void batch_norm_relu_global_avg_pool_backward_dx(const Cpu& cpu, BatchNormReluPoolShape s,
                                                 std::int64_t images, const I* x, const T* mean,
                                                 const T* rstd, const T* weight, const T* bias,
                                                 const T* dy, const double* sums, Gradient<I> dx);
template <class T>
void batch_norm_relu_global_avg_pool_backward_dx(const Cuda& cuda, BatchNormReluPoolShape s,
                                                 std::int64_t images, const T* x, const float* mean,
                                                 const float* rstd, const float* weight,
                                                 const float* bias, const T* dy, const float* sums,
                                                 Gradient<T> dx);

}  // namespace ekgine::kernels
