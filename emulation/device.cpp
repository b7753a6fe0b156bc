#include "emulation/device.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

#include "emulation/address_space.h"
#include "emulation/emulation.h"
#include "emulation/memory.h"

namespace ekgine::emulation {
namespace {

// CUDA C++ Programming Guide, table "Technical Specifications per Compute Capability".
struct Limits {
  int capability;
  std::size_t shared_per_block, shared_per_multiprocessor;  // KiB
  int threads_per_multiprocessor;
};
constexpr std::array limits = {
    Limits{75, 64, 64, 1024},   Limits{80, 163, 164, 2048}, Limits{86, 99, 100, 1536},
    Limits{89, 99, 100, 1536},  Limits{90, 227, 228, 2048}, Limits{100, 227, 228, 2048},
    Limits{120, 99, 100, 1536},
};

int multiprocessors = 4;

cudaDeviceProp properties_of(const Limits& l) {
  cudaDeviceProp p{};
  std::snprintf(p.name, sizeof p.name, "emulated device (sm_%d)", l.capability);
  p.major = l.capability / 10;
  p.minor = l.capability % 10;
  p.totalGlobalMem = device_memory_size();
  p.multiProcessorCount = multiprocessors;
  p.warpSize = 32;
  p.maxThreadsPerBlock = 1024;
  p.maxThreadsPerMultiProcessor = l.threads_per_multiprocessor;
  p.maxBlocksPerMultiProcessor = 16;
  p.maxThreadsDim[0] = p.maxThreadsDim[1] = 1024;
  p.maxThreadsDim[2] = 64;
  p.maxGridSize[0] = 2147483647;
  p.maxGridSize[1] = p.maxGridSize[2] = 65535;
  p.sharedMemPerBlock = 48U << 10U;
  p.sharedMemPerBlockOptin = l.shared_per_block << 10U;
  p.sharedMemPerMultiprocessor = l.shared_per_multiprocessor << 10U;
  p.reservedSharedMemPerBlock = l.capability >= 80 ? 1024 : 0;
  p.regsPerBlock = p.regsPerMultiprocessor = 65536;
  p.totalConstMem = 64U << 10U;
  p.textureAlignment = 512;
  p.l2CacheSize = 4 << 20;
  p.memoryBusWidth = 256;
  p.unifiedAddressing = 1;
  p.concurrentKernels = 1;
  p.asyncEngineCount = 2;
  p.memoryPoolsSupported = 1;
  return p;
}

cudaDeviceProp properties = properties_of(limits[1]);

int number = 0;

}  // namespace

int device_count() {
  const char* const text = std::getenv("EKGINE_EMULATED_DEVICES");
  return text == nullptr ? 1 : std::atoi(text);
}

int device_number() {
  return number;
}

bool set_device_number(int of_device) {
  if (of_device < 0 || of_device >= device_count()) return false;
  number = of_device;
  return true;
}

const cudaDeviceProp& device_properties() {
  return properties;
}

void set_compute_capability(int capability) {
  const auto found = std::find_if(limits.begin(), limits.end(),
                                  [&](const Limits& l) { return l.capability == capability; });
  if (found == limits.end()) {
    std::fprintf(stderr, "emulated device: unknown compute capability %d\n", capability);
    std::abort();
  }
  properties = properties_of(*found);
}

void set_multiprocessors(int count) {
  properties.multiProcessorCount = multiprocessors = count;
}

}  // namespace ekgine::emulation
