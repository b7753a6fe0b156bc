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

// Gets the number of beats encoded so far, of an ensemble as a mean over its members; again and
// again, also while sequences are classified, so that what it throws ends a prediction soon.
using BeatsDone = std::function<void(std::int64_t)>;

class Predictor {
 public:
  // Plans the memory of inference; the model and the device outlive the predictor. On CUDA a
  // recording goes to the device at once, its probabilities come back at once, and the chunks
  // between are replayed graphs.
  Predictor(const Model& model, Device& device);

  // The n beats of one recording, in order → class probabilities. Every beat is encoded once,
  // however many sequences it is part of. Errors: the beats are not in the model's unit.
  //
  // Of a model that labels the last beat of a sequence, those of the n − T + 1 sequences of T
  // consecutive beats (n − T + 1, class_count); sequence i ends with beat i + T − 1. Errors: fewer
  // than T beats.
  //
  // Of one that labels every beat, those of all beats (n, class_count): weighted means over the
  // windows of T beats that begin with every ⌈T/2⌉th beat, and over one that ends with the last;
  // position t of a window weighs 1.02 − |(2t + 1)/T − 1|, more in the middle, where it sees both
  // sides. Of an ensemble it is the mean over its members, too. A recording of fewer than T beats
  // is one window of its length. n may be 0.
  std::vector<float> predict(const BeatSpan& beats, const BeatsDone& progress = {});
  // Of n sequences that share no beats, one after another (n · T, row_width): (n, class_count), or
  // (n · T, class_count) of a model that labels every beat, of an ensemble the means over its
  // members; n may be 0. Errors: the beats are not in the model's unit.
  std::vector<float> predict_sequences(const BeatSpan& beats, const BeatsDone& progress = {});
  // n beats, which may be 0 → their features (n, D), what the model's feature extractor makes of
  // each by itself; of an ensemble (n, members · D), one member's beside the other's. Errors: they
  // are not in the model's unit.
  std::vector<float> encode(const BeatSpan& beats, const BeatsDone& progress = {});

  const ModelConfig& config() const { return model_.config(); }

 private:
  // What a chunk is read from and written to, at fixed addresses (see Replay).
  struct Chunks {
    Tensor beats;     // (beats_per_chunk, row_width)
    Tensor features;  // (beats_per_chunk, D)
    Tensor rows;      // (rows_per_chunk + T − 1, D): features of a chunk of sequences
    // (..., T), as many as `rows` holds: stride · i, stride · i + 1, ... of sequence i; those of a
    // recording, and those that share no beats
    Tensor windows, sequences;
    Tensor probabilities;  // (labels of a chunk of sequences, class_count)
  };
  // Sequences of `length` beats, which begin `stride` beats apart.
  struct Sequences {
    std::int64_t count, stride, length;
  };
  // How many beats apart the windows of a recording begin.
  std::int64_t window_stride() const;
  void encode_chunk(std::int64_t member, std::int64_t beats, bool dry);
  void classify_chunk(std::int64_t member, const Sequences& sequences, bool dry);
  // Features (n, D) of all beats, by a member, into `features`. `recording`: the place of the beats
  // on the device, see recording_shape().
  void encode_all(std::int64_t member, const BeatSpan& beats, const Tensor& recording,
                  const Tensor& features, const BeatsDone& progress);
  // On the CPU chunks are taken from the caller's memory.
  Shape recording_shape(std::int64_t beats) const;
  // Of the last of the chunks, which have `rest` and `first` rows.
  std::int64_t size_of_chunk(std::int64_t rest, std::int64_t first) const;
  // Features (n, D) → a member's probabilities of the sequences, their labels one after another.
  // Calls `between` after each chunk.
  void classify_all(std::int64_t member, const Tensor& features, const Sequences& sequences,
                    const Tensor& probabilities, const std::function<void()>& between);
  std::vector<float> label_last(const BeatSpan& beats, std::int64_t stride,
                                const BeatsDone& progress);
  std::vector<float> label_all(const BeatSpan& beats, std::int64_t stride,
                               const BeatsDone& progress);

  const Model& model_;
  Device& device_;
  std::int64_t beats_per_chunk_;
  std::unique_ptr<Memory> chunk_memory_;
  Chunks chunk_;
  Arena::Plan encode_plan_, classify_plan_;
  Replay replay_;
};

// The predictions of whole records, in their order, of every beat that the model labels; `progress`
// gets the number of beats encoded so far, of all records.
std::vector<RecordPredictions> predict_records(Predictor& predictor,
                                               std::span<const RecordBeats> records,
                                               const BeatsDone& progress = {});
// The same by ranks that each take consecutive ones of the records: all get all predictions.
// `progress` gets what this rank has done, as that share of all beats.
std::vector<RecordPredictions> predict_records(Predictor& predictor,
                                               std::span<const RecordBeats> records, Ranks& ranks,
                                               const BeatsDone& progress = {});

}  // namespace ekgine
