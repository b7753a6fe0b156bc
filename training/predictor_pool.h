// Predictors of one model for several threads.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/device.h"
#include "model/model.h"
#include "training/predict.h"

namespace ekgine {

class PredictorPool {
 public:
  // The model and its device outlive the pool. The model's arrays are as they are to stay when
  // use() is first called.
  PredictorPool(const Model& model, Device& device);
  PredictorPool(const PredictorPool&) = delete;
  PredictorPool& operator=(const PredictorPool&) = delete;
  ~PredictorPool();

  const ModelConfig& config() const { return model_.config(); }

  // Calls work(predictor) with one that no other thread has meanwhile. On the CPU there are as many
  // as threads have asked for at once, each with a device and a model of its own but for the first,
  // which has the pool's; on CUDA it is one, for which they wait. One whose work throws is not used
  // again on the CPU.
  void use(const std::function<void(Predictor&)>& work);

 private:
  struct Further;  // a device, the model on it, a predictor

  Predictor& take();

  const Model& model_;
  Device& device_;
  Predictor first_;
  std::mutex mutex_;  // on the CPU guards what follows; on CUDA is held by the work
  std::vector<Predictor*> idle_;
  std::vector<std::unique_ptr<Further>> further_;
};

}  // namespace ekgine
