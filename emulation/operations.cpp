#include "emulation/operations.h"

#include <algorithm>
#include <random>
#include <utility>

#include "emulation/checker.h"

namespace ekgine::emulation {
namespace {

bool in_order = true;
std::minstd_rand order;

bool all_done(const Frontier& operations) {
  return std::all_of(operations.begin(), operations.end(),
                     [](const OperationReference& o) { return o->done; });
}

}  // namespace

void set_operation_order(std::uint64_t seed) {
  in_order = seed == 0;
  order.seed(static_cast<std::uint32_t>(seed));
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

void Operations::run_one() {
  const auto chosen =
      in_order ? std::min_element(ready_.begin(), ready_.end(),
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
  operation->done = true;
  operation->work = nullptr;
  for (OperationReference& successor : operation->successors) {
    if (--successor->blockers == 0) ready_.push_back(std::move(successor));
  }
  operation->successors.clear();
}

void Operations::wait(const Frontier& targets) {
  if (!all_done(targets)) ++waits_;
  while (!all_done(targets)) run_one();
  observe(targets);
}

void Operations::wait_for_all() {
  if (!ready_.empty()) ++waits_;
  while (!ready_.empty()) run_one();
  for (Lane lane = 0; lane < lanes_; ++lane) host_.set(lane, lane_counts_[lane]);
}

void Operations::observe(const Frontier& finished) {
  for (const OperationReference& operation : finished) host_.join(operation->clock);
}

}  // namespace ekgine::emulation
