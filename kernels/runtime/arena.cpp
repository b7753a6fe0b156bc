#include "kernels/runtime/arena.h"

#include <algorithm>
#include <array>
#include <limits>
#include <new>
#include <utility>

#include "base/error.h"

namespace ekgine {

namespace {

constexpr std::size_t round_up(std::size_t n, std::size_t to) {
  return (n + to - 1) / to * to;
}

constexpr std::size_t guard_bytes = Arena::alignment;
constexpr unsigned char guard_byte = 0xA5;
constexpr std::uint32_t never = std::numeric_limits<std::uint32_t>::max();

}  // namespace

Arena::Arena(std::string name, std::unique_ptr<Memory> memory, bool guarded)
    : name_(std::move(name)), memory_(std::move(memory)), guarded_(guarded) {}

Arena::Arena(const std::string& name, std::size_t reserve, bool guarded)
    : Arena(name, host_memory(name, reserve), guarded) {}

void Arena::move_to(std::unique_ptr<Memory> memory) {
  if (plan_ != nullptr || live_ != 0) fail("{}: moved during a step", name_);
  if (memory->bytes() < high_water_) {
    fail("{}: {} bytes are too few for plans of {}", name_, memory->bytes(), high_water_);
  }
  memory_ = std::move(memory);
}

void Arena::begin(Plan& plan) {
  if (plan_ != nullptr) fail("{}: a step is already running", name_);
  if (live_ != 0) fail("{}: {} blocks of an earlier step are still in use", name_, live_);
  tracing_ = plan.empty();
  if (tracing_) {
    if (sealed_) fail("{}: a new kind of step after the memory was sealed", name_);
    ++traces_;
    gaps_.clear();
    gaps_.emplace(0, memory_->bytes());
    plan.bytes_ = 0;
  }
  plan_ = &plan;
  event_ = 0;
  next_block_ = 0;
}

void Arena::end() {
  if (plan_ == nullptr) fail("{}: end() without begin()", name_);
  if (!tracing_ && next_block_ != plan_->blocks_.size()) {
    fail("{}: the step made {} allocations, planned are {}", name_, next_block_,
         plan_->blocks_.size());
  }
  high_water_ = std::max(high_water_, plan_->bytes_);
  plan_ = nullptr;
}

void Arena::abandon() noexcept {
  // A half-traced plan must not be replayed.
  if (plan_ != nullptr && tracing_) plan_->blocks_.clear();
  plan_ = nullptr;
}

std::size_t Arena::trace_allocate(std::size_t bytes) {
  auto best = gaps_.end();
  for (auto gap = gaps_.begin(); gap != gaps_.end(); ++gap) {
    if (gap->second >= bytes && (best == gaps_.end() || gap->second < best->second)) best = gap;
  }
  if (best == gaps_.end()) {
    fail("{}: {} MiB do not fit into the reservation of {} MiB; use a smaller batch", name_,
         bytes >> 20, memory_->bytes() >> 20);
  }
  const std::size_t offset = best->first;
  const std::size_t rest = best->second - bytes;
  gaps_.erase(best);
  if (rest != 0) gaps_.emplace(offset + bytes, rest);
  return offset;
}

std::byte* Arena::allocate(std::size_t bytes) {
  if (plan_ == nullptr) fail("{}: allocation of {} bytes outside a step", name_, bytes);
  const std::size_t padded =
      round_up(std::max<std::size_t>(bytes, 1), alignment) + (guarded_ ? guard_bytes : 0);
  const std::size_t number = next_block_++;
  std::size_t offset = 0;
  if (tracing_) {
    offset = trace_allocate(padded);
    plan_->blocks_.push_back({offset, padded, event_++, never});
    plan_->bytes_ = std::max(plan_->bytes_, offset + padded);
  } else {
    if (number >= plan_->blocks_.size()) {
      fail("{}: allocation {} of {} bytes is not in the plan of this step", name_, number, bytes);
    }
    const Plan::Block& block = plan_->blocks_[number];
    const std::uint32_t event = event_++;
    if (padded > block.bytes || block.allocated != event) {
      fail("{}: allocation {} asks for {} bytes as event {}, planned are {} bytes as event {}",
           name_, number, padded, event, block.bytes, block.allocated);
    }
    offset = block.offset;
  }
  in_use_[offset] = {number, bytes};
  ++live_;
  std::byte* block = memory_->data() + offset;
  if (guarded_) {
    memory_->set(block, 0xFF, bytes);  // NaN in every floating-point format
    memory_->set(block + bytes, guard_byte, guard_bytes);
  }
  return block;
}

void Arena::release(std::byte* block) noexcept {
  const auto offset = static_cast<std::size_t>(block - memory_->data());
  const auto found = in_use_.find(offset);
  if (found == in_use_.end()) {
    ++faults_;
    return;
  }
  const Live live = found->second;
  in_use_.erase(found);
  --live_;
  if (guarded_) {
    std::array<std::byte, guard_bytes> guard;
    memory_->read(block + live.bytes, guard.data(), guard.size());
    if (!std::ranges::all_of(guard, [](std::byte b) { return b == std::byte{guard_byte}; })) {
      ++faults_;
    }
  }
  if (plan_ == nullptr) return;  // released after its step: the range is free again at begin()
  Plan::Block& planned = plan_->blocks_[live.block];
  if (!tracing_) {
    if (planned.released != event_++) ++faults_;
    return;
  }
  planned.released = event_++;
  // Back into the gaps, merged with its neighbours.
  auto gap = gaps_.end();
  try {
    gap = gaps_.emplace(offset, planned.bytes).first;
  } catch (const std::bad_alloc&) {
    return;  // no block of this plan lies there again
  }
  if (const auto next = std::next(gap);
      next != gaps_.end() && gap->first + gap->second == next->first) {
    gap->second += next->second;
    gaps_.erase(next);
  }
  if (gap != gaps_.begin()) {
    const auto previous = std::prev(gap);
    if (previous->first + previous->second == gap->first) {
      previous->second += gap->second;
      gaps_.erase(gap);
    }
  }
}

}  // namespace ekgine
