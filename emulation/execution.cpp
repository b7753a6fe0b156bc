#include "emulation/execution.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "emulation/checker.h"
#include "emulation/faults.h"
#include "emulation/fibers.h"
#include "emulation/matrix.h"
#include "emulation/shared_memory.h"
#include "emulation/symbols.h"

namespace ekgine::emulation {
namespace {

enum class State : std::uint8_t { ready, at_block_barrier, in_collective, finished };

enum class Collective : std::uint8_t { barrier, ballot, shuffle, mma_bfloat16, mma_tf32 };

const char* name_of(Collective kind) {
  switch (kind) {
    case Collective::barrier:
      return "__syncwarp";
    case Collective::ballot:
      return "a vote";
    case Collective::shuffle:
      return "a shuffle";
    case Collective::mma_bfloat16:
      return "mma_bfloat16";
    case Collective::mma_tf32:
      return "mma_tf32";
  }
  return "";
}

struct Thread {
  Fiber fiber;
  uint3 index;
  unsigned number;
  State state;
  unsigned source;                // lane that a shuffle reads
  std::uint64_t operand;          // what it brings to a collective, then what it takes away
  std::source_location waits_at;  // the last barrier or collective that it came to
  unsigned mask;                  // of that collective
};

// Lanes of a warp on their way to the same collective.
struct Rendezvous {
  unsigned mask;
  unsigned arrived;
  Collective kind;
  std::source_location at;
};

struct Warp {
  unsigned live;  // lanes that have not left the kernel
  std::vector<Rendezvous> pending;
};

bool same(const std::source_location& a, const std::source_location& b) {
  return a.line() == b.line() && a.column() == b.column() &&
         (a.file_name() == b.file_name() || std::strcmp(a.file_name(), b.file_name()) == 0);
}

std::string text(const std::source_location& at) {
  return project_path(at.file_name()) + ":" + std::to_string(at.line());
}

// Threads that can go on: a queue, or a bag when the order is random.
class ReadyThreads {
 public:
  void clear() { count_ = 0; }
  bool empty() const { return count_ == 0; }
  void push(unsigned thread) { threads_[(first_ + count_++) % maximum_threads] = thread; }
  unsigned pop(std::minstd_rand* random) {
    unsigned& next = threads_[first_];
    if (random != nullptr) {
      std::swap(next, threads_[(first_ + (*random)() % count_) % maximum_threads]);
    }
    first_ = (first_ + 1) % maximum_threads;
    --count_;
    return next;
  }

 private:
  std::array<unsigned, maximum_threads> threads_;
  unsigned first_ = 0, count_ = 0;
};

// Calls visit(lane) for every lane of a mask.
template <class Visit>
void for_lanes(unsigned mask, const Visit& visit) {
  for (unsigned rest = mask; rest != 0; rest &= rest - 1) {
    visit(static_cast<unsigned>(std::countr_zero(rest)));
  }
}

class Execution {
 public:
  cudaError_t run(const Launch& launch, std::uint64_t seed);

  const Launch& launch() const { return *launch_; }
  Thread& running() { return *running_; }
  unsigned running_lane() const { return running_->number % warp_size; }
  uint3 block_index() const { return block_index_; }
  std::uint64_t block() const { return block_; }
  unsigned live_lanes() const { return warps_[running_->number / warp_size].live; }

  void arrive_at_barrier(std::source_location at);
  int barrier_vote(Vote vote, bool predicate, std::source_location at);
  std::uint64_t collective(Collective kind, unsigned mask, std::uint64_t operand, unsigned source,
                           std::source_location at);
  [[noreturn]] void abandon(cudaError_t error);

 private:
  void run_block(std::uint64_t block);
  static void thread_entry();
  [[noreturn]] void finish_thread();
  void release_barrier();
  void complete(unsigned warp, Rendezvous meeting);
  void shuffle(Thread* lanes, const Rendezvous& meeting);
  void multiply(const Thread* lanes, const Rendezvous& meeting);
  void make_ready(Thread& thread) {
    thread.state = State::ready;
    ready_.push(thread.number);
  }
  Fiber& next_fiber();
  void suspend();
  void report_deadlock();
  void report_masks(const Rendezvous& meeting, unsigned mask);
  std::string here(const std::source_location& at) const {
    return "kernel " + std::string(launch_->name) + ", " + text(at);
  }

  const Launch* launch_ = nullptr;
  cudaError_t error_ = cudaSuccess;
  std::minstd_rand random_;
  bool shuffled_ = false;

