// For stand-ins of libraries: queueing work on a stream, and saying which device memory it touches.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <functional>
#include <string>

namespace ekgine::emulation {

// Queues `work` on the stream as the library call `name`; `caller` is __builtin_return_address(0)
// of the stand-in, for reports. Takes part in captures, and in every check of ordering.
cudaError_t enqueue_library_call(cudaStream_t stream, std::string name, std::function<void()> work,
                                 const void* caller);

// To be called by such work before it touches device memory: [address, address + bytes) must be
// inside one live allocation, be initialised if read, and not be in use by an operation that this
// one is not ordered after. False, and a fault naming `argument`, if it is not device memory at
// all.
bool device_reads(const void* address, std::size_t bytes, const char* argument);
bool device_writes(void* address, std::size_t bytes, const char* argument);
// A write of what nobody reads afterwards, such as a workspace's: is not counted as traffic.
bool device_scribbles(void* address, std::size_t bytes, const char* argument);

// Whether the range lies in one live device allocation. Reports nothing.
bool is_device_memory(const void* address, std::size_t bytes);

}  // namespace ekgine::emulation
