#include "kernels/runtime/memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace ekgine {

namespace {

class HostMemory final : public Memory {
 public:
  HostMemory(const std::string& purpose, std::size_t bytes)
      : Memory(reserve(purpose, bytes), bytes) {}
  ~HostMemory() override { ::munmap(data(), bytes()); }

  void set(std::byte* to, std::uint8_t value, std::size_t count) override {
    std::memset(to, value, count);
  }
  void read(const std::byte* from, std::byte* host, std::size_t count) override {
    std::memcpy(host, from, count);
  }

 private:
  static std::byte* reserve(const std::string& purpose, std::size_t bytes) {
    void* base = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
      fail("{}: cannot reserve {} MiB of address space: {}", purpose, bytes >> 20,
           std::strerror(errno));
    }
    // Large pages make the one first touch cheap; a system without them ignores the advice.
    ::madvise(base, bytes, MADV_HUGEPAGE);
    return static_cast<std::byte*>(base);
  }
};

class PlannedMemory final : public Memory {
 public:
  // Not null, which means no tensor, and aligned as any memory is.
  explicit PlannedMemory(std::size_t bytes)
      : Memory(reinterpret_cast<std::byte*>(std::uintptr_t{1} << 12), bytes) {}

  void set(std::byte*, std::uint8_t, std::size_t) override {}
  void read(const std::byte*, std::byte*, std::size_t) override {
    fail("memory: read of a block that is only planned");
  }
};

}  // namespace

std::unique_ptr<Memory> planned_memory(std::size_t bytes) {
  return std::make_unique<PlannedMemory>(bytes);
}

std::unique_ptr<Memory> host_memory(const std::string& purpose, std::size_t bytes) {
  constexpr std::size_t huge_page = std::size_t{1} << 21;
  return std::make_unique<HostMemory>(purpose, (bytes + huge_page - 1) / huge_page * huge_page);
}

}  // namespace ekgine
