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

// Gets the number of beats encoded so far.
using BeatsDone = std::function<void(std::int64_t)>;

class Predictor {
 public:
  // Plans the memory of inference; the model and the device outlive the predictor. On CUDA a
  // recording goes to the device at once, its probabilities come back at once, and the chunks
  // between are replayed graphs.
  Predictor(const Model& model, Device& device);

  // The n beats of one recording, in order → class probabilities of its n − T + 1 sequences of T
  // consecutive beats (n − T + 1, class_count); sequence i ends with beat i + T − 1. Every beat is
  // encoded once, however many sequences it is part of. Errors: fewer than T beats; they are not in
  // the model's unit.
  std::vector<float> predict(const BeatSpan& beats, const BeatsDone& progress = {});
  // The same of n sequences that share no beats, one after another (n · T, beat_samples):
  // (n, class_count); n may be 0. Errors: the beats are not in the model's unit.
  std::vector<float> predict_sequences(const BeatSpan& beats, const BeatsDone& progress = {});
  // n beats, which may be 0 → their features (n, D), what the model's feature extractor makes of
  // each by itself. Errors: they are not in the model's unit.
  std::vector<float> encode(const BeatSpan& beats, const BeatsDone& progress = {});

 private:
  // What a chunk is read from and written to, at fixed addresses (see Replay).
  struct Chunks {
    Tensor beats;          // (beats_per_chunk, beat_samples)
    Tensor features;       // (beats_per_chunk, D)
    Tensor rows;           // (sequences_per_chunk + T − 1, D): features of a chunk of sequences
    Tensor windows;        // (sequences_per_chunk, T): i, i + 1, ... of sequence i
    Tensor sequences;      // the same with T · i, T · i + 1, ..., as many as `rows` holds
    Tensor probabilities;  // (sequences_per_chunk, class_count)
  };
  void encode_chunk(std::int64_t beats, bool dry);
  void classify_chunk(std::int64_t sequences, std::int64_t stride, bool dry);
  // Features (n, D) of all beats, into `features`. `recording`: the place of the beats on the
  // device, see recording_shape().
  void encode_all(const BeatSpan& beats, const Tensor& recording, const Tensor& features,
                  const BeatsDone& progress);
  // On the CPU chunks are taken from the caller's memory.
  Shape recording_shape(std::int64_t beats) const;
  // Of the last of the chunks, which have `rest` and `first` rows.
  std::int64_t size_of_chunk(std::int64_t rest, std::int64_t first) const;
  // Sequence i begins with beat stride · i; the stride is 1 or T.
  std::vector<float> classify_all(const BeatSpan& beats, std::int64_t stride,
                                  const BeatsDone& progress);

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
std::vector<RecordPredictions> predict_records(Predictor& predictor, std::int64_t sequence_length,
                                               std::span<const RecordBeats> records,
                                               const BeatsDone& progress = {});

}  // namespace ekgine
