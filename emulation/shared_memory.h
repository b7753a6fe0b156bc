// Shared memory of the running block: the dynamic array, then the static ones in the order they are
// first reached, with unallocated bytes between them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace ekgine::emulation {

class SharedMemory {
 public:
  static SharedMemory& get();

  void begin_launch(std::size_t dynamic);
  // All arrays become NaN, uninitialised.
  void begin_block();

  void* dynamic() const;
  // Where an offset from the start of shared memory lies, in words.
  std::string describe(std::size_t offset) const;
  void* array(const void* key, std::size_t size, std::size_t alignment);

 private:
  struct Array {
    const void* key;
    std::size_t offset, size;
  };
  std::vector<Array> arrays_;  // the first is the dynamic one
  std::size_t end_ = 0;
};

}  // namespace ekgine::emulation
