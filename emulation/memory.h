// Allocations: of the device, and of page-locked host memory.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <string>
#include <vector>

namespace ekgine::emulation {

// What the emulated device has, of which allocations take away.
// 4 GiB, or EKGINE_EMULATED_MEMORY MiB.
std::size_t device_memory_size();

struct Allocation {
  char* address;
  std::size_t size;
  const void* caller;  // who asked for it
};

// Device memory: 256-byte aligned, NaN until written, red zones on both sides; addresses are never
// used again. Null when there is not enough left.
void* allocate_device(std::size_t size, const void* caller);
bool free_device(void* address);
// The live allocation that holds `address`, or null.
const Allocation* find_device(const void* address);
// Where an address lies, in words: "8 bytes past the end of 400 bytes allocated at arena.cpp:31",
// "in page-locked host memory", ...
std::string describe_address(const void* address);
std::size_t device_bytes_in_use();

void* allocate_pinned(std::size_t size, const void* caller);
bool free_pinned(void* address);
const Allocation* find_pinned(const void* address);

std::vector<std::string> allocation_leaks();

}  // namespace ekgine::emulation
