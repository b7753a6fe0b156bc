// Blocks for kernels on rows of some items each, where an item is what a thread takes at a time.
//
// threads.x walks along a row, threads.y counts rows: as many items of a row side by side as there
// are, up to a block, so that short rows do not leave threads idle and no thread divides.
//
//   const std::int64_t row = row_of_thread();
//   if (row >= rows) return;
//   for (std::int64_t i = threadIdx.x; i < items; i += blockDim.x) ...
#pragma once

#include <cstdint>

#include "kernels/runtime/launch.cuh"

namespace ekgine::device {

inline constexpr unsigned row_threads = 256;

inline Grid row_grid(std::int64_t rows, std::int64_t items) {
  unsigned x = 1;
  while (x < row_threads && x < items) x *= 2;
  const unsigned y = row_threads / x;
  return {dim3(static_cast<unsigned>(blocks_of(rows, y))), dim3(x, y)};
}

__device__ __forceinline__ std::int64_t row_of_thread() {
  return static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
}

}  // namespace ekgine::device
