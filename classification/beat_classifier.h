// Probabilities of the beats of one recording, block by block on all threads.
//
// A block is always of the same beats, and computed by one thread of the CPU alone, so that the
// bits are the same at any number of threads. On CUDA all beats go to the device at once.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/beat.h"
#include "engine/device.h"
#include "model/weights.h"

namespace ekgine {

class BeatClassifier {
 public:
  // `source` names the weights in errors: those of Model::load(); without normalisation statistics.
  BeatClassifier(ModelWeights weights, std::string source, DeviceChoice device,
                 PrecisionChoice precision, const std::function<void(const std::string&)>& say);
  BeatClassifier(const BeatClassifier&) = delete;
  BeatClassifier& operator=(const BeatClassifier&) = delete;
  ~BeatClassifier();

  const ModelConfig& config() const { return weights_.config; }

  // As Predictor::predict(); `progress` is called by one thread at a time. Throws Interrupted.
  std::vector<float> predict(const BeatSpan& beats,
                             const std::function<void(std::int64_t)>& progress = {});

 private:
  struct Engine;  // a device, the model on it, a predictor

  std::unique_ptr<Engine> take();
  void give_back(std::unique_ptr<Engine> engine);

  ModelWeights weights_;
  std::string source_;
  PrecisionChoice precision_;
  std::mutex mutex_;  // guards idle_
  std::vector<std::unique_ptr<Engine>> idle_;
  bool on_host_ = true;
};

}  // namespace ekgine
