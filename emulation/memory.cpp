#include "emulation/memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <map>

#include "emulation/address_space.h"
#include "emulation/symbols.h"

namespace ekgine::emulation {
namespace {

constexpr std::size_t alignment = 256;

using Allocations = std::map<std::uintptr_t, Allocation>;

Allocations live, freed_ones, pinned;
std::size_t bytes_in_use = 0;
std::size_t next_offset = shared_capacity + red_zone;

std::uintptr_t key_of(const void* address) {
  return reinterpret_cast<std::uintptr_t>(address);
}

// The allocation with the highest start at or below the address.
const Allocation* at_or_below(const Allocations& allocations, const void* address) {
  auto after = allocations.upper_bound(key_of(address));
  return after == allocations.begin() ? nullptr : &std::prev(after)->second;
}

const Allocation* holding(const Allocations& allocations, const void* address) {
  const Allocation* below = at_or_below(allocations, address);
  return below != nullptr && key_of(address) - key_of(below->address) < below->size ? below
                                                                                    : nullptr;
}

}  // namespace

std::size_t device_memory_size() {
  static const std::size_t size = [] {
    const char* const mebibytes = std::getenv("EKGINE_EMULATED_MEMORY");
    return mebibytes == nullptr ? std::size_t{4} << 30U
                                : std::strtoull(mebibytes, nullptr, 10) << 20U;
  }();
  return size;
}

void* allocate_device(std::size_t size, const void* caller) {
  AddressSpace& space = AddressSpace::get();
  const std::size_t taken = (size + red_zone + alignment - 1) / alignment * alignment;
  if (size > device_memory_size() - bytes_in_use || taken > space_size - next_offset)
    return nullptr;
  char* const address = space.base() + next_offset;
  next_offset += taken;
  bytes_in_use += size;
  space.allocate(address, size);
  live[key_of(address)] = {address, size, caller};
  return address;
}

bool free_device(void* address) {
  const auto found = live.find(key_of(address));
  if (found == live.end()) return false;
  const Allocation allocation = found->second;
  live.erase(found);
  freed_ones[key_of(address)] = allocation;
  bytes_in_use -= allocation.size;
  AddressSpace::get().release(allocation.address, allocation.size);
  return true;
}

const Allocation* find_device(const void* address) {
  return holding(live, address);
}

std::string describe_address(const void* address) {
  const auto bytes = [](const Allocation& allocation) {
    return std::to_string(allocation.size) + " bytes allocated at " +
           source_line(allocation.caller);
  };
  const auto distance = [&](const Allocation& allocation) {
    return std::to_string(key_of(address) - key_of(allocation.address));
  };
  if (address == nullptr) return "a null pointer";
  if (const Allocation* a = holding(live, address)) {
    return "byte " + distance(*a) + " of " + bytes(*a);
  }
  if (const Allocation* a = holding(freed_ones, address)) {
    return "byte " + distance(*a) + " of the freed " + bytes(*a);
  }
  if (holding(pinned, address) != nullptr) return "page-locked host memory";
  if (!AddressSpace::get().contains(address)) return "host memory";
  if (const Allocation* a = at_or_below(live, address)) {
    return "byte " + distance(*a) + " of " + bytes(*a);
  }
  return "device memory that was never allocated";
}

std::size_t device_bytes_in_use() {
  return bytes_in_use;
}

void* allocate_pinned(std::size_t size, const void* caller) {
  void* address = std::malloc(size);
  if (address != nullptr) pinned[key_of(address)] = {static_cast<char*>(address), size, caller};
  return address;
}

bool free_pinned(void* address) {
  if (pinned.erase(key_of(address)) == 0) return false;
  std::free(address);
  return true;
}

const Allocation* find_pinned(const void* address) {
  return holding(pinned, address);
}

std::vector<std::string> allocation_leaks() {
  std::vector<std::string> lines;
  const auto add = [&](const Allocations& allocations, const char* kind) {
    for (const auto& [key, allocation] : allocations) {
      lines.push_back("leak: " + std::to_string(allocation.size) + " bytes of " + kind +
                      " allocated at " + source_line(allocation.caller));
    }
  };
  add(live, "device memory");
  add(pinned, "page-locked memory");
  return lines;
}

}  // namespace ekgine::emulation
