// Flat arrays, 16 bytes of each per thread: see kernels/device/map.cuh.
#include "kernels/relu.h"

#include "kernels/device/map.cuh"

namespace ekgine::kernels {

namespace {

struct ReluForward {
  template <int Width>
  __device__ void operator()(std::int64_t, const float (&in)[1][Width], float (&y)[Width]) const {
#pragma unroll
    for (int e = 0; e < Width; ++e) y[e] = 0.0F > in[0][e] ? 0.0F : in[0][e];  // NaN stays NaN
  }
};

struct ReluBackward {
  // in: y, dy
  template <int Width>
  __device__ void operator()(std::int64_t, const float (&in)[2][Width], float (&dx)[Width]) const {
#pragma unroll
    for (int e = 0; e < Width; ++e) dx[e] = in[0][e] > 0.0F ? in[1][e] : 0.0F;
  }
};

}  // namespace

template <class T>
void relu_forward(const Cuda& cuda, std::int64_t n, const T* x, T* y) {
  device::map(cuda, "relu_forward", n, {x}, Gradient<T>{y}, ReluForward());
}

template <class T>
void relu_backward(const Cuda& cuda, std::int64_t n, const T* y, const T* dy, Gradient<T> dx) {
  device::map(cuda, "relu_backward", n, {y, dy}, dx, ReluBackward());
}

template void relu_forward(const Cuda&, std::int64_t, const float*, float*);
template void relu_forward(const Cuda&, std::int64_t, const bfloat16*, bfloat16*);
template void relu_backward(const Cuda&, std::int64_t, const float*, const float*, Gradient<float>);
template void relu_backward(const Cuda&, std::int64_t, const bfloat16*, const bfloat16*,
                            Gradient<bfloat16>);

}  // namespace ekgine::kernels
