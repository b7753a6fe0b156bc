#include "emulation/device_access.h"

#include <cstdio>
#include <utility>

#include "emulation/checker.h"
#include "emulation/counters.h"
#include "emulation/emulation.h"
#include "emulation/faults.h"
#include "emulation/memory.h"
#include "emulation/operations.h"
#include "emulation/streams.h"
#include "emulation/symbols.h"

namespace ekgine::emulation {
namespace {

bool check_range(const void* address, std::size_t bytes, const char* argument, const char* verb) {
  if (bytes == 0 || is_device_memory(address, bytes)) return true;
  const Operation* operation = Operations::get().running();
  report("bad address: " + (operation != nullptr ? operation->name : std::string("a call")) +
         (operation != nullptr ? ", " + source_line(operation->caller) : std::string()) + " " +
         verb + " " + std::to_string(bytes) + " bytes at " + argument + ", " +
         describe_address(address));
  return false;
}

void count(std::size_t bytes) {
  const Operation* operation = Operations::get().running();
  if (counting() && operation != nullptr) count_range(operation->name, bytes);
}

}  // namespace

cudaError_t enqueue_library_call(cudaStream_t stream, std::string name, std::function<void()> work,
                                 const void* caller) {
  return enqueue(
      stream, std::move(name),
      [work = std::move(work)] {
        work();
        return cudaSuccess;
      },
      caller);
}

bool is_device_memory(const void* address, std::size_t bytes) {
  const Allocation* allocation = find_device(address);
  return allocation != nullptr &&
         bytes <= allocation->size - static_cast<std::size_t>(static_cast<const char*>(address) -
                                                              allocation->address);
}

bool device_reads(const void* address, std::size_t bytes, const char* argument) {
  if (!check_range(address, bytes, argument, "reads")) return false;
  count(bytes);
  // Kernels that are not compiled for the checker leave no trace of what they wrote.
  if (bytes > 0) checker_read_range(address, bytes, checks_accesses());
  return true;
}

bool device_writes(void* address, std::size_t bytes, const char* argument) {
  if (!device_scribbles(address, bytes, argument)) return false;
  count(bytes);
  return true;
}

bool device_scribbles(void* address, std::size_t bytes, const char* argument) {
  if (!check_range(address, bytes, argument, "writes")) return false;
  if (bytes > 0) checker_write_range(address, bytes);
  return true;
}

}  // namespace ekgine::emulation
