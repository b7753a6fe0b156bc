// Memory that is reserved once and never returned during a run.
//
// First touch of fresh memory is slow (a page fault per 4 KiB; on virtual machines ten times the
// cost of using the page), so a training step must reuse the addresses of the step before it.
//
// An Arena hands out blocks at offsets of one reserved range. A step is bracketed by begin(plan)
// and end(). The first step of a plan is *traced*: every allocation takes the smallest free gap
// that fits, every release returns its block, so blocks whose lifetimes do not overlap share
// memory. Later steps *replay* the plan: the k-th allocation gets the k-th offset. A replayed step
// makes the same allocations and releases in the same order, each at most as large as planned
// (batches may be smaller than the traced one); anything else throws.
//
// After seal() no new plan may be traced: the memory of the run is settled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/runtime/memory.h"

namespace ekgine {

class Arena {
 public:
  static constexpr std::size_t alignment = 64;  // a cache line and an AVX-512 vector

  // The allocations of one kind of step, in order. Made by the step that traces it.
  class Plan {
   public:
    bool empty() const { return blocks_.empty(); }
    // Bytes from the lowest to the highest address in use at any time of the step.
    std::size_t bytes() const { return bytes_; }

   private:
    friend class Arena;
    struct Block {
      std::size_t offset, bytes;
      std::uint32_t allocated, released;  // event numbers
    };
    std::vector<Block> blocks_;
    std::size_t bytes_ = 0;
  };

  // Errors call the arena by its name. With `guarded`, blocks are filled with NaN and followed by
  // guard words that release() checks (for tests: reads of unwritten memory and writes past the end
  // show).
  Arena(std::string name, std::unique_ptr<Memory> memory, bool guarded = false);
  // In host memory: `reserve` is address space, pages become resident when first touched.
  Arena(const std::string& name, std::size_t reserve, bool guarded = false);
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Goes on in other memory, with all plans; no step may be running.
  void move_to(std::unique_ptr<Memory> memory);
  // Bytes it may hand out.
  std::size_t capacity() const { return memory_->bytes(); }

  // Starts a step. No block may be in use. An empty plan is traced, another one replayed.
  void begin(Plan& plan);
  void end();
  // Ends a step that an exception cut short; blocks still in use stay valid until released.
  void abandon() noexcept;

  // Blocks are 64-byte aligned; 0 bytes is valid. Errors: the reservation is full; the plan is
  // replayed differently; a trace after seal().
  std::byte* allocate(std::size_t bytes);
  void release(std::byte* block) noexcept;

  void seal() { sealed_ = true; }
  bool sealed() const { return sealed_; }

  // Highest number of bytes any plan needed.
  std::size_t high_water() const { return high_water_; }
  // Number of steps traced so far: constant once a run has settled.
  std::int64_t traces() const { return traces_; }
  // Overwritten guard words and out-of-order releases seen so far (release() cannot throw).
  std::int64_t faults() const { return faults_; }

 private:
  std::size_t trace_allocate(std::size_t bytes);

  std::string name_;
  std::unique_ptr<Memory> memory_;
  bool guarded_, sealed_ = false, tracing_ = false;
  Plan* plan_ = nullptr;
  std::uint32_t event_ = 0;
  std::size_t next_block_ = 0;
  std::size_t live_ = 0;
  std::map<std::size_t, std::size_t> gaps_;  // offset -> bytes, while tracing
  struct Live {
    std::size_t block, bytes;
  };
  std::map<std::size_t, Live> in_use_;  // offset -> block number and asked bytes
  std::size_t high_water_ = 0;
  std::int64_t traces_ = 0, faults_ = 0;
};

}  // namespace ekgine
