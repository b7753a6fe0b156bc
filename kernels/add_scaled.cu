// Flat arrays, 16 bytes of each per thread: see kernels/device/map.cuh.
#include "kernels/add_scaled.h"

#include "kernels/device/map.cuh"

namespace ekgine::kernels {

namespace {

struct AddScaled {
  float alpha;

  template <int Width>
  __device__ void operator()(std::int64_t, const float (&in)[2][Width], float (&y)[Width]) const {
#pragma unroll
    for (int e = 0; e < Width; ++e) y[e] = in[0][e] + alpha * in[1][e];
  }
};

struct Scale {
  float alpha;

  template <int Width>
  __device__ void operator()(std::int64_t, const float (&in)[1][Width], float (&y)[Width]) const {
#pragma unroll
    for (int e = 0; e < Width; ++e) y[e] = alpha * in[0][e];
  }
};

}  // namespace

template <class T>
void add_scaled(const Cuda& cuda, std::int64_t n, const T* a, float alpha, const T* b, T* y) {
  device::map(cuda, "add_scaled", n, {a, b}, Gradient<T>{y}, AddScaled{alpha});
}

template <class T>
void scale(const Cuda& cuda, std::int64_t n, float alpha, const T* x, Gradient<T> y) {
  device::map(cuda, "scale", n, {x}, y, Scale{alpha});
}

template void add_scaled(const Cuda&, std::int64_t, const float*, float, const float*, float*);
template void add_scaled(const Cuda&, std::int64_t, const bfloat16*, float, const bfloat16*,
                         bfloat16*);
template void scale(const Cuda&, std::int64_t, float, const float*, Gradient<float>);
template void scale(const Cuda&, std::int64_t, float, const bfloat16*, Gradient<bfloat16>);

}  // namespace ekgine::kernels
