#include "emulation/shared_memory.h"

#include <algorithm>
#include <string>

#include "emulation/address_space.h"
#include "emulation/device.h"
#include "emulation/execution.h"
#include "emulation/faults.h"

namespace ekgine::emulation {
SharedMemory& SharedMemory::get() {
  static SharedMemory memory;
  return memory;
}

void SharedMemory::begin_launch(std::size_t dynamic) {
  AddressSpace& space = AddressSpace::get();
  for (const Array& array : arrays_) space.release(space.base() + array.offset, array.size);
  arrays_.assign(1, {nullptr, 0, dynamic});
  end_ = dynamic;
}

void SharedMemory::begin_block() {
  AddressSpace& space = AddressSpace::get();
  for (const Array& array : arrays_) space.allocate(space.base() + array.offset, array.size);
}

void* SharedMemory::dynamic() const {
  return AddressSpace::get().base();
}

void* SharedMemory::array(const void* key, std::size_t size, std::size_t alignment) {
  AddressSpace& space = AddressSpace::get();
  for (const Array& array : arrays_) {
    if (array.key == key) return space.base() + array.offset;
  }
  std::size_t used = size;
  for (const Array& array : arrays_) used += array.size;
  if (used > maximum_shared_memory()) {
    report("too much shared memory: kernel " + std::string(running_launch().name) + " needs " +
           std::to_string(used) + " bytes for a block, the device has " +
           std::to_string(maximum_shared_memory()));
    abandon(cudaErrorLaunchOutOfResources);
  }
  alignment = std::max<std::size_t>(alignment, 16);
  const std::size_t offset = (end_ + red_zone + alignment - 1) / alignment * alignment;
  if (offset + size > shared_capacity) {
    report("too much shared memory: kernel " + std::string(running_launch().name) +
           " has more arrays than the emulation has room for");
    abandon(cudaErrorLaunchOutOfResources);
  }
  end_ = offset + size;
  arrays_.push_back({key, offset, size});
  space.allocate(space.base() + offset, size);
  return space.base() + offset;
}

std::string SharedMemory::describe(std::size_t offset) const {
  const Array* nearest = nullptr;
  for (const Array& array : arrays_) {
    if (array.size > 0 && array.offset <= offset &&
        (nearest == nullptr || array.offset > nearest->offset)) {
      nearest = &array;
    }
  }
  if (nearest == nullptr) return "shared memory, of which there is none";
  return "byte " + std::to_string(offset - nearest->offset) + " of " +
         (nearest->key == nullptr ? "the dynamic shared array" : "a shared array") + " of " +
         std::to_string(nearest->size) + " bytes";
}

}  // namespace ekgine::emulation
