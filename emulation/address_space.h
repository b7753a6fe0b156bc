// Where the emulated device keeps its memory: one reservation of addresses with the shared memory
// of the running block at its start and global memory behind it, and beside it one byte of state
// for every byte. Pages cost nothing until they are touched.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ekgine::emulation {

inline constexpr std::size_t shared_capacity = 256U << 10U;
// No two allocations are closer than this.
inline constexpr std::size_t red_zone = 256;
inline constexpr std::size_t space_size = std::size_t{32} << 30U;

// What is known of a byte. 0: not part of any allocation.
enum ByteState : std::uint8_t {
  allocated = 1,
  initialised = 2,
  in_parts = 4,  // of a word that has been accessed in parts; see shadow.h
};

class AddressSpace {
 public:
  static AddressSpace& get();

  char* base() const { return base_; }
  char* global() const { return base_ + shared_capacity; }
  // Offset from the start of the space; at least space_size for any other address.
  std::size_t offset(const void* address) const {
    return static_cast<std::size_t>(static_cast<const char*>(address) - base_);
  }
  bool contains(const void* address) const { return offset(address) < space_size; }
  std::uint8_t* state(std::size_t offset) const { return state_ + offset; }

  // Makes [address, address + size) memory of the given state, filled with NaN if uninitialised;
  // or takes it away.
  void allocate(void* address, std::size_t size);
  void release(void* address, std::size_t size);
  void mark_initialised(const void* address, std::size_t size);
  // After a copy: the bytes are as initialised as the ones they came from.
  void copy_initialised(void* to, const void* from, std::size_t size);

 private:
  AddressSpace();
  char* base_;
  std::uint8_t* state_;
};

// Reserves `size` bytes of zeros; aborts with a message where the system has no room for them.
void* reserve(std::size_t size, const char* purpose);

}  // namespace ekgine::emulation
