// Flat arrays, 16 bytes of each per thread: see kernels/device/map.cuh. Backward of swish_dropout
// draws its random bits again: cheaper than storing and reading them.
#include "kernels/swish.h"

#include "kernels/device/dropout.cuh"
#include "kernels/device/map.cuh"
#include "kernels/device/sigmoid.cuh"

namespace ekgine::kernels {

namespace {

__device__ __forceinline__ float swish(float x) {
  return x * device::sigmoid(x).value;
}

__device__ __forceinline__ float swish_slope(float x) {
  const Sigmoid<float> s = device::sigmoid(x);
  return s.value * (1.0F + x * s.complement);
}

struct SwishForward {
  template <int Width>
  __device__ void operator()(std::int64_t, const float (&in)[1][Width], float (&y)[Width]) const {
#pragma unroll
    for (int e = 0; e < Width; ++e) y[e] = swish(in[0][e]);
  }
};

struct SwishBackward {
  // in: x, dy
  template <int Width>
  __device__ void operator()(std::int64_t, const float (&in)[2][Width], float (&dx)[Width]) const {
#pragma unroll
    for (int e = 0; e < Width; ++e) dx[e] = in[1][e] * swish_slope(in[0][e]);
  }
};

struct ScaledSwish {
  template <int Width>
  static __device__ float of(const float (&in)[1][Width], int e, float factor) {
    return swish(in[0][e]) * factor;
  }
};

struct ScaledSlope {
  // in: x, dy
  template <int Width>
  static __device__ float of(const float (&in)[2][Width], int e, float factor) {
    return in[1][e] * factor * swish_slope(in[0][e]);
  }
};

}  // namespace

template <class T>
void swish_forward(const Cuda& cuda, std::int64_t n, const T* x, T* y) {
  device::map(cuda, "swish_forward", n, {x}, Gradient<T>{y}, SwishForward());
}

template <class T>
void swish_backward(const Cuda& cuda, std::int64_t n, const T* x, const T* dy, Gradient<T> dx) {
  device::map(cuda, "swish_backward", n, {x, dy}, dx, SwishBackward());
}

template <class T>
void swish_dropout_forward(const Cuda& cuda, std::int64_t n, const Dropout& dropout, const T* x,
                           T* y) {
  device::map(cuda, "swish_dropout_forward", n, {x}, Gradient<T>{y},
              device::Dropped<ScaledSwish>{device::draw_of(cuda, dropout)});
}

template <class T>
void swish_dropout_backward(const Cuda& cuda, std::int64_t n, const Dropout& dropout, const T* x,
                            const T* dy, Gradient<T> dx) {
  device::map(cuda, "swish_dropout_backward", n, {x, dy}, dx,
              device::Dropped<ScaledSlope>{device::draw_of(cuda, dropout)});
}

template void swish_forward(const Cuda&, std::int64_t, const float*, float*);
template void swish_forward(const Cuda&, std::int64_t, const bfloat16*, bfloat16*);
template void swish_backward(const Cuda&, std::int64_t, const float*, const float*,
                             Gradient<float>);
template void swish_backward(const Cuda&, std::int64_t, const bfloat16*, const bfloat16*,
                             Gradient<bfloat16>);
template void swish_dropout_forward(const Cuda&, std::int64_t, const Dropout&, const float*,
                                    float*);
template void swish_dropout_forward(const Cuda&, std::int64_t, const Dropout&, const bfloat16*,
                                    bfloat16*);
template void swish_dropout_backward(const Cuda&, std::int64_t, const Dropout&, const float*,
                                     const float*, Gradient<float>);
template void swish_dropout_backward(const Cuda&, std::int64_t, const Dropout&, const bfloat16*,
                                     const bfloat16*, Gradient<bfloat16>);

}  // namespace ekgine::kernels
