// Watches every access that a kernel or a copy makes to device memory.
//
// Beside each word of memory lies a record of who last wrote and read it. Time is counted in ticks:
// every operation, block, barrier and __syncwarp starts a new one, so that from the tick of an
// earlier access follows whether it is ordered before the running thread:
//
//   before `settled`  the operation it belongs to is ordered before the running one
//   before `launch`   it belongs to an operation that may not be
//   before `block`    it was made by another block of this launch: not ordered
//   before `barrier`  it was made before the block's last barrier
//   since then        same thread; or same warp, and a __syncwarp of both lanes in between
//
// Two accesses of which one is a write, not ordered and not both atomic, are a race, whether or not
// this run's schedule lets it show.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ekgine::emulation {

struct Operation;

using Tick = std::uint32_t;

enum class Access : std::uint8_t { read, write, atomic };

// ------------------------------------------------------- what happens on the device, in this order

void checker_begin_operation(const Operation& operation);
void checker_begin_launch(const char* kernel);
void checker_begin_block(std::uint64_t block);
// From now on `thread` runs, on the stack that starts at `stack`; numbers with x fastest.
void checker_switch(unsigned thread, const char* stack);
// All threads of the block have arrived.
void checker_block_barrier(unsigned threads);
// The lanes of warp `warp` that `mask` names have arrived.
void checker_warp_barrier(unsigned warp, unsigned mask);
void checker_end_block(unsigned threads);
// The host, or the device between operations, goes on.
void checker_end_operation();

// ---------------------------------------------------------------------------------- the accesses

// By the running thread; `pc` is the return address of the call that announces it. May end the
// kernel.
void checker_atomic(const void* address, std::size_t size, const void* pc);

// By the running operation, a range inside device memory. Uninitialised bytes are reported where
// `initialised` asks for it.
void checker_read_range(const void* address, std::size_t size, bool initialised);
void checker_write_range(const void* address, std::size_t size);

}  // namespace ekgine::emulation
