#include "classification/beat_classifier.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/error.h"
#include "data/workers.h"
#include "model/model.h"
#include "training/predict.h"

namespace ekgine {

namespace {

constexpr std::int64_t sequences_per_block = 1024;

}  // namespace

struct BeatClassifier::Engine {
  Engine(const ModelWeights& weights, const std::string& source, DeviceChoice choice,
         PrecisionChoice precision, const std::function<void(const std::string&)>& say)
      : device(Device::open(choice, precision, say)),
        model(weights.config, device, ParameterSet::Use::inference, 0) {
    model.load(weights.state, source);
    if (!model.has_normalisation()) {
      fail("{}: carries no normalisation statistics, which classify needs", source);
    }
    predictor = std::make_unique<Predictor>(model, device);
  }

  Device device;
  Model model;
  std::unique_ptr<Predictor> predictor;
};

BeatClassifier::BeatClassifier(ModelWeights weights, std::string source, DeviceChoice device,
                               PrecisionChoice precision,
                               const std::function<void(const std::string&)>& say)
    : weights_(std::move(weights)), source_(std::move(source)), precision_(precision) {
  idle_.push_back(std::make_unique<Engine>(weights_, source_, device, precision_, say));
  on_host_ = idle_.front()->device.on_host();
}

BeatClassifier::~BeatClassifier() = default;

std::unique_ptr<BeatClassifier::Engine> BeatClassifier::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<Engine> engine = std::move(idle_.back());
      idle_.pop_back();
      return engine;
    }
  }
  return std::make_unique<Engine>(weights_, source_, DeviceChoice::cpu, precision_,
                                  [](const std::string&) {});
}

void BeatClassifier::give_back(std::unique_ptr<Engine> engine) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(engine));
}

std::vector<float> BeatClassifier::predict(const BeatSpan& beats,
                                           const std::function<void(std::int64_t)>& progress) {
  if (!on_host_) return idle_.front()->predictor->predict(beats, progress);
  const std::int64_t lead_in = config().sequence_length - 1;
  const std::int64_t sequences = std::ssize(beats.samples) / beat_samples - lead_in;
  if (sequences < 1) fail("a recording needs {} beats or more", lead_in + 1);
  std::vector<float> probabilities(static_cast<std::size_t>(sequences * class_count));
  std::mutex mutex;  // guards done, and serialises progress
  std::int64_t done = 0;
  const std::int64_t blocks = (sequences + sequences_per_block - 1) / sequences_per_block;
  for_each_item(blocks, [&](std::int64_t i, const Cpu&) {
    const std::int64_t begin = i * sequences_per_block;
    const std::int64_t count = std::min(sequences_per_block, sequences - begin);
    std::unique_ptr<Engine> engine = take();
    const std::vector<float> found = engine->predictor->predict(
        {beats.samples.subspan(static_cast<std::size_t>(begin * beat_samples),
                               static_cast<std::size_t>((count + lead_in) * beat_samples)),
         beats.unit});
    std::ranges::copy(found, probabilities.begin() + begin * class_count);
    give_back(std::move(engine));
    const std::lock_guard lock(mutex);
    done += count;
    if (progress) progress(done);
  });
  return probabilities;
}

}  // namespace ekgine
