// A workspace and the memory that it hands out, which is reserved once: nothing is ever allocated.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "kernels/runtime/memory.h"
#include "kernels/runtime/workspace.h"

namespace ekgine {

class ReservedWorkspace final : public Workspace {
 public:
  explicit ReservedWorkspace(std::unique_ptr<Memory> memory)
      : Workspace(memory->data(), memory->bytes()), memory_(std::move(memory)) {}
  // In host memory.
  explicit ReservedWorkspace(std::size_t bytes)
      : ReservedWorkspace(host_memory("workspace", bytes)) {}

 private:
  std::unique_ptr<Memory> memory_;
};

}  // namespace ekgine
