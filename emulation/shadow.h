// The records that lie beside device memory: who touched it last.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ekgine::emulation {

// One access, in eight bytes. No access is 0.
class Record {
 public:
  Record() = default;
  constexpr Record(std::uint32_t tick, unsigned thread, bool atomic, std::uint32_t site)
      : bits_(std::uint64_t{tick} << 32U | std::uint64_t{thread} << 22U |
              std::uint64_t{atomic} << 21U | site) {}

  std::uint32_t tick() const { return static_cast<std::uint32_t>(bits_ >> 32U); }
  unsigned thread() const { return bits_ >> 22U & 1023U; }
  bool atomic() const { return (bits_ >> 21U & 1U) != 0; }
  std::uint32_t site() const { return bits_ & site_mask; }

  static constexpr std::uint32_t site_mask = (1U << 21U) - 1;

 private:
  std::uint64_t bits_ = 0;
};

// The last write, and two reads: enough to have one that conflicts with any later write that some
// read conflicts with, because the two are kept as far apart - in different blocks, else warps,
// else lanes - as the reads are.
struct Cell {
  Record write, read, other_read;
};

// Cells for every word of the address space, for accesses of whole words; and cells for every byte,
// used where a word has been accessed in parts (ByteState::in_parts).
class Shadow {
 public:
  static Shadow& get();
  Cell& word(std::size_t offset) const { return words_[offset / 4]; }
  Cell& byte(std::size_t offset) const { return bytes_[offset]; }

 private:
  Shadow();
  Cell* words_;
  Cell* bytes_;
};

// A place in the code that accesses memory, by the return address of the call that announces it.
// Numbered in the order they are met.
std::uint32_t site_of(const void* pc);
const void* pc_of(std::uint32_t site);

}  // namespace ekgine::emulation
