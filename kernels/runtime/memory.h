// One range of a device's memory, reserved once and given back at the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace ekgine {

class Memory {
 public:
  virtual ~Memory() = default;
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

  // For guards and poison, not for speed: sets `count` bytes from `to` on, and copies `count` bytes
  // into host memory. Both happen after all work queued so far.
  virtual void set(std::byte* to, std::uint8_t value, std::size_t count) = 0;
  virtual void read(const std::byte* from, std::byte* host, std::size_t count) = 0;

 protected:
  Memory(std::byte* data, std::size_t bytes) : data_(data), bytes_(bytes) {}

 private:
  std::byte* data_;
  std::size_t bytes_;
};

// Address space of the host, rounded up to 2 MiB: pages become resident when first touched. Errors
// name `purpose`.
std::unique_ptr<Memory> host_memory(const std::string& purpose, std::size_t bytes);

// Addresses without memory, for planning: dry steps take blocks of it and nobody looks inside.
std::unique_ptr<Memory> planned_memory(std::size_t bytes);

}  // namespace ekgine