  Fiber host_;
  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  ReadyThreads ready_;
  Thread* running_ = nullptr;
  std::uint64_t block_ = 0;
  uint3 block_index_{};
  unsigned count_ = 0;    // threads of a block
  unsigned live_ = 0;     // of them, those that have not left the kernel
  unsigned waiting_ = 0;  // of them, those at the barrier
  unsigned votes_ = 0, result_ = 0;
  std::source_location barrier_;
};

thread_local Execution* current = nullptr;
std::uint64_t schedule_seed = 0;

cudaError_t Execution::run(const Launch& launch, std::uint64_t seed) {
  launch_ = &launch;
  error_ = cudaSuccess;
  shuffled_ = seed != 0;
  random_.seed(static_cast<std::uint32_t>(seed));
  count_ = launch.block.x * launch.block.y * launch.block.z;
  threads_.resize(count_);
  warps_.resize((count_ + warp_size - 1) / warp_size);
  for (unsigned i = 0; i < count_; ++i) {
    Thread& thread = threads_[i];
    thread.number = i;
    thread.index = {i % launch.block.x, i / launch.block.x % launch.block.y,
                    i / launch.block.x / launch.block.y};
  }
  SharedMemory::get().begin_launch(launch.shared);
  checker_begin_launch(launch.name);

  const std::uint64_t blocks = std::uint64_t{launch.grid.x} * launch.grid.y * launch.grid.z;
  // A random order of blocks: a walk with a random stride that has no factor in common with their
  // number.
  std::uint64_t block = 0, stride = 1;
  if (shuffled_ && blocks > 1) {
    block = random_() % blocks;
    do stride = 1 + random_() % blocks;
    while (std::gcd(stride, blocks) != 1);
  }
  for (std::uint64_t i = 0; i < blocks && error_ == cudaSuccess; ++i) {
    run_block(block);
    block = (block + stride) % blocks;
  }
  launch_ = nullptr;
  return error_;
}

void Execution::run_block(std::uint64_t block) {
  const dim3& grid = launch_->grid;
  block_ = block;
  block_index_ = {static_cast<unsigned>(block % grid.x),
                  static_cast<unsigned>(block / grid.x % grid.y),
                  static_cast<unsigned>(block / grid.x / grid.y)};
  live_ = count_;
  waiting_ = votes_ = 0;
  ready_.clear();
  for (unsigned w = 0; w < warps_.size(); ++w) {
    const unsigned lanes = std::min(warp_size, count_ - w * warp_size);
    warps_[w].live = lanes == warp_size ? ~0U : (1U << lanes) - 1;
    warps_[w].pending.clear();
  }
  for (Thread& thread : threads_) {
    thread.mask = 0;
    start_fiber(thread.fiber, thread.number, &Execution::thread_entry);
    make_ready(thread);
  }
  SharedMemory::get().begin_block();
  checker_begin_block(block);
  Fiber& first = next_fiber();
  switch_fiber(host_, first);
  running_ = nullptr;
  checker_end_block(count_);
}

void Execution::thread_entry() {
  current->launch_->invocation.run();
  current->finish_thread();
}

void Execution::finish_thread() {
  Thread& self = *running_;
  self.state = State::finished;
  --live_;
  const unsigned w = self.number / warp_size;
  Warp& warp = warps_[w];
  warp.live &= ~(1U << self.number % warp_size);
  // Whoever waits for this lane need not any more.
  for (std::size_t i = 0; i < warp.pending.size(); ++i) {
    const Rendezvous meeting = warp.pending[i];
    if ((meeting.mask & warp.live & ~meeting.arrived) != 0) continue;
    warp.pending.erase(warp.pending.begin() + static_cast<std::ptrdiff_t>(i--));
    complete(w, meeting);
  }
  if (waiting_ > 0 && waiting_ == live_) release_barrier();
  leave_fiber(self.fiber, next_fiber());
}

// The fiber to run next: a ready thread, or the host when the block is over.
Fiber& Execution::next_fiber() {
  if (ready_.empty()) {
    if (live_ > 0) report_deadlock();
    return host_;
  }
  running_ = &threads_[ready_.pop(shuffled_ ? &random_ : nullptr)];
  checker_switch(running_->number, static_cast<const char*>(running_->fiber.stack));
  return running_->fiber;
}

void Execution::suspend() {
  Fiber& self = running_->fiber;
  Fiber& next = next_fiber();
  if (&next != &self) switch_fiber(self, next);
}

void Execution::report_masks(const Rendezvous& meeting, unsigned mask) {
  char masks[64];
  std::snprintf(masks, sizeof masks, "0x%08X and 0x%08X", std::min(meeting.mask, mask),
                std::max(meeting.mask, mask));
  report("wrong mask: " + here(meeting.at) + ": lanes of one warp come to " +
         name_of(meeting.kind) + " with the masks " + masks);
}

void Execution::report_deadlock() {
  error_ = cudaErrorLaunchTimeout;
  std::map<std::string, unsigned> waiting;
  for (const Thread& thread : threads_) {
    if (thread.state != State::finished) ++waiting[text(thread.waits_at)];
  }
  std::string waits;
  for (const auto& [place, count] : waiting) {
    waits += (waits.empty() ? "" : ", ") + std::to_string(count) + " threads wait at " + place;
  }
  report("divergent barrier: kernel " + std::string(launch_->name) + " cannot go on: " + waits);
}

void Execution::abandon(cudaError_t error) {
  error_ = error;
  leave_fiber(running_->fiber, host_);
}

void Execution::arrive_at_barrier(std::source_location at) {
  if (waiting_ == 0) {
    barrier_ = at;
  } else if (!same(barrier_, at)) {
    report("divergent barrier: " + here(at) + ": threads of one block wait here and at " +
           text(barrier_));
  }
  Thread& self = *running_;
  self.waits_at = at;
  if (++waiting_ == live_) {
    self.state = State::ready;
    release_barrier();
    return;
  }
  self.state = State::at_block_barrier;
  suspend();
}

void Execution::release_barrier() {
  if (live_ < count_) {
    report("divergent barrier: " + here(barrier_) + ": " + std::to_string(count_ - live_) + " of " +
           std::to_string(count_) + " threads left the kernel before this __syncthreads");
  }
  waiting_ = 0;
  result_ = std::exchange(votes_, 0);
  checker_block_barrier(count_);
  for (Thread& thread : threads_) {
    if (thread.state == State::at_block_barrier) make_ready(thread);
  }
}

int Execution::barrier_vote(Vote vote, bool predicate, std::source_location at) {
  if (predicate) ++votes_;
  arrive_at_barrier(at);
  // The next barrier is not released before every thread has read this one's result.
  switch (vote) {
    case Vote::count:
      return static_cast<int>(result_);
    case Vote::all:
      return result_ == live_;
    case Vote::any:
      return result_ != 0;
  }
  return 0;
}

std::uint64_t Execution::collective(Collective kind, unsigned mask, std::uint64_t operand,
                                    unsigned source, std::source_location at) {
  Thread& self = *running_;
  const unsigned w = self.number / warp_size, bit = 1U << self.number % warp_size;
  Warp& warp = warps_[w];
  if ((mask & bit) == 0) {
    report("wrong mask: " + here(at) + ": " + name_of(kind) +
           " is called by a lane that its mask " + "does not name");
    abandon(cudaErrorLaunchFailure);
  }
  self.operand = operand;
  self.source = source;
  self.waits_at = at;
  self.mask = mask;

  auto meeting = std::find_if(warp.pending.begin(), warp.pending.end(),
                              [&](const Rendezvous& r) { return (r.mask & mask) != 0; });
  if (meeting == warp.pending.end()) {
    warp.pending.push_back({mask, 0, kind, at});
    meeting = warp.pending.end() - 1;
  } else if (meeting->mask != mask) {
    report_masks(*meeting, mask);
    abandon(cudaErrorLaunchFailure);
  } else if (meeting->kind != kind || !same(meeting->at, at)) {
    report("divergent warp: " + here(at) + ": lanes of one warp are at " + name_of(kind) +
           " here and at " + name_of(meeting->kind) + " at " + text(meeting->at));
    abandon(cudaErrorLaunchFailure);
  }
  meeting->arrived |= bit;
  if ((mask & warp.live & ~meeting->arrived) == 0) {
    const Rendezvous complete_now = *meeting;
    warp.pending.erase(meeting);
    complete(w, complete_now);
    // The caller need not wait; the others have been made ready.
  } else {
    self.state = State::in_collective;
    suspend();
  }
  return self.operand;
}

void Execution::shuffle(Thread* lanes, const Rendezvous& meeting) {
  std::array<std::uint64_t, warp_size> values;
  for_lanes(meeting.arrived, [&](unsigned lane) { values[lane] = lanes[lane].operand; });
  for_lanes(meeting.arrived, [&](unsigned lane) {
    const unsigned source = lanes[lane].source;
    if ((meeting.arrived >> source & 1U) == 0) {
      report("wrong mask: " + here(meeting.at) + ": lane " + std::to_string(lane) + " reads lane " +
             std::to_string(source) + " in a shuffle that it does not take part in");
      lanes[lane].operand = ~std::uint64_t{0};
    } else {
      lanes[lane].operand = values[source];
    }
  });
}

void Execution::multiply(const Thread* lanes, const Rendezvous& meeting) {
  if (meeting.arrived != ~0U) {
    report("divergent warp: " + here(meeting.at) + ": " + name_of(meeting.kind) +
           " needs all 32 lanes");
    error_ = cudaErrorLaunchFailure;
    return;
  }
  WarpFragments fragments;
  for (unsigned lane = 0; lane < warp_size; ++lane) {
    fragments[lane] = reinterpret_cast<MatrixFragments*>(lanes[lane].operand);
  }
  if (meeting.kind == Collective::mma_bfloat16) {
    multiply_bfloat16(fragments);
  } else {
    multiply_tf32(fragments);
  }
}

// Computes what each lane takes away, and lets the waiting ones go on.
void Execution::complete(unsigned w, Rendezvous meeting) {
  Thread* const lanes = threads_.data() + w * warp_size;
  const unsigned mask = meeting.arrived;
  // Lanes that the mask names may have left the kernel, but not after they came here with another.
  const unsigned lanes_in_warp = std::min(warp_size, count_ - w * warp_size);
  for (unsigned lane = 0; lane < lanes_in_warp; ++lane) {
    if ((meeting.mask & ~mask) >> lane & 1U && lanes[lane].mask != 0 &&
        lanes[lane].mask != meeting.mask && same(lanes[lane].waits_at, meeting.at)) {
      report_masks(meeting, lanes[lane].mask);
      error_ = cudaErrorLaunchFailure;
      break;
    }
  }
  switch (meeting.kind) {
    case Collective::barrier:
      checker_warp_barrier(w, mask);
      break;
    case Collective::ballot: {
      std::uint64_t ballot = 0;
      for_lanes(mask, [&](unsigned lane) { ballot |= lanes[lane].operand << lane; });
      for_lanes(mask, [&](unsigned lane) { lanes[lane].operand = ballot; });
      break;
    }
    case Collective::shuffle:
      shuffle(lanes, meeting);
      break;
    case Collective::mma_bfloat16:
    case Collective::mma_tf32:
      multiply(lanes, meeting);
      break;
  }
  for_lanes(mask, [&](unsigned lane) {
    if (lanes[lane].state == State::in_collective) make_ready(lanes[lane]);
  });
}

}  // namespace

cudaError_t execute(const Launch& launch) {
  // Kept from launch to launch for their capacity; kernels do not nest.
  static thread_local Execution execution;
  static thread_local std::uint64_t launches = 0;
  ++launches;
  current = &execution;
  const cudaError_t result =
      execution.run(launch, schedule_seed == 0 ? 0 : schedule_seed * 1'000'003U + launches);
  current = nullptr;
  return result;
}

void set_schedule(std::uint64_t seed) {
  schedule_seed = seed;
}

bool in_kernel() {
  return current != nullptr;
}
Place running_place() {
  return {current->block(), current->running().number};
}
const Launch& running_launch() {
  return current->launch();
}
void abandon(cudaError_t error) {
  current->abandon(error);
}

uint3 thread_index() {
  return current->running().index;
}
uint3 block_index() {
  return current->block_index();
}
dim3 block_size() {
  return current->launch().block;
}
dim3 grid_size() {
  return current->launch().grid;
}
unsigned lane_index() {
  return current->running_lane();
}
unsigned active_lanes() {
  return current->live_lanes();
}

void block_barrier(std::source_location at) {
  current->arrive_at_barrier(at);
}
int block_barrier(Vote vote, bool predicate, std::source_location at) {
  return current->barrier_vote(vote, predicate, at);
}
void warp_barrier(unsigned mask, std::source_location at) {
  current->collective(Collective::barrier, mask, 0, 0, at);
}
unsigned warp_ballot(unsigned mask, bool predicate, std::source_location at) {
  return static_cast<unsigned>(
      current->collective(Collective::ballot, mask, predicate ? 1 : 0, 0, at));
}
std::uint64_t warp_exchange(unsigned mask, std::uint64_t value, unsigned source,
                            std::source_location at) {
  return current->collective(Collective::shuffle, mask, value, source, at);
}
Accumulators mma_bfloat16(MatrixFragments fragments, std::source_location at) {
  current->collective(Collective::mma_bfloat16, ~0U, reinterpret_cast<std::uint64_t>(&fragments), 0,
                      at);
  return {{fragments.d[0], fragments.d[1], fragments.d[2], fragments.d[3]}};
}
Accumulators mma_tf32(MatrixFragments fragments, std::source_location at) {
  current->collective(Collective::mma_tf32, ~0U, reinterpret_cast<std::uint64_t>(&fragments), 0,
                      at);
  return {{fragments.d[0], fragments.d[1], fragments.d[2], fragments.d[3]}};
}

void* dynamic_shared_memory() {
  return SharedMemory::get().dynamic();
}
void* static_shared_memory(const void* key, std::size_t size, std::size_t alignment) {
  return SharedMemory::get().array(key, size, alignment);
}

void trap(std::source_location at) {
  report("trap: kernel " + std::string(current->launch().name) + ", " + text(at) + ": __trap");
  current->abandon(cudaErrorLaunchFailure);
}

}  // namespace ekgine::emulation
