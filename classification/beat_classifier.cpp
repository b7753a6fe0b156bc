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

constexpr std::int64_t labels_per_block = 1024;

// Which beats a block reads, and what of the probabilities that come of them is its own.
struct Block {
  std::int64_t first, beats;    // read
  std::int64_t skipped, count;  // labels before its own, and its own
};

// Block `i` of a recording's beats.
Block block_of(std::int64_t i, std::int64_t beats, const ModelConfig& config) {
  const std::int64_t length = config.sequence_length;
  if (!config.labels_every_beat()) {
    const std::int64_t begin = i * labels_per_block;
    const std::int64_t count = std::min(labels_per_block, beats - (length - 1) - begin);
    return {begin, count + length - 1, 0, count};
  }
  // Blocks begin where windows do (see Predictor::predict()), and read on until every window that
  // holds a beat of theirs is whole: the windows are those of the recording as a whole.
  const std::int64_t stride = (length + 1) / 2;
  const std::int64_t size = (labels_per_block + stride - 1) / stride * stride;
  const std::int64_t begin = i * size, end = std::min(begin + size, beats);
  const std::int64_t first = std::max<std::int64_t>(begin - 2 * stride, 0);
  const std::int64_t last = std::min(end + 2 * stride, beats);
  return {first, last - first, begin - first, end - begin};
}

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
  const std::int64_t lead_in = config().labels_every_beat() ? 0 : config().sequence_length - 1;
  const std::int64_t labels = beats.count() - lead_in;
  if (labels < 1) fail("a recording needs {} beats or more", lead_in + 1);
  std::vector<float> probabilities(static_cast<std::size_t>(labels * class_count));
  std::mutex mutex;  // guards done, and serialises progress
  std::int64_t done = 0;
  std::vector<Block> blocks;
  for (std::int64_t at = 0; at < labels; at += blocks.back().count) {
    blocks.push_back(block_of(std::ssize(blocks), beats.count(), config()));
  }
  for_each_item(std::ssize(blocks), [&](std::int64_t i, const Cpu&) {
    const Block& block = blocks[static_cast<std::size_t>(i)];
    std::unique_ptr<Engine> engine = take();
    const std::vector<float> found =
        engine->predictor->predict(beats.part(block.first, block.beats));
    std::copy_n(found.begin() + block.skipped * class_count, block.count * class_count,
                probabilities.begin() + (block.first + block.skipped) * class_count);
    give_back(std::move(engine));
    const std::lock_guard lock(mutex);
    done += block.count;
    if (progress) progress(done);
  });
  return probabilities;
}

}  // namespace ekgine
