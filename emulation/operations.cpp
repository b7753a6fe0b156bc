#include "emulation/operations.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <utility>

#include "emulation/checker.h"
#include "emulation/faults.h"
#include "emulation/symbols.h"

namespace ekgine::emulation {
namespace {

std::atomic<std::uint64_t> order_seed = 0;
std::minstd_rand order;

bool all_done(const Frontier& operations) {
  return std::all_of(operations.begin(), operations.end(),
                     [](const OperationReference& o) { return o->done; });
}

}  // namespace

void set_operation_order(std::uint64_t seed) {
  order_seed = seed;
  order.seed(static_cast<std::uint32_t>(seed));
}

std::uint64_t operation_order() {
  return order_seed;
}

void Clock::join(const Clock& other) {
  if (counts_.size() < other.counts_.size()) counts_.resize(other.counts_.size());
  for (std::size_t i = 0; i < other.counts_.size(); ++i) {
    counts_[i] = std::max(counts_[i], other.counts_[i]);
  }
}

void Clock::set(Lane lane, std::uint32_t count) {
  if (counts_.size() <= lane) counts_.resize(lane + 1);
  counts_[lane] = count;
}

Operations& Operations::get() {
  static Operations operations;
  return operations;
}

Lane Operations::new_lane() {
  lane_counts_.push_back(0);
  return lanes_++;
}

OperationReference Operations::add(Lane lane, std::string name, Work work, const void* caller,
                                   const Frontier& after) {
  auto operation = std::make_shared<Operation>();
  operation->name = std::move(name);
  operation->work = std::move(work);
  operation->caller = caller;
  operation->lane = lane;
  operation->index = ++lane_counts_[lane];
  operation->sequence = ++sequence_;
  operation->clock = host_;
  for (const OperationReference& before : after) {
    operation->clock.join(before->clock);
    if (before->done) continue;
    ++operation->blockers;
    before->successors.push_back(operation);
  }
  operation->clock.set(lane, operation->index);
  if (operation->blockers == 0) ready_.push_back(operation);
  return operation;
}

bool Operations::run_one() {
  if (ready_.empty()) return false;
  const auto chosen =
      order_seed == 0
          ? std::min_element(ready_.begin(), ready_.end(),
                             [](const OperationReference& a, const OperationReference& b) {
                               return a->sequence < b->sequence;
                             })
          : ready_.begin() + static_cast<std::ptrdiff_t>(order() % ready_.size());
  const OperationReference operation = std::move(*chosen);
  ready_.erase(chosen);
  running_ = operation.get();
  if (error_ == cudaSuccess) {
    checker_begin_operation(*operation);
    error_ = operation->work();
    checker_end_operation();
  }
  running_ = nullptr;
  if (error_ == cudaErrorNotReady) {
    error_ = cudaSuccess;
    // The others', which may end while this one does not.
    const bool others = !ready_.empty() && run_one();
    ready_.push_back(operation);
    return others;
  }
  operation->done = true;
  operation->work = nullptr;
  for (OperationReference& successor : operation->successors) {
    if (--successor->blockers == 0) ready_.push_back(std::move(successor));
  }
  operation->successors.clear();
  return true;
}

void Operations::run(const Frontier& targets) {
  while (!all_done(targets) && run_one()) {
  }
}

void Operations::go_on() {
  run_one();
}

// The host waits for what is stuck.
void Operations::wait_in_vain() {
  const Operation& stuck = *ready_.front();
  report(fmt::format("the host waits for {}, called at {}, which never ends", stuck.name,
                     source_line(stuck.caller)));
  error_ = cudaErrorLaunchTimeout;
}

void Operations::wait(const Frontier& targets) {
  if (!all_done(targets)) ++waits_;
  while (!all_done(targets)) {
    if (!run_one()) wait_in_vain();
  }
  observe(targets);
}

void Operations::wait_for_all() {
  if (!ready_.empty()) ++waits_;
  while (!ready_.empty()) {
    if (!run_one()) wait_in_vain();
  }
  for (Lane lane = 0; lane < lanes_; ++lane) host_.set(lane, lane_counts_[lane]);
}

void Operations::observe(const Frontier& finished) {
  for (const OperationReference& operation : finished) host_.join(operation->clock);
}

}  // namespace ekgine::emulation
