#include "kernels/runtime/cuda.h"

#include <cstdlib>
#include <string_view>

#include "base/error.h"

namespace ekgine {

namespace {

// What to do about it.
const char* advice(cudaError_t result) {
  switch (result) {
    case cudaErrorIllegalAddress:
    case cudaErrorMisalignedAddress:
    case cudaErrorIllegalInstruction:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorHardwareStackError:
    case cudaErrorLaunchTimeout:
    case cudaErrorLaunchFailure:
      // The device tells of it when somebody waits, not when the kernel was launched.
      return synchronous_launches() ? ""
                                    : "; a kernel before this call failed, EKGINE_SYNC=1 in the "
                                      "environment names it";
    case cudaErrorNoKernelImageForDevice:
      return "; this build has no code for the GPU's architecture, build with "
             "-DCMAKE_CUDA_ARCHITECTURES=native";
    case cudaErrorMemoryAllocation:
      return "; use a smaller batch size, or free memory of other programs on the GPU";
    default:
      return "";
  }
}

}  // namespace

void check_cuda(cudaError_t result, const char* call, const char* file, int line) {
  if (result == cudaSuccess) return;
  fail("{}:{}: {}: {} ({}){}", file, line, call, cudaGetErrorString(result),
       cudaGetErrorName(result), advice(result));
}

void check_launch(cudaError_t result, const Cuda& cuda, const char* kernel, const Grid& grid) {
  if (result == cudaSuccess && synchronous_launches()) result = cudaStreamSynchronize(cuda.stream);
  if (result == cudaSuccess) return;
  fail(
      "{} on a grid of ({},{},{}) blocks of ({},{},{}) threads with {} bytes of shared memory: {} "
      "({})",
      kernel, grid.blocks.x, grid.blocks.y, grid.blocks.z, grid.threads.x, grid.threads.y,
      grid.threads.z, grid.shared, cudaGetErrorString(result), cudaGetErrorName(result));
}

bool synchronous_launches() {
  static const bool set = [] {
    const char* value = std::getenv("EKGINE_SYNC");
    return value != nullptr && std::string_view(value) == "1";
  }();
  return set;
}

}  // namespace ekgine
