// What the device has to do, and in which order it must and may.
//
// An operation - a kernel, a copy, a library call - waits in a queue until somebody synchronises
// with it; then it and what it needs runs, and as much of the rest as chance wants. Two operations
// of which neither was ordered after the other run in any order. Clocks tell which were.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ekgine::emulation {

// A lane is a sequence of operations that follow each other: a stream, or a chain of a graph.
using Lane = std::uint32_t;

// For every lane, how many of its operations have come before.
class Clock {
 public:
  void join(const Clock& other);
  std::uint32_t at(Lane lane) const { return lane < counts_.size() ? counts_[lane] : 0; }
  void set(Lane lane, std::uint32_t count);

 private:
  std::vector<std::uint32_t> counts_;
};

// cudaErrorNotReady: it goes on when it is called again; what follows it waits.
using Work = std::function<cudaError_t()>;

struct Operation {
  std::string name;    // as reports call it
  const void* caller;  // return address of the call that queued it
  Work work;           // gone when it is done
  Lane lane = 0;
  std::uint32_t index = 0;  // in its lane, from 1
  Clock clock;              // itself and everything ordered before it
  std::uint64_t sequence = 0;
  unsigned blockers = 0;  // unfinished operations it waits for
  std::vector<std::shared_ptr<Operation>> successors;
  bool done = false;
};
using OperationReference = std::shared_ptr<Operation>;
// Operations that together stand for "everything so far".
using Frontier = std::vector<OperationReference>;

class Operations {
 public:
  static Operations& get();

  Lane new_lane();
  // Queues work that follows `after`, and everything that the host has waited for.
  OperationReference add(Lane lane, std::string name, Work work, const void* caller,
                         const Frontier& after);
  // Runs until all of `targets` are done, and orders them before all that is queued from now on. A
  // wait that never ends is a fault and cudaErrorLaunchTimeout.
  void wait(const Frontier& targets);
  // Runs them as a device does by itself: the host knows nothing of it.
  void run(const Frontier& targets);
  // Runs one operation, if there is one that can.
  void go_on();
  void wait_for_all();
  // Calls of the two that found something undone.
  std::uint64_t waits() const { return waits_; }
  // Orders finished operations before what is queued from now on, as a successful query does.
  void observe(const Frontier& finished);

  // The error that ended an operation; the device does nothing from then on.
  cudaError_t error() const { return error_; }
  void forget_error() { error_ = cudaSuccess; }
  // The running operation, or null.
  const Operation* running() const { return running_; }

 private:
  // False: none of those that are ready goes on.
  bool run_one();
  void wait_in_vain();
  Lane lanes_ = 0;
  std::vector<std::uint32_t> lane_counts_;
  std::uint64_t sequence_ = 0;
  std::uint64_t waits_ = 0;
  std::vector<OperationReference> ready_;
  Clock host_;
  cudaError_t error_ = cudaSuccess;
  const Operation* running_ = nullptr;
};

// Order in which operations that may run in any order do: 0 is the order they were queued in.
void set_operation_order(std::uint64_t seed);
// That seed; any thread may ask.
std::uint64_t operation_order();

}  // namespace ekgine::emulation
