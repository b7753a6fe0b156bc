// What changes from step to step of a run and kernels read.
#pragma once

#include <cstdint>

namespace ekgine {

// A kernel finds it in its context, `step` of Cpu or Cuda, and reads it when it runs: on CUDA from
// the device's memory, so that a captured step can be replayed as another one.
struct Step {
  std::uint64_t seed = 0;    // of the run's random bits
  std::uint32_t number = 0;  // t = 1, 2, ...; 0 outside of a run
  double learning_rate = 0;

  bool operator==(const Step&) const = default;
};

}  // namespace ekgine
