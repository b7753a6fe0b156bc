// The state of a training run on disk: enough to go on bit for bit.
//
// checkpoint.safetensors holds every array of the model by its name, the optimiser's moments as
// `adamw.m.NAME` and `adamw.v.NAME`, with --ema-decay the weights' moving average as
// `average.NAME`, and in its metadata `format` = "ekgine-checkpoint-2",
// `options` (what the run was started with, JSON), `inputs` (RunInputs, JSON), `made` (what started
// it, base/provenance.h, JSON) and `state` (TrainingState, JSON). It is one file, sealed
// (base/seal.h) and replaced as a whole, so that a kill leaves either the old or the new state.
// checkpoint.json repeats the metadata for people to read; nothing reads it back. Checkpoints of
// "ekgine-checkpoint-1" have no seal and know less of their inputs; they are read all the same, and
// a notice says so.
//
// What is read back is checked as options are that are typed: a seal is against accidents only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/provenance.h"
#include "data/store.h"
#include "engine/schedule.h"
#include "model/model.h"
#include "training/options.h"
#include "training/stores.h"

namespace ekgine {

struct TrainingState {
  std::int64_t step = 0;   // optimiser steps taken
  std::int64_t epoch = 0;  // epochs completed, validation included
  std::int64_t batch = 0;  // batches done of the epoch after those
  // Of these batches: Σ loss·labels, correctly classified labels, sequences.
  double loss_sum = 0;
  std::int64_t correct = 0;
  std::int64_t sequences = 0;
  std::int64_t ranks = 1;  // that took the last step
  PlateauSchedule plateau;
  EarlyStopping stopping;
  // One object per completed epoch: the lines of history.jsonl.
  Json history = Json::array();
};

// What a run was started on.
struct RunInputs {
  std::string label_map;
  std::string fingerprint;             // Store::fingerprint(): of all its records
  std::vector<std::string> more = {};  // the same of each further store

  bool operator==(const RunInputs&) const = default;
};

// What a run with these options is about to be trained on.
RunInputs inputs_of(const Store& store, const std::vector<FurtherStore>& more,
                    const TrainOptions& options);
RunInputs inputs_of(const TrainOptions& options);  // opens the stores

// Fails where `before`, which the file `source` tells, are other inputs than those of the options'
// stores now: going on would make another model of it. A notice says so where they are empty.
void check_inputs(const RunInputs& before, const RunInputs& now,
                  const std::filesystem::path& source, const TrainOptions& options);

Json to_json(const RunInputs& inputs);
RunInputs inputs_from_json(const Json& json, const std::string& source);

// Lets the schedules see a completed epoch, `line` of the history; true: it is the best so far, or
// the last one where no validation chooses.
bool observe_epoch(const Json& line, const TrainOptions& options, PlateauSchedule& plateau,
                   EarlyStopping& stopping);

// Fails unless a run with these options can have got to `state`: numbers in their ranges, a history
// of its epochs, and schedules that are where this history leads. `source` opens the text.
void check_state(const TrainingState& state, const TrainOptions& options,
                 const std::string& source);

// Fails unless the position within the epoch is one of epochs of so many batches and sequences.
void check_position(const TrainingState& state, const TrainOptions& options, std::int64_t batches,
                    std::int64_t sequences, const std::string& source);

std::filesystem::path checkpoint_path(const std::filesystem::path& directory);

bool has_checkpoint(const std::filesystem::path& directory);

// Writes both files into `directory`.
void save_checkpoint(const std::filesystem::path& directory, const TrainOptions& options,
                     const RunInputs& inputs, const Provenance& made, const TrainingState& state,
                     const Model& model);

struct Checkpoint {
  TrainOptions options;
  RunInputs inputs;  // empty texts: of a version that did not say
  Provenance made;   // empty: the same
  TrainingState state;
  StateDict arrays;  // of the model and of the optimiser
};

// Errors: no checkpoint there; not one of this version; damaged; check_state()'s.
Checkpoint load_checkpoint(const std::filesystem::path& directory);

// Puts the checkpoint's arrays into the model and its optimiser. Errors: they do not fit.
void restore(const Checkpoint& checkpoint, const std::filesystem::path& directory, Model& model);

}  // namespace ekgine
