// Inference over whole recordings.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "data/beats.h"
#include "engine/device.h"
#include "engine/replay.h"
#include "evaluation/predictions.h"
#include "model/model.h"

namespace ekgine {

class Predictor {
 public:
  // Plans the memory of inference; the model and the device outlive the predictor. On CUDA a
  // recording goes to the device at once, its probabilities come back at once, and the chunks
  // between are replayed graphs.
  Predictor(const Model& model, Device& device);

  // The n beats of one recording, in order → class probabilities of its n − T + 1 sequences of T
  // consecutive beats (n − T + 1, class_count); sequence i ends with beat i + T − 1. Every beat is
  // encoded once, however many sequences it is part of. `progress` gets the number of beats encoded
  // so far. Errors: fewer than T beats; they are not in the model's unit.
  std::vector<float> predict(const BeatSpan& beats,
                             const std::function<void(std::int64_t)>& progress = {});

 private:
  // What a chunk is read from and written to, at fixed addresses (see Replay).
  struct Chunks {
    Tensor beats;          // (beats_per_chunk, beat_samples)
    Tensor features;       // (beats_per_chunk, D)
    Tensor rows;           // (sequences_per_chunk + T − 1, D): features of a chunk of sequences
    Tensor index;          // (sequences_per_chunk, T): i, i + 1, ... of sequence i
    Tensor probabilities;  // (sequences_per_chunk, class_count)
  };
  void encode(std::int64_t beats, bool dry);
  void classify(std::int64_t sequences, bool dry);

  const Model& model_;
  Device& device_;
  std::int64_t beats_per_chunk_;
  std::unique_ptr<Memory> chunk_memory_;
  Chunks chunk_;
  Arena::Plan encode_plan_, classify_plan_;
  Replay replay_;
};

// The predictions of whole records, in their order; `progress` gets the number of beats encoded so
// far, of all records.
std::vector<RecordPredictions> predict_records(
    Predictor& predictor, std::int64_t sequence_length, std::span<const RecordBeats> records,
    const std::function<void(std::int64_t)>& progress = {});

}  // namespace ekgine
