// Kernels with one planted fault each, and the same kernels without it.
//
// The line of the fault ends with "// planted: NAME" in faulty_kernels.cu.
#pragma once

#include <cuda_runtime_api.h>

#include <string_view>

namespace ekgine::emulation {

// Arguments of every case; what they mean is up to the kernel. `in` and `out` hold `n` floats.
struct Planted {
  const float* in;
  float* out;
  int n;
};

// Launches case NAME on one block of 64 threads, or two where blocks are the point; `faulty` says
// whether with the fault. The kernel's name is NAME too. cudaErrorInvalidValue for an unknown name.
cudaError_t launch_planted(std::string_view name, bool faulty, const Planted& arguments,
                           cudaStream_t stream);

}  // namespace ekgine::emulation
