#include "emulation/checker.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "emulation/address_space.h"
#include "emulation/counters.h"
#include "emulation/emulation.h"
#include "emulation/execution.h"
#include "emulation/faults.h"
#include "emulation/fibers.h"
#include "emulation/memory.h"
#include "emulation/operations.h"
#include "emulation/shadow.h"
#include "emulation/shared_memory.h"
#include "emulation/symbols.h"

// The program's own memory: constants lie there.
extern "C" const char __executable_start, _end;

namespace ekgine::emulation {
namespace {

struct WarpOrder {
  Tick synchronised = 0;  // the last __syncwarp of all its lanes
};

// Of every lane of the warp, up to which tick its accesses are ordered before this thread's.
using Known = std::array<Tick, warp_size>;

struct Checker {
  const Operation* operation = nullptr;
  Tick tick = 0;
  Tick settled = 0, launch = 0, block = 0, barrier = 0;
  // The running thread.
  unsigned thread = 0;
  Tick thread_tick = 0;
  std::uintptr_t stack = 0;

  std::array<Tick, maximum_threads> thread_ticks{};
  std::array<Known, maximum_threads> known{};
  std::array<WarpOrder, maximum_threads / warp_size> warps{};
  bool partial_warp_barriers = false;  // in this block
  bool counting = false;

