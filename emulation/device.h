// What the emulated device claims to be.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>

namespace ekgine::emulation {

const cudaDeviceProp& device_properties();

// How many devices there seem to be: 1, or EKGINE_EMULATED_DEVICES. All are alike; a process has
// one of them, the one it has set last, whose number tells processes' devices apart.
int device_count();
int device_number();
bool set_device_number(int number);

// Bytes of shared memory that a block can have if it asks for them.
inline std::size_t maximum_shared_memory() {
  return device_properties().sharedMemPerBlockOptin;
}

}  // namespace ekgine::emulation
