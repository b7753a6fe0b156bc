// The kernels that measure a GPU.
#pragma once

#include <cstdint>

#include "kernels/runtime/kernel.h"

namespace ekgine {

// n floats, a multiple of 4, 16-byte aligned: to = from.
void peak_copy(const Cuda& cuda, std::int64_t n, const float* from, float* to);

constexpr int sweep_blocks_per_multiprocessor = 8;
// Reads n floats, a multiple of 4; sums (blocks) are assigned so that the reads are not dropped.
void peak_sweep(const Cuda& cuda, std::int64_t n, const float* from, float* sums);

// Does nothing.
void peak_empty(const Cuda& cuda);

}  // namespace ekgine
