// Kernels whose resources are known, for kernel_resources_test.cpp.
#include <cuda_bf16.h>

namespace ekgine::kernels {

namespace {

template <class T, int Factor>
__global__ void __launch_bounds__(128) reverse(T* x) {
  __shared__ float values[128];
  values[threadIdx.x] = Factor * static_cast<float>(x[threadIdx.x]);
  __syncthreads();
  x[threadIdx.x] = static_cast<T>(values[127 - threadIdx.x]);
}

template __global__ void reverse<float, 1>(float*);
template __global__ void reverse<__nv_bfloat16, 3>(__nv_bfloat16*);

}  // namespace

// An array that is indexed by data cannot be in registers.
__global__ void __launch_bounds__(32, 2) histogram(const int* x, int* y) {
  int counts[64] = {};
  for (int i = 0; i < 1000; ++i) ++counts[x[i]];
  for (int i = 0; i < 64; ++i) y[i] = counts[i];
}

__global__ void no_bounds(float* x) {
  x[threadIdx.x] = 1;
}

}  // namespace ekgine::kernels
