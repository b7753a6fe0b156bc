// One optimiser step on one batch.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/option_error.h"
#include "engine/device.h"
#include "engine/ranks.h"
#include "engine/replay.h"
#include "engine/tape.h"
#include "kernels/adamw.h"
#include "kernels/gather_jittered.h"
#include "kernels/running_loss.h"
#include "model/model.h"

namespace ekgine {

// A batch of B sequences of T beats, of which U are distinct, and L labels for each: 1, or T for a
// model that labels every beat.
struct BatchView {
  BeatSpan beats;                          // U; not looked at when the data set's are resident
  std::span<const std::int32_t> beat_ids;  // (U) their numbers in the data set
  std::span<const std::int32_t> index;     // (B,T) into the U beats
  std::span<const std::int32_t> labels;    // (B, L)
};

// The loss is not finite: these hyperparameters do not train.
class Diverged : public OptionError {
 public:
  using OptionError::OptionError;
};

class TrainingStep {
 public:
  struct Settings {
    std::vector<float> class_weights;  // class_count of them
    std::uint64_t seed = 0;
    kernels::Jitter jitter = {};  // of beats
    // With a shift, where the beats are deviations: Dataset::typical_beats() and the number of each
    // record's first beat.
    std::vector<float> typical_beats = {};
    std::vector<std::int64_t> first_beats = {};
    double weight_decay = kernels::AdamWSettings().weight_decay;
    double ema_decay = 0;  // of the average of the weights, which the model then keeps; 0: none
    std::int64_t sequences = 0, beats = 0;  // of the largest batch
    // All N beats of the data set, to be kept in the device's memory so that a step copies numbers
    // only; empty: every batch brings its beats.
    BeatSpan resident_beats = {};
    // Those that train the model together, this process among them; null: nobody else. All are
    // given the same batches.
    Ranks* ranks = nullptr;
  };

  // Plans the activations of the largest batch, without touching any, and takes memory for batches.
  // The model, the device and the ranks outlive the step. Errors: the resident beats are not in the
  // model's unit.
  TrainingStep(Model& model, Device& device, const Settings& settings);

  // Forward, backward and update, as optimiser step `step` (1, 2, ...): random bits depend on the
  // seed and the step alone. On CUDA the work is queued, as one graph where the same sizes came
  // before (see Replay), and nothing waits for it.
  //
  // Ranks share the batch: each encodes its slice of the distinct beats, gets the features of all,
  // and classifies its slice of the sequences; norms, loss and gradients are those of the whole
  // batch, within rounding, and end up with the same bits on all ranks. A batch with fewer
  // sequences or beats than there are ranks is done by every rank alone, as a whole. Errors: the
  // batch's beats are not in the model's unit; a rank that does not answer.
  void run(const BatchView& batch, std::int64_t step, double learning_rate);

  // Sums over the labels of the steps since they were last set, of all members. Waits for them.
  // Throws Diverged if a loss was not finite; neither weights nor running statistics have been
  // changed by that step or later ones.
  kernels::RunningLoss totals() const;
  void set_totals(const kernels::RunningLoss& totals);

  const Replay& replay() const { return replay_; }

 private:
  // The batch in the device's memory.
  struct Inputs {
    Tensor beats, rows, ids, records, index, labels;
  };
  // What of it this process computes.
  struct Parts {
    Tape::Part beats, sequences;
  };
  Inputs inputs(std::int64_t sequences, std::int64_t beats) const;
  Parts parts(std::int64_t sequences, std::int64_t beats);
  Parts largest_parts();
  void take(const BatchView& batch, std::int64_t step, double learning_rate);
  void write(const BatchView& batch, const Inputs& inputs);
  void write_records(std::span<const std::int32_t> beat_ids, const Tensor& records);
  void record(Tape& tape, const Inputs& batch, const Parts& parts);
  void exchange(Ranks& ranks);

  Model& model_;
  Device& device_;
  Settings settings_;
  std::unique_ptr<Memory> memory_;
  // At their largest.
  Tensor totals_memory_, rows_, ids_, records_, index_, labels_, class_weights_, beats_;
  Tensor typical_;                            // (records, 187), or a row of zeros
  kernels::RunningLoss* totals_;              // device memory
  Tensor mine_, of_ranks_;                    // RunningLoss of this rank, of a step; of all ranks
  NoOthers alone_;                            // for small batches
  std::vector<std::int32_t> counting_;        // 0, 1, 2, ...
  std::vector<std::int32_t> record_numbers_;  // of the batch's beats
  Arena::Plan plan_;
  Replay replay_;
};

}  // namespace ekgine
