// Counts what a profiler counts: sectors and bytes of global memory, bank conflicts of shared
// memory. See KernelCounters in emulation.h for what the numbers mean.
//
// The accesses of a warp's lanes are one request where they are made by the same instruction, for
// the same time since the block's last barrier.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace ekgine::emulation {

bool counting();

void counters_begin_launch(const char* kernel);
// An access of `size` bytes at an offset in the address space by a thread of the running block.
void count_access(unsigned thread, std::size_t offset, unsigned size, bool write,
                  std::uint32_t site);
// The block's threads have come to a barrier or to their end.
void counters_end_interval(unsigned threads);

// The running library call reads or writes so many bytes.
void count_range(const std::string& call, std::size_t bytes);

}  // namespace ekgine::emulation
