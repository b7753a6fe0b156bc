// Probabilities of the beats of one recording, block by block on all threads.
//
// A block is always of the same beats, and computed by one thread of the CPU alone, so that the
// bits are the same at any number of threads. On CUDA all beats go to the device at once.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/beat.h"
#include "engine/device.h"
#include "model/model.h"
#include "model/weights.h"
#include "training/predictor_pool.h"

namespace ekgine {

class BeatClassifier {
 public:
  // `source` names the weights in errors: those of Model::load(); without normalisation statistics.
  BeatClassifier(const ModelWeights& weights, const std::string& source, DeviceChoice device,
                 PrecisionChoice precision, const std::function<void(const std::string&)>& say);

  const ModelConfig& config() const { return model_.config(); }

  // As Predictor::predict(); `progress` is called by one thread at a time. Throws Interrupted.
  std::vector<float> predict(const BeatSpan& beats,
                             const std::function<void(std::int64_t)>& progress = {});

 private:
  Device device_;
  Model model_;
  PredictorPool predictors_;
};

}  // namespace ekgine
