// NVIDIA's libraries as kernels use them: cuBLASLt, cuDNN and cuFFT on one stream.
//
// What they need per shape (descriptors, plans, chosen algorithms) is made at the first call of a
// shape and kept. Calls queue work and return; once a shape was met, a call may be captured into a
// graph. None allocates device memory: scratch memory is taken from cuda.workspace, never more than
// workspace_limit for a call, and algorithms that need more are not chosen. What has to be on the
// device before (plans of transforms, constants) is put there by prepare_...() and keep(), which
// are refused during a capture.
//
// Only algorithms whose results are reproducible are chosen, and sums are always made in float.
//
// Errors name the library's call, its place, its reason, the kernel and the shape.
//
// Not for several threads at once.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "kernels/runtime/cuda.h"

namespace ekgine {

// How elements are stored.
enum class Element { float32, bfloat16 };
template <class T>
constexpr Element element_of();
template <>
constexpr Element element_of<float>() {
  return Element::float32;
}
template <>
constexpr Element element_of<bfloat16>() {
  return Element::bfloat16;
}

// c (m,n) = a·b, all row-major and packed. a is stored as (m,k), or as (k,m) if it is to be
// transposed; b as (k,n) or (n,k).
struct MatrixProduct {
  std::int64_t m, n, k;
  bool transpose_a = false, transpose_b = false;
  bool full_precision = false;  // no TF32, even where it is allowed
};

// Cross-correlation of images, channels last, stride 1, (KH−1)/2 zeros above and below,
// (KW−1)/2 left and right. KH and KW are odd.
//   x (N,H,W,C)   w (O,KH,KW,C)   y (N,H,W,O)
struct Convolution {
  std::int64_t n, h, w, c, kernel_h, kernel_w, o;
};

class CudaLibraries {
 public:
  // 32 MiB is what NVIDIA advises for matrix products on its largest devices; the convolutions'
  // weight gradients do with twice as much.
  static constexpr std::size_t workspace_limit = std::size_t{64} << 20;

  // With `tf32`, products of floats may round their factors to TF32 (10 bits of fraction), where
  // the device can.
  explicit CudaLibraries(cudaStream_t stream, bool tf32 = false);
  CudaLibraries(const CudaLibraries&) = delete;
  CudaLibraries& operator=(const CudaLibraries&) = delete;
  ~CudaLibraries();

  // c assigned or accumulated; bias (n), or null for none, is added to every row of an assigned c.
  template <class In, class Out>
  void multiply(const Cuda& cuda, const char* kernel, const MatrixProduct& product, const In* a,
                const In* b, const Out* bias, Gradient<Out> c) {
    multiply(cuda, kernel, product, element_of<In>(), a, b, element_of<Out>(), bias, c.data,
             c.accumulate);
  }

  // The same without a bias, and sums (n), assigned: those over the rows of b, which is not to be
  // transposed. False, and nothing was done, where cuBLASLt has no algorithm that makes both; that
  // is the same for a product of the same shape and alignment every time. Where products may round
  // their factors to TF32, what is summed may be rounded, too.
  template <class In, class Out>
  bool multiply_and_sum(const Cuda& cuda, const char* kernel, const MatrixProduct& product,
                        const In* a, const In* b, Out* sums, Gradient<Out> c) {
    return multiply_and_sum(cuda, kernel, product, element_of<In>(), a, b, element_of<Out>(), sums,
                            c.data, c.accumulate);
  }

  // y assigned or accumulated.
  template <class T>
  void convolve(const Cuda& cuda, const char* kernel, const Convolution& s, const T* x, const T* w,
                Gradient<T> y) {
    convolve(cuda, kernel, s, element_of<T>(), x, w, y.data, y.accumulate);
  }
  // dw assigned.
  template <class T>
  void convolve_backward_weights(const Cuda& cuda, const char* kernel, const Convolution& s,
                                 const T* x, const T* dy, T* dw) {
    convolve_backward_weights(cuda, kernel, s, element_of<T>(), x, dy, dw);
  }

  // Make the next two ready for `batch` transforms of length n.
  void prepare_fft(const char* kernel, int n, int batch);
  void prepare_inverse_fft(const char* kernel, int n, int batch);
  // spectrum (batch, n/2+1) of x (batch,n); spectrum assigned.
  //   spectrum[f] = Σ_t x[t]·exp(−2πi·f·t/n)
  void fft(const Cuda& cuda, const char* kernel, int n, int batch, float* x, float2* spectrum);
  // x assigned, without the factor 1/n; spectrum is destroyed.
  void inverse_fft(const Cuda& cuda, const char* kernel, int n, int batch, float2* spectrum,
                   float* x);

  // Constants of kernels in device memory, which live as long as this object.
  struct Constant {
    const char* name;  // a literal; in errors (a,b) follows it
    std::int64_t a, b;
    std::vector<std::int64_t> list = {};  // more of what it is of
  };
  bool kept(const Constant& key) const;
  // Copies values to the device.
  void keep(const Constant& key, std::span<const float> values);
  // Errors: nothing was kept under that name and those numbers.
  const float* constant(const Constant& key) const;

 private:
  void multiply(const Cuda& cuda, const char* kernel, const MatrixProduct& product, Element in,
                const void* a, const void* b, Element out, const void* bias, void* c,
                bool accumulate);
  bool multiply_and_sum(const Cuda& cuda, const char* kernel, const MatrixProduct& product,
                        Element in, const void* a, const void* b, Element out, void* sums, void* c,
                        bool accumulate);
  void convolve(const Cuda& cuda, const char* kernel, const Convolution& s, Element element,
                const void* x, const void* w, void* y, bool accumulate);
  void convolve_backward_weights(const Cuda& cuda, const char* kernel, const Convolution& s,
                                 Element element, const void* x, const void* dy, void* dw);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ekgine
