// Takes back what a step that is held back has changed besides the weights: running statistics.
//
//   kept, values  (n)
//
// Where *stop is not 0 (see running_loss): values = kept. Otherwise nothing is touched.
// Deterministic.
#pragma once

#include <cstdint>

#include "kernels/runtime/cpu.h"

namespace ekgine::kernels {

template <class T>
void put_back(const Cpu& cpu, std::int64_t n, const std::uint32_t* stop, const T* kept, T* values);

// *stop is in device memory and read when the kernel runs.
void put_back(const Cuda& cuda, std::int64_t n, const std::uint32_t* stop, const float* kept,
              float* values);

}  // namespace ekgine::kernels
