// What a GPU can do, measured: the lines that kernels are held against.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/device.h"
#include "kernels/runtime/memory.h"

namespace ekgine {

// The Cuda of a device that is one.
const Cuda& cuda_of(Device& device);

// How much work the measurements take. An emulated device is given as little as keeps them whole.
struct CudaEffort {
  std::int64_t copy_bytes;    // of each of the two arrays of the copy
  std::int64_t product_size;  // rows and columns of the matrices
  std::int64_t cache_bytes;   // what a benchmark's passes have to exceed, and what a sweep reads
  std::int64_t least_passes, most_passes;
  std::int64_t memory;  // bytes that a case's arrays may take, and its activations as well
  int warm_rounds, least_rounds, most_rounds;
  double seconds;  // of measured time that are enough for a median

  static CudaEffort of_device(int ordinal);
  static CudaEffort emulated();
};

struct CudaPeaks {
  double copy = 0;  // bytes/s read plus written, by a kernel, between arrays far larger than the L2
  // Operations/s of cuBLASLt's product of large square matrices; 0 where the GPU cannot.
  double f32 = 0, tf32 = 0, bf16 = 0;
  double launch = 0;  // seconds from kernel to kernel within a graph, when they do nothing
};

// The best of several tries each. Takes some seconds, which also brings the clocks up.
CudaPeaks measure_cuda_peaks(Device& device, const CudaEffort& effort);

// Reads a buffer larger than the L2 and so turns everything else out of it; leaves nothing that
// still has to be written. It also lasts longer than the host takes to queue what comes next.
class Sweep {
 public:
  Sweep(Device& device, std::int64_t bytes);
  void run() const;

 private:
  const Cuda& cuda_;
  std::int64_t count_;  // floats
  std::unique_ptr<Memory> buffer_, sums_;
};

}  // namespace ekgine
