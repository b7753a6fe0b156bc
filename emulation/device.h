// What the emulated device claims to be.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>

namespace ekgine::emulation {

const cudaDeviceProp& device_properties();

// Bytes of shared memory that a block can have if it asks for them.
inline std::size_t maximum_shared_memory() {
  return device_properties().sharedMemPerBlockOptin;
}

}  // namespace ekgine::emulation