  char* base = AddressSpace::get().base();
  std::uint8_t* states = AddressSpace::get().state(0);  // of every byte from base on
  const Shadow& shadow = Shadow::get();
};

Checker& checker() {
  static Checker instance;
  return instance;
}

// Null on threads, and at times, whose accesses are none of a kernel's.
constinit thread_local Checker* active = nullptr;
// Whether some code has been compiled for the checker.
bool instrumented = false;

// ------------------------------------------------------------------------------ what has been run

struct Executed {
  Tick first;
  Lane lane;
  std::uint32_t index;
  std::string name;
};
std::vector<Executed> executed;
// Of every lane, the first tick of each of its operations.
std::vector<std::vector<Tick>> lane_ticks;

struct BlockStart {
  Tick first;
  std::uint64_t block;
};
std::vector<BlockStart> block_starts;  // of the running launch

// The last item that begins at or before the tick.
template <class Item>
const Item& at(const std::vector<Item>& items, Tick tick) {
  return *std::prev(std::upper_bound(items.begin(), items.end(), tick,
                                     [](Tick t, const Item& item) { return t < item.first; }));
}

Tick next_tick(Checker& c) {
  if (++c.tick == 0) {
    std::fputs("emulated device: more than 2^32 barriers and blocks in one process\n", stderr);
    std::abort();
  }
  return c.tick;
}

// --------------------------------------------------------------------------------------- reports

std::string coordinates(std::uint64_t number, dim3 size) {
  return "(" + std::to_string(number % size.x) + "," + std::to_string(number / size.x % size.y) +
         "," + std::to_string(number / size.x / size.y) + ")";
}

// "thread (1,0,0) of block (0,2,0)"
std::string thread_name(unsigned thread, std::uint64_t block) {
  const Launch& launch = running_launch();
  return "thread " + coordinates(thread, launch.block) + " of block " +
         coordinates(block, launch.grid);
}

std::string running_thread() {
  const Place place = running_place();
  return thread_name(place.thread, place.block);
}

std::string operation_name(const Checker& c) {
  return (in_kernel() ? "kernel " : "") + c.operation->name;
}

const char* verb(Access access) {
  switch (access) {
    case Access::read:
      return "reads";
    case Access::write:
      return "writes";
    case Access::atomic:
      return "updates atomically";
  }
  return "";
}

// True the first time that this kind of fault is met at this pair of places.
bool is_new(const char* kind, const void* pc, std::uint32_t other_site) {
  return is_new_fault(std::string(kind) + '|' + checker().operation->name + '|' +
                      std::to_string(site_of(pc)) + '|' + std::to_string(other_site));
}

std::string where_in_shared(std::size_t offset) {
  return SharedMemory::get().describe(offset);
}

std::string where(const void* address) {
  const std::size_t offset = AddressSpace::get().offset(address);
  return offset < shared_capacity ? where_in_shared(offset) : describe_address(address);
}

std::string subject(const Checker& c, const void* pc) {
  return operation_name(c) + ", " + source_line(pc) + ": " +
         (in_kernel() ? running_thread() : "it");
}

__attribute__((noinline)) void report_race(const Checker& c, Record earlier, bool earlier_writes,
                                           Access access, const void* address, const void* pc) {
  const bool other_operation = earlier.tick() < c.launch;
  const bool other_block = !other_operation && earlier.tick() < c.block;
  const char* kind = other_operation ? "race between operations"
                     : other_block   ? "race between blocks"
                     : earlier.thread() / warp_size == c.thread / warp_size ? "race within a warp"
                                                                            : "race";
  if (!is_new(kind, pc, earlier.site())) return;
  const char* did = earlier.atomic() ? "updated atomically" : earlier_writes ? "wrote" : "read";
  const bool shared = AddressSpace::get().offset(address) < shared_capacity;
  std::string who, advice;
  if (other_operation) {
    who = at(executed, earlier.tick()).name;
    advice = "; neither is ordered after the other by a stream, an event or the host";
  } else {
    who = thread_name(earlier.thread(), at(block_starts, earlier.tick()).block);
    advice = other_block ? "; blocks are not ordered"
             : earlier.thread() / warp_size == c.thread / warp_size
                 ? "; no __syncwarp or __syncthreads lies between"
                 : "; no __syncthreads lies between";
  }
  report(std::string(kind) + ": " + subject(c, pc) + " " + verb(access) + " " +
         (shared ? "shared" : "global") + " memory that " + who + " " + did + " at " +
         source_line(pc_of(earlier.site())) + advice + " (" + where(address) + ")");
}

__attribute__((noinline)) void report_uninitialised(const Checker& c, const void* address,
                                                    std::size_t size, const void* pc) {
  if (!is_new("uninitialised read", pc, 0)) return;
  const bool shared = AddressSpace::get().offset(address) < shared_capacity;
  report("uninitialised read: " + subject(c, pc) + " reads " + std::to_string(size) + " bytes of " +
         (shared ? "shared" : "global") + " memory that were never written (" + where(address) +
         ")");
}

[[noreturn]] void bad_address(const Checker& c, const char* kind, const void* address,
                              std::size_t size, Access access, const void* pc, cudaError_t error) {
  report(std::string(kind) + ": " + subject(c, pc) + " " + verb(access) + " " +
         std::to_string(size) + " bytes; the address is " + where(address));
  abandon(error);
}

// An address that is not device memory.
__attribute__((noinline)) void outside(const Checker& c, const void* address, std::size_t size,
                                       Access access, const void* pc) {
  const char* const bytes = static_cast<const char*>(address);
  if (access == Access::read && bytes >= &__executable_start && bytes < &_end) return;
  const char* const stacks = fiber_stacks();
  if (bytes >= stacks && bytes < stacks + maximum_fibers * stack_stride) {
    report("bad address: " + subject(c, pc) + " " + verb(access) +
           " a local variable of another thread");
    abandon(cudaErrorIllegalAddress);
  }
  bad_address(c, "host memory in a kernel", address, size, access, pc, cudaErrorIllegalAddress);
}

// ---------------------------------------------------------------------------------------- checks

// Whether an access that is not obviously ordered before the running thread is.
__attribute__((noinline)) bool ordered_slowly(const Checker& c, Record earlier) {
  const Tick tick = earlier.tick();
  if (tick >= c.barrier) {
    const unsigned thread = earlier.thread();
    if (thread == c.thread) return true;
    if (thread / warp_size != c.thread / warp_size) return false;
    if (tick < c.warps[thread / warp_size].synchronised) return true;
    return c.partial_warp_barriers && tick < c.known[c.thread][thread % warp_size];
  }
  if (tick >= c.block) return true;
  if (tick >= c.launch) return false;
  const Executed& other = at(executed, tick);
  return c.operation->clock.at(other.lane) >= other.index;
}

// `safe` is the tick before which everything in this memory is ordered.
inline bool ordered(const Checker& c, Record earlier, Tick safe) {
  return earlier.tick() < safe || ordered_slowly(c, earlier);
}

inline void check_read(const Checker& c, Cell& cell, Record me, Tick safe, const void* address,
                       const void* pc) {
  if (!ordered(c, cell.write, safe)) {
    report_race(c, cell.write, true, Access::read, address, pc);
  }
  if (ordered(c, cell.read, safe)) {
    cell.read = me;
  } else if (ordered(c, cell.other_read, safe)) {
    cell.other_read = me;
  } else if (cell.read.tick() < c.block) {
    // A block other than this one has read it, too.
    if (cell.other_read.tick() < c.block) cell.other_read = me;
  } else if (cell.other_read.tick() >= c.block &&
             cell.read.thread() / warp_size == cell.other_read.thread() / warp_size) {
    cell.other_read = me;
  }
}

inline void check_write(const Checker& c, Cell& cell, Record me, Tick safe, Access access,
                        const void* address, const void* pc) {
  if (!ordered(c, cell.write, safe) && !(access == Access::atomic && cell.write.atomic())) {
    report_race(c, cell.write, true, access, address, pc);
  }
  for (const Record read : {cell.read, cell.other_read}) {
    if (!ordered(c, read, safe)) report_race(c, read, false, access, address, pc);
  }
  cell.write = me;
}

inline void check_cell(const Checker& c, Cell& cell, Record me, Tick safe, Access access,
                       const void* address, const void* pc) {
  if (access == Access::read) {
    check_read(c, cell, me, safe, address, pc);
  } else {
    check_write(c, cell, me, safe, access, address, pc);
  }
}

// Bytes of words that are accessed in parts, now or before.
__attribute__((noinline)) void check_parts(const Checker& c, std::size_t offset, std::size_t size,
                                           Record me, Tick safe, Access access, const void* pc) {
  std::uint8_t* const state = c.states;
  for (std::size_t at = offset; at < offset + size;) {
    const std::size_t word = at & ~std::size_t{3}, end = std::min(offset + size, word + 4);
    const char* const address = c.base + at;
    Cell& whole = c.shadow.word(at);
    const bool in_parts = ((state[word] | state[word + 1] | state[word + 2] | state[word + 3]) &
                           ByteState::in_parts) != 0;
    if (at == word && end == word + 4) {
      check_cell(c, whole, me, safe, access, address, pc);
      if (in_parts) {
        for (std::size_t byte = at; byte < end; ++byte) {
          check_cell(c, c.shadow.byte(byte), me, safe, access, c.base + byte, pc);
        }
      }
    } else {
      // What has been done to the whole word, and then to these bytes of it.
      if (!ordered(c, whole.write, safe) && !(access == Access::atomic && whole.write.atomic())) {
        report_race(c, whole.write, true, access, address, pc);
      }
      if (access != Access::read) {
        for (const Record read : {whole.read, whole.other_read}) {
          if (!ordered(c, read, safe)) report_race(c, read, false, access, address, pc);
        }
      }
      for (std::size_t byte = at; byte < end; ++byte) {
        check_cell(c, c.shadow.byte(byte), me, safe, access, c.base + byte, pc);
        state[byte] |= ByteState::in_parts;
      }
    }
    at = end;
  }
}

std::uint32_t find_site(const void* pc) {
  struct Entry {
    const void* pc;
    std::uint32_t site;
  };
  static std::array<Entry, 4096> cache{};
  const auto key = reinterpret_cast<std::uintptr_t>(pc);
  Entry& entry = cache[(key ^ key >> 12U) % cache.size()];
  if (entry.pc != pc) entry = {pc, site_of(pc)};
  return entry.site;
}

template <class Word>
constexpr Word repeated(std::uint8_t state) {
  return static_cast<Word>(Word{0x0101010101010101U & static_cast<Word>(~Word{0})} * state);
}

template <class Word>
inline Word load_state(const std::uint8_t* state) {
  Word word;
  std::memcpy(&word, state, sizeof word);
  return word;
}

// One access of `size` bytes of a kernel's thread. Word is an integer of min(size, 8) bytes.
template <unsigned size, class Word>
inline void access(const void* address, Access kind, const void* pc) {
  Checker* const c = active;
  if (c == nullptr) return;
  const auto key = reinterpret_cast<std::uintptr_t>(address);
  const std::size_t offset = static_cast<std::size_t>(static_cast<const char*>(address) - c->base);
  if (offset >= space_size) [[unlikely]] {
    if (key - c->stack < stack_stride) return;
    return outside(*c, address, size, kind, pc);
  }
  if (key % size != 0) [[unlikely]] {
    bad_address(*c, "misaligned access", address, size, kind, pc, cudaErrorMisalignedAddress);
  }

  std::uint8_t* const state = c->states + offset;
  Word all = load_state<Word>(state), any = all;
  if constexpr (size == 16) {
    const Word upper = load_state<Word>(state + 8);
    any = all | upper;
    all &= upper;
  }
  constexpr Word memory = repeated<Word>(ByteState::allocated);
  constexpr Word written = repeated<Word>(ByteState::initialised);
  constexpr Word parts = repeated<Word>(ByteState::in_parts);
  if ((all & (memory | written)) != (memory | written)) [[unlikely]] {
    if ((all & memory) != memory) {
      bad_address(*c, "out of bounds", address, size, kind, pc, cudaErrorIllegalAddress);
    }
    if (kind != Access::write) {
      report_uninitialised(*c, address, size, pc);
    }
    if (kind != Access::read) {
      for (unsigned i = 0; i < size; ++i) state[i] |= ByteState::initialised;
    }
  }

  const Tick safe = offset < shared_capacity ? c->barrier : c->settled;
  const Record me(c->thread_tick, c->thread, kind == Access::atomic, find_site(pc));
  if (c->counting) count_access(c->thread, offset, size, kind != Access::read, me.site());
  if (size < 4 || (any & parts) != 0) {
    check_parts(*c, offset, size, me, safe, kind, pc);
    return;
  }
  for (unsigned i = 0; i < size; i += 4) {
    check_cell(*c, c->shadow.word(offset + i), me, safe, kind, c->base + offset + i, pc);
  }
}

template <unsigned size>
inline void access(const void* address, Access kind, const void* pc) {
  if constexpr (size == 1) access<1, std::uint8_t>(address, kind, pc);
  if constexpr (size == 2) access<2, std::uint16_t>(address, kind, pc);
  if constexpr (size == 4) access<4, std::uint32_t>(address, kind, pc);
  if constexpr (size == 8) access<8, std::uint64_t>(address, kind, pc);
  if constexpr (size == 16) access<16, std::uint64_t>(address, kind, pc);
}

// An access of a size that no instruction has, as the words and bytes that it is made of.
void access_in_pieces(const void* address, std::size_t size, Access kind, const void* pc) {
  const char* at = static_cast<const char*>(address);
  const char* const end = at + size;
  const bool words = reinterpret_cast<std::uintptr_t>(at) % 4 == 0;
  for (; words && end - at >= 4; at += 4) access<4>(at, kind, pc);
  for (; at < end; ++at) access<1>(at, kind, pc);
}

void check_range(const void* address, std::size_t size, Access kind) {
  Checker& c = checker();
  const std::size_t begin = AddressSpace::get().offset(address), end = begin + size;
  const Record me(c.thread_tick, 0, false, find_site(c.operation->caller));
  const std::uint8_t* const state = c.states;
  std::size_t at = begin;
  while (at < end) {
    std::uint32_t states;
    std::memcpy(&states, state + (at & ~std::size_t{3}), sizeof states);
    if (at % 4 == 0 && end - at >= 4 && (states & repeated<std::uint32_t>(in_parts)) == 0) {
      check_cell(c, c.shadow.word(at), me, c.settled, kind, c.base + at, c.operation->caller);
      at += 4;
    } else {
      const std::size_t next = std::min(end, (at & ~std::size_t{3}) + 4);
      check_parts(c, at, next - at, me, c.settled, kind, c.operation->caller);
      at = next;
    }
  }
}

}  // namespace

bool checks_accesses() {
  return instrumented;
}

void checker_begin_operation(const Operation& operation) {
  Checker& c = checker();
  c.operation = &operation;
  c.launch = c.block = c.barrier = c.thread_tick = next_tick(c);
  c.thread = 0;
  if (lane_ticks.size() <= operation.lane) lane_ticks.resize(operation.lane + 1);
  // The first operation that has run and is not ordered before this one, over all lanes.
  c.settled = c.launch;
  for (Lane lane = 0; lane < lane_ticks.size(); ++lane) {
    const std::uint32_t before = operation.clock.at(lane);
    if (lane_ticks[lane].size() > before) c.settled = std::min(c.settled, lane_ticks[lane][before]);
  }
  lane_ticks[operation.lane].push_back(c.launch);
  executed.push_back({c.launch, operation.lane, operation.index, operation.name});
  block_starts.clear();
  c.counting = false;
}

void checker_begin_launch(const char* kernel) {
  checker().counting = counting();
  if (counting()) counters_begin_launch(kernel);
}

void checker_end_block(unsigned threads) {
  if (checker().counting) counters_end_interval(threads);
}

void checker_end_operation() {
  active = nullptr;
}

void checker_begin_block(std::uint64_t block) {
  Checker& c = checker();
  c.block = c.barrier = next_tick(c);
  c.partial_warp_barriers = false;
  c.thread_ticks.fill(c.block);
  block_starts.push_back({c.block, block});
}

void checker_switch(unsigned thread, const char* stack) {
  Checker& c = checker();
  c.thread = thread;
  c.thread_tick = c.thread_ticks[thread];
  c.stack = reinterpret_cast<std::uintptr_t>(stack);
  active = &c;
}

void checker_block_barrier(unsigned threads) {
  Checker& c = checker();
  c.barrier = c.thread_tick = next_tick(c);
  std::fill_n(c.thread_ticks.begin(), threads, c.barrier);
  if (c.counting) counters_end_interval(threads);
}

void checker_warp_barrier(unsigned warp, unsigned mask) {
  Checker& c = checker();
  const Tick now = next_tick(c);
  const unsigned first = warp * warp_size;
  if (mask == ~0U) {
    c.warps[warp].synchronised = now;
    std::fill_n(c.thread_ticks.begin() + first, warp_size, now);
  } else {
    c.partial_warp_barriers = true;
    Known joined{};
    for (unsigned lane = 0; lane < warp_size; ++lane) {
      if ((mask >> lane & 1U) == 0) continue;
      for (unsigned i = 0; i < warp_size; ++i) {
        joined[i] = std::max(joined[i], c.known[first + lane][i]);
      }
    }
    for (unsigned lane = 0; lane < warp_size; ++lane) {
      if ((mask >> lane & 1U) != 0) joined[lane] = now;
    }
    for (unsigned lane = 0; lane < warp_size; ++lane) {
      if ((mask >> lane & 1U) == 0) continue;
      c.known[first + lane] = joined;
      c.thread_ticks[first + lane] = now;
    }
  }
  c.thread_tick = c.thread_ticks[c.thread];
}

void checker_atomic(const void* address, std::size_t size, const void* pc) {
  if (size == 4) {
    access<4>(address, Access::atomic, pc);
  } else {
    access<8>(address, Access::atomic, pc);
  }
}

void checker_read_range(const void* address, std::size_t size, bool initialised) {
  check_range(address, size, Access::read);
  if (!initialised) return;
  const std::uint8_t* const state = AddressSpace::get().state(AddressSpace::get().offset(address));
  const std::uint8_t* const found = std::find_if(
      state, state + size, [](std::uint8_t byte) { return (byte & ByteState::initialised) == 0; });
  if (found == state + size) return;
  report_uninitialised(checker(), static_cast<const char*>(address) + (found - state), 1,
                       checker().operation->caller);
}

void checker_write_range(const void* address, std::size_t size) {
  check_range(address, size, Access::write);
  AddressSpace::get().mark_initialised(address, size);
}

}  // namespace ekgine::emulation

