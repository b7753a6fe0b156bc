// A case of tests/cases in memory of its own, to be done over and over: what all benchmarks time or
// count.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/tape.h"
#include "kernels/runtime/memory.h"
#include "tests/cases/placement.h"

namespace ekgine {

// What one pass of a case takes besides its inputs.
struct Footprint {
  Shape output = {};
  DType output_type = DType::f32;
  bool differentiable = false;   // whether there is anything to go back to
  std::int64_t activations = 0;  // bytes of the arena
};
// By a dry step: no kernel runs. Errors: what the op refuses.
Footprint measure_footprint(Device& device, const testing::KernelCase& c);

// The arrays of one pass that are not activations, and its memory plan. The case outlives it.
class Workload {
 public:
  Workload(Device& device, const testing::KernelCase& c, const Footprint& footprint);

  // Bytes of the arrays, which begin at memory().
  static std::int64_t bytes(const Device& device, const testing::KernelCase& c,
                            const Footprint& footprint);
  std::byte* memory() const { return memory_->data(); }

  // Fills the inputs and the output's gradient, seeded: the same case has the same values, also
  // under another op.
  void write(const Device& device) const;
  // Those of the inputs; empty where there is none.
  const std::vector<Tensor>& gradients() const { return placement_.gradients(); }

 private:
  friend class Pass;
  friend Footprint measure_footprint(Device& device, const testing::KernelCase& c);

  const testing::KernelCase* case_;
  std::unique_ptr<Memory> memory_;
  testing::Placement placement_;
  Tensor cotangent_;
  Arena::Plan plan_;
};

// The op once, on a tape.
class Pass {
 public:
  // The activations begin `skip` bytes into the arena.
  Pass(Device& device, Workload& workload, std::int64_t skip = 0, bool dry = false);

  void forward() { y_ = workload_.case_->op(tape_, inputs_); }
  const Tensor& output() const { return y_; }
  bool differentiable() const { return y_.id() >= 0; }
  void backward() { tape_.backward(y_, workload_.cotangent_); }
  void finish();

 private:
  Workload& workload_;
  Tape tape_;
  Tensor skipped_;
  std::vector<Tensor> inputs_;
  Tensor y_;
};

// While it lives, the device notes what the ops that run state to cost.
class CostNotes {
 public:
  explicit CostNotes(Device& device) : device_(device) { device_.set_profile(&profile_); }
  CostNotes(const CostNotes&) = delete;
  CostNotes& operator=(const CostNotes&) = delete;
  ~CostNotes() { device_.set_profile(nullptr); }

  testing::StatedCosts so_far() const { return testing::stated_costs(profile_); }

 private:
  Device& device_;
  Profile profile_;
};

}  // namespace ekgine
