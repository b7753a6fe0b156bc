// Inference over whole recordings.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "data/beats.h"
#include "engine/device.h"
#include "evaluation/predictions.h"
#include "model/model.h"

namespace ekgine {

class Predictor {
 public:
  // Plans the memory of inference; the model and the device outlive the predictor.
  Predictor(const Model& model, Device& device);

  // The beats of one recording (n, beat_samples) in mV, in order → class probabilities of its
  // n − T + 1 sequences of T consecutive beats (n − T + 1, class_count); sequence i ends with
  // beat i + T − 1. Every beat is encoded once, however many sequences it is part of. `progress`
  // gets the number of beats encoded so far. Errors: fewer than T beats.
  std::vector<float> predict(std::span<const float> beats,
                             const std::function<void(std::int64_t)>& progress = {});

 private:
  void encode(std::span<const float> beats, std::vector<float>& features, bool dry);
  void classify(std::span<const float> features, std::int64_t sequences,
                std::vector<float>& probabilities, bool dry);

  const Model& model_;
  Device& device_;
  Arena::Plan encode_plan_, classify_plan_;
};

// The predictions of whole records, in their order; `progress` gets the number of beats encoded so
// far, of all records.
std::vector<RecordPredictions> predict_records(
    Predictor& predictor, std::int64_t sequence_length, std::span<const RecordBeats> records,
    const std::function<void(std::int64_t)>& progress = {});

}  // namespace ekgine
