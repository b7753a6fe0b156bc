// The one way to start a kernel.
#pragma once

#include <simt.cuh>

#include <utility>

#include "kernels/runtime/cuda.h"

namespace ekgine {

// Queues `kernel` on the stream; `name` is the stem of its file and what it does there, as in
// "layer_norm_forward". Arguments are converted to the kernel's parameters.
template <class... P, class... A>
void launch(const Cuda& cuda, const char* name, void (*kernel)(P...), const Grid& grid,
            A&&... arguments) {
  check_launch(simt::launch(name, kernel, grid.blocks, grid.threads, grid.shared, cuda.stream,
                            std::forward<A>(arguments)...),
               cuda, name, grid);
}

// Number of groups of `size` that hold n items.
constexpr std::int64_t blocks_of(std::int64_t n, std::int64_t size) {
  return (n + size - 1) / size;
}

}  // namespace ekgine
