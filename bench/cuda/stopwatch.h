// Seconds between two points of a stream, by CUDA events.
#pragma once

#include <cuda_runtime_api.h>

#include "kernels/runtime/cuda.h"

namespace ekgine {

class Stopwatch {
 public:
  Stopwatch() {
    EKGINE_CUDA(cudaEventCreate(&begin_));
    EKGINE_CUDA(cudaEventCreate(&end_));
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  ~Stopwatch() {
    static_cast<void>(cudaEventDestroy(begin_));
    static_cast<void>(cudaEventDestroy(end_));
  }

  void start(cudaStream_t stream) { EKGINE_CUDA(cudaEventRecord(begin_, stream)); }
  void stop(cudaStream_t stream) { EKGINE_CUDA(cudaEventRecord(end_, stream)); }
  // Waits for the end. Events resolve about half a microsecond.
  double seconds() const {
    EKGINE_CUDA(cudaEventSynchronize(end_));
    float milliseconds = 0;
    EKGINE_CUDA(cudaEventElapsedTime(&milliseconds, begin_, end_));
    return static_cast<double>(milliseconds) / 1e3;
  }

 private:
  cudaEvent_t begin_ = nullptr, end_ = nullptr;
};

}  // namespace ekgine
