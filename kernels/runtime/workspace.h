// Scratch memory of a kernel call: a stack that is empty between calls.
//
//   Workspace::Scope scratch(cpu.workspace);
//   float* partial = scratch.take<float>(threads * channels);
//
// Values are undefined. Its memory is another's (kernels/runtime/reserved_workspace.h), which
// kernels need not know of, nor the compiler when it reads them.
#pragma once

#include <cstddef>

namespace ekgine {

class Workspace {
 public:
  static constexpr std::size_t alignment = 64;  // a cache line and an AVX-512 vector

  // Hands out the `bytes` at `memory`, which is aligned and outlives it.
  Workspace(std::byte* memory, std::size_t bytes) : memory_(memory), bytes_(bytes) {}
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  class Scope {
   public:
    explicit Scope(Workspace& workspace) : workspace_(workspace), mark_(workspace.used_) {}
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope() { workspace_.used_ = mark_; }

    // `count` elements, aligned, valid until the scope ends. Error: they do not fit.
    template <class T>
    T* take(std::size_t count) {
      return reinterpret_cast<T*>(workspace_.take(count * sizeof(T)));
    }

   private:
    Workspace& workspace_;
    std::size_t mark_;
  };

  std::size_t high_water() const { return high_water_; }

 private:
  std::byte* take(std::size_t bytes);

  std::byte* memory_;
  std::size_t bytes_, used_ = 0, high_water_ = 0;
};

}  // namespace ekgine