// What g++ -fsanitize=thread calls before each access of the code it compiles. ThreadSanitizer's
// own library is not linked.
using ekgine::emulation::Access;
using ekgine::emulation::access;
using ekgine::emulation::access_in_pieces;

#define CALLER __builtin_return_address(0)

extern "C" {

void __tsan_init() {
  ekgine::emulation::instrumented = true;
}
void __tsan_read1(void* p) {
  access<1>(p, Access::read, CALLER);
}
void __tsan_read2(void* p) {
  access<2>(p, Access::read, CALLER);
}
void __tsan_read4(void* p) {
  access<4>(p, Access::read, CALLER);
}
void __tsan_read8(void* p) {
  access<8>(p, Access::read, CALLER);
}
void __tsan_read16(void* p) {
  access<16>(p, Access::read, CALLER);
}
void __tsan_write1(void* p) {
  access<1>(p, Access::write, CALLER);
}
void __tsan_write2(void* p) {
  access<2>(p, Access::write, CALLER);
}
void __tsan_write4(void* p) {
  access<4>(p, Access::write, CALLER);
}
void __tsan_write8(void* p) {
  access<8>(p, Access::write, CALLER);
}
void __tsan_write16(void* p) {
  access<16>(p, Access::write, CALLER);
}
void __tsan_read_range(void* p, unsigned long n) {
  access_in_pieces(p, n, Access::read, CALLER);
}
void __tsan_write_range(void* p, unsigned long n) {
  access_in_pieces(p, n, Access::write, CALLER);
}
void __tsan_vptr_update(void** p, void*) {
  access<8>(p, Access::write, CALLER);
}

}  // extern "C"
