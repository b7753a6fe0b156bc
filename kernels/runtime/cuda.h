// The CUDA device as a kernel sees it.
//
// Only .cu files, the rest of kernels/runtime and engine/device.cpp include this; the contracts get
// by with the declaration of Cuda in kernels/runtime/kernel.h.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/runtime/kernel.h"
#include "kernels/runtime/step.h"
#include "kernels/runtime/workspace.h"

namespace ekgine {

class CudaLibraries;     // kernels/runtime/cuda_libraries.h
class CudaCommunicator;  // kernels/runtime/cuda_communicator.h

// First argument of every CUDA kernel.
struct Cuda {
  cudaStream_t stream;
  Workspace& workspace;  // device memory; empty at the start of a call, and at its end. Calls on
                         // one stream follow each other, so it may be taken again at once
  CudaLibraries& libraries;
  const Step* step;  // device memory
  int multiprocessors;
  int compute_capability;  // 10·major + minor, as in sm_86
  bool tf32 = false;       // whether products of floats may round their factors to TF32
  CudaCommunicator* communicator = nullptr;  // with other ranks' devices; null: there are none
};

// Throws an Error with the call, its place and CUDA's reason, unless `result` is success.
void check_cuda(cudaError_t result, const char* call, const char* file, int line);
#define EKGINE_CUDA(call) ::ekgine::check_cuda((call), #call, __FILE__, __LINE__)

struct Grid {
  dim3 blocks, threads;
  std::size_t shared = 0;  // bytes of dynamic shared memory
};

// Errors, naming the kernel and the grid, unless `result` is success.
void check_launch(cudaError_t result, const Cuda& cuda, const char* kernel, const Grid& grid);

// True when EKGINE_SYNC=1 is set: every launch is waited for, so that a fault names its kernel.
bool synchronous_launches();

}  // namespace ekgine
