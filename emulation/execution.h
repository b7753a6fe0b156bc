// Runs the blocks of a kernel, one after another, their threads as fibers.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "emulation/kernel_interface.h"

namespace ekgine::emulation {

inline constexpr unsigned warp_size = 32;
inline constexpr unsigned maximum_threads = 1024;

struct Launch {
  const char* name;
  dim3 grid, block;
  std::size_t shared;  // bytes of dynamic shared memory
  const Invocation& invocation;
};

// Runs the kernel to its end. Anything but success is an error that a real device reports at the
// next synchronisation: a trap, a barrier that not all threads come to, or a bad address.
cudaError_t execute(const Launch& launch);

// The thread that is running, as reports name it.
struct Place {
  std::uint64_t block;  // x fastest
  unsigned thread;      // x fastest
};

// True on the host thread that is inside a kernel.
bool in_kernel();
Place running_place();
const Launch& running_launch();

// Ends the running kernel; the calling thread of it never goes on.
[[noreturn]] void abandon(cudaError_t error);

// Order in which ready threads and blocks run: 0 is the order of their numbers, any other seed a
// random one.
void set_schedule(std::uint64_t seed);

}  // namespace ekgine::emulation
