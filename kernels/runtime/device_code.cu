#include "kernels/runtime/device_code.h"

#include "kernels/runtime/launch.cuh"

namespace ekgine {

namespace {

// Compiled for the same architectures as all others; nobody launches it.
__global__ void __launch_bounds__(32) device_code_probe() {}

}  // namespace

bool has_device_code(int ordinal) {
  EKGINE_CUDA(cudaSetDevice(ordinal));
  cudaFuncAttributes attributes{};
  const cudaError_t result =
      cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(device_code_probe));
  if (result == cudaErrorNoKernelImageForDevice || result == cudaErrorInvalidDeviceFunction ||
      result == cudaErrorUnsupportedPtxVersion || result == cudaErrorInvalidPtx) {
    static_cast<void>(cudaGetLastError());  // or the next call's check would find it
    return false;
  }
  EKGINE_CUDA(result);
  return true;
}

}  // namespace ekgine
