#include "kernels/runtime/cuda.h"

#include <cstdlib>
#include <string_view>

#include "base/error.h"

namespace ekgine {

void check_cuda(cudaError_t result, const char* call, const char* file, int line) {
  if (result == cudaSuccess) return;
  fail("{}:{}: {}: {} ({})", file, line, call, cudaGetErrorString(result),
       cudaGetErrorName(result));
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
