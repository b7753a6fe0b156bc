#include "emulation/address_space.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) (void)0
#define ASAN_UNPOISON_MEMORY_REGION(address, size) (void)0
#endif

namespace ekgine::emulation {

void* reserve(std::size_t size, const char* purpose) {
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    std::fprintf(stderr, "emulated device: cannot reserve %zu bytes of addresses for %s\n", size,
                 purpose);
    std::abort();
  }
  return memory;
}

AddressSpace& AddressSpace::get() {
  static AddressSpace space;
  return space;
}

AddressSpace::AddressSpace()
    : base_(static_cast<char*>(reserve(space_size, "device memory"))),
      state_(static_cast<std::uint8_t*>(reserve(space_size, "the state of device memory"))) {
  ASAN_POISON_MEMORY_REGION(base_, shared_capacity);
}

void AddressSpace::allocate(void* address, std::size_t size) {
  ASAN_UNPOISON_MEMORY_REGION(address, size);
  ASAN_POISON_MEMORY_REGION(static_cast<char*>(address) + size, red_zone);
  std::memset(address, 0xFF, size);
  std::memset(state(offset(address)), allocated, size);
}

void AddressSpace::release(void* address, std::size_t size) {
  std::memset(state(offset(address)), 0, size);
  ASAN_POISON_MEMORY_REGION(address, size);
}

void AddressSpace::mark_initialised(const void* address, std::size_t size) {
  std::uint8_t* const bytes = state(offset(address));
  for (std::size_t i = 0; i < size; ++i) bytes[i] |= initialised;
}

void AddressSpace::copy_initialised(void* to, const void* from, std::size_t size) {
  std::uint8_t* const bytes = state(offset(to));
  const std::uint8_t* const source = state(offset(from));
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<std::uint8_t>((bytes[i] & ~initialised) | (source[i] & initialised));
  }
}

}  // namespace ekgine::emulation
