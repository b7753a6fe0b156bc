// The state of a training run on disk: enough to go on bit for bit.
//
// checkpoint.safetensors holds every array of the model by its name, the optimiser's moments as
// `adamw.m.NAME` and `adamw.v.NAME`, and in its metadata `format` = "ekgine-checkpoint-1",
// `options` (what the run was started with, JSON) and `state` (TrainingState, JSON). It is one
// file, replaced as a whole, so that a kill leaves either the old or the new state. checkpoint.json
// repeats the options and the state for people to read; nothing reads it back.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/schedule.h"
#include "model/model.h"

namespace ekgine {

struct TrainingState {
  std::int64_t step = 0;   // optimiser steps taken
  std::int64_t epoch = 0;  // epochs completed, validation included
  std::int64_t batch = 0;  // batches done of the epoch after those
  // Of these batches: Σ loss·sequences, correctly classified sequences, sequences.
  double loss_sum = 0;
  std::int64_t correct = 0;
  std::int64_t sequences = 0;
  PlateauSchedule plateau;
  EarlyStopping stopping;
  // One object per completed epoch: the lines of history.jsonl.
  nlohmann::ordered_json history = nlohmann::ordered_json::array();
};

bool has_checkpoint(const std::filesystem::path& directory);

// Writes both files into `directory`.
void save_checkpoint(const std::filesystem::path& directory, const nlohmann::ordered_json& options,
                     const TrainingState& state, const Model& model);

struct Checkpoint {
  nlohmann::ordered_json options;
  TrainingState state;
  StateDict arrays;  // of the model and of the optimiser
};

// Errors: no checkpoint there; not one of this version; damaged.
Checkpoint load_checkpoint(const std::filesystem::path& directory);

// Puts the checkpoint's arrays into the model and its optimiser. Errors: they do not fit.
void restore(const Checkpoint& checkpoint, const std::filesystem::path& directory, Model& model);

}  // namespace ekgine
