#include "kernels/runtime/workspace.h"

#include <algorithm>

#include "base/error.h"

namespace ekgine {

std::byte* Workspace::take(std::size_t bytes) {
  const std::size_t padded = (bytes + alignment - 1) / alignment * alignment;
  if (padded > bytes_ - used_) {
    fail("workspace: {} MiB do not fit, {} of {} MiB are in use; use a smaller batch", padded >> 20,
         used_ >> 20, bytes_ >> 20);
  }
  std::byte* block = memory_ + used_;
  used_ += padded;
  high_water_ = std::max(high_water_, used_);
  return block;
}

}  // namespace ekgine
