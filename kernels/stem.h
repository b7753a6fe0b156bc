// The stem of a network of images: 3×3 convolution of one channel, batch normalisation, rectifier
// and 2×2 max pooling, whose convolution is never in memory: the composition conv2d →
// batch_norm_relu_max_pool2d.
//
// The convolution of a single channel is little arithmetic (nine products) and the largest array of
// the model. It is computed anew wherever it is needed: in the forward pass, and in the backward
// pass to find the maxima. The composition is the specification, and the tests compare with it.
//
//   x                (N,H,W)    images; no gradient: they are data
//   kernel, dkernel  (3,3,C)    of conv2d with C input channels 1
//   y, dy            (N,⌊H/2⌋,⌊W/2⌋,C)
//   weight, bias, dweight, dbias, mean, rstd, running_mean, running_variance
//                    (C)        as in kernels/batch_norm.h
//   patch_mean       (9)        statistics of patches, kept for backward
//   patch_covariance (9,9)
//
// A patch p ∈ ℝ⁹ is what the kernel meets at one of the M = N·H·W positions, zeros outside of the
// image; the convolution there is u = kernelᵀp. Since that is linear, so are its statistics:
//
//   patch_mean = Σ p/M;  patch_covariance = Σ p·pᵀ/M − patch_mean·patch_meanᵀ
//   mean = kernelᵀ·patch_mean;  variance = kernelᵀ·patch_covariance·kernel, per channel
//
// and then rstd and the running statistics as in kernels/batch_norm.h. Sums are double, in which
// products of floats are exact: the difference costs 1e-16·(mean/deviation)² of the covariance.
//
// Forward, computed with kernel·(weight·rstd) in the kernel's place:
//   v = (u − mean)·(weight·rstd) + bias;  y = max(0, max v over the 2×2 window)
//
// Backward: dy goes to the first maximum of its window in row-major order, if that is positive; let
// g be this gradient of v, and S = Σ g·p over the windows' maxima. With x̂ = (u − mean)·rstd,
//   dbias   = Σ g
//   dweight = Σ g·x̂ = rstd·(kernelᵀ·S − mean·dbias)
//   dkernel = weight·rstd·(S − dbias·patch_mean − dweight·rstd·patch_covariance·kernel)
// The last is batch normalisation's gradient of u, summed over all M patches: there patches meet
// only their own sums.
//
// Where ranks share a batch, M is the positions of all of them: the sums of a rank's images can be
// added up before statistics are made of them. Backward needs nothing of others but those: the
// ranks' gradients are its parts, and add up.
//
// y is assigned; each gradient is assigned or accumulated as it says. Deterministic: on the CPU at
// a given thread count, on CUDA always. With images in bfloat16 the kernel is rounded to it, too; u
// never is.
#pragma once

#include "kernels/runtime/cpu.h"

namespace ekgine::kernels {

struct StemShape {
  std::int64_t n, h, w, c;  // N, H, W, C

  constexpr std::int64_t positions() const { return n * h * w; }
  constexpr double convolved() const {
    return static_cast<double>(positions()) * static_cast<double>(c);
  }
  constexpr double pooled() const {
    return static_cast<double>(n * (h / 2) * (w / 2)) * static_cast<double>(c);
  }
};

// 9 sums and 45 products of a patch.
constexpr Cost stem_statistics_cost(StemShape s, double element) {
  return {99 * static_cast<double>(s.positions()), static_cast<double>(s.positions()) * element};
}
constexpr Cost stem_forward_cost(StemShape s, double element) {
  return {19 * s.convolved(), (static_cast<double>(s.positions()) + s.pooled()) * element};
}
constexpr Cost stem_backward_cost(StemShape s, double element) {
  return {19 * s.convolved() + 20 * s.pooled(),
          (static_cast<double>(s.positions()) + s.pooled()) * element};
}

// Of the batch: everything but the running statistics, which are updated, is assigned.
template <class I, class T>
void stem_statistics(const Cpu& cpu, StemShape s, T epsilon, T momentum, const I* x,
                     const T* kernel, T* patch_mean, T* patch_covariance, T* mean, T* rstd,
                     T* running_mean, T* running_variance);
template <class T>
void stem_statistics(const Cuda& cuda, StemShape s, float epsilon, float momentum, const T* x,
                     const float* kernel, float* patch_mean, float* patch_covariance, float* mean,
                     float* rstd, float* running_mean, float* running_variance);

// In parts. sums (10, 9), assigned: Σ p and Σ p·pᵀ over the images.
inline constexpr std::int64_t stem_sums = 90;
template <class I>
void stem_patch_sums(const Cpu& cpu, StemShape s, const I* x, double* sums);
template <class T>
void stem_patch_sums(const Cuda& cuda, StemShape s, const T* x, double* sums);
// From those over `images` images, what stem_statistics makes of all. I, T on CUDA: what images are
// stored as.
template <class I, class T>
void stem_statistics_of(const Cpu& cpu, StemShape s, std::int64_t images, T epsilon, T momentum,
                        const double* sums, const T* kernel, T* patch_mean, T* patch_covariance,
                        T* mean, T* rstd, T* running_mean, T* running_variance);
template <class T>
void stem_statistics_of(const Cuda& cuda, StemShape s, std::int64_t images, float epsilon,
                        float momentum, const double* sums, const float* kernel, float* patch_mean,
                        float* patch_covariance, float* mean, float* rstd, float* running_mean,
                        float* running_variance);

template <class I, class T>
void stem_forward(const Cpu& cpu, StemShape s, const I* x, const T* kernel, const T* mean,
                  const T* rstd, const T* weight, const T* bias, I* y);
template <class T>
void stem_forward(const Cuda& cuda, StemShape s, const T* x, const float* kernel, const float* mean,
                  const float* rstd, const float* weight, const float* bias, T* y);

template <class I, class T>
void stem_backward(const Cpu& cpu, StemShape s, const I* x, const T* kernel, const T* patch_mean,
                   const T* patch_covariance, const T* mean, const T* rstd, const T* weight,
                   const T* bias, const I* dy, Gradient<T> dkernel, Gradient<T> dweight,
                   Gradient<T> dbias);
template <class T>
void stem_backward(const Cuda& cuda, StemShape s, const T* x, const float* kernel,
                   const float* patch_mean, const float* patch_covariance, const float* mean,
                   const float* rstd, const float* weight, const float* bias, const T* dy,
                   Gradient<float> dkernel, Gradient<float> dweight, Gradient<float> dbias);

}  // namespace ekgine::kernels
