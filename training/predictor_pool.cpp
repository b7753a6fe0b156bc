#include "training/predictor_pool.h"

#include <optional>
#include <utility>

namespace ekgine {

// The image type tells the CPU's devices apart.
struct PredictorPool::Further {
  explicit Further(const Model& of, const Device& beside)
      : device(Device::cpu(beside.image_dtype())),
        model(of.config(), device, ParameterSet::Use::inference, 0) {
    model.load(of.state(), "the pool's model");
    predictor.emplace(model, device);
  }

  Device device;
  Model model;
  std::optional<Predictor> predictor;
};

PredictorPool::PredictorPool(const Model& model, Device& device)
    : model_(model), device_(device), first_(model, device), idle_{&first_} {}

PredictorPool::~PredictorPool() = default;

Predictor& PredictorPool::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      Predictor& predictor = *idle_.back();
      idle_.pop_back();
      return predictor;
    }
  }
  auto further = std::make_unique<Further>(model_, device_);
  const std::lock_guard lock(mutex_);
  return *further_.emplace_back(std::move(further))->predictor;
}

void PredictorPool::use(const std::function<void(Predictor&)>& work) {
  if (!device_.on_host()) {
    const std::lock_guard one_at_a_time(mutex_);
    work(first_);
    return;
  }
  Predictor& predictor = take();
  work(predictor);
  const std::lock_guard lock(mutex_);
  idle_.push_back(&predictor);
}

}  // namespace ekgine
