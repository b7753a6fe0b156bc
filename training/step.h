// One optimiser step on one batch.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"
#include "engine/device.h"
#include "kernels/adamw.h"
#include "model/model.h"

namespace ekgine {

// A batch as the model takes it; whoever fills it keeps the memory alive.
struct BatchView {
  std::span<const float> beats;          // (U, beat_samples) in mV
  std::span<const std::int32_t> index;   // (B,T) into the beats
  std::span<const std::int32_t> labels;  // (B)
};

// The loss is not finite: these hyperparameters do not train.
class Diverged : public Error {
 public:
  using Error::Error;
};

class TrainingStep {
 public:
  // Plans the memory for batches of at most `sequences` sequences and `beats` beats, without
  // touching any. `class_weights`: class_count of them. The model
  // and the device outlive the step.
  TrainingStep(Model& model, Device& device, std::span<const float> class_weights,
               std::uint64_t seed, std::int64_t sequences, std::int64_t beats);

  struct Result {
    double loss;           // weighted mean over the batch, before the update
    std::int64_t correct;  // sequences whose class was the most probable one
  };
  // Forward, backward and update, as optimiser step `step` (1, 2, ...): random bits depend on the
  // seed and the step alone. Throws Diverged; no weight is updated then.
  Result run(const BatchView& batch, std::int64_t step, const kernels::AdamWSettings& settings);

 private:
  Result record(Tape& tape, const BatchView& batch, bool dry);

  Model& model_;
  Device& device_;
  std::vector<float> class_weights_;
  std::uint64_t seed_;
  Arena::Plan plan_;
};

}  // namespace ekgine
