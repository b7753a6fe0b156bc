#include "classification/beat_classifier.h"

#include <algorithm>
#include <mutex>

#include "base/error.h"
#include "data/workers.h"
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

BeatClassifier::BeatClassifier(const ModelWeights& weights, const std::string& source,
                               DeviceChoice device, PrecisionChoice precision,
                               const std::function<void(const std::string&)>& say)
    : device_(Device::open(device, precision, say)),
      model_(weights.config, device_, ParameterSet::Use::inference, 0),
      predictors_(model_, device_) {
  model_.load(weights.state, source);
  if (!model_.has_normalisation()) {
    fail("{}: carries no normalisation statistics, which classify needs", source);
  }
}

std::vector<float> BeatClassifier::predict(const BeatSpan& beats,
                                           const std::function<void(std::int64_t)>& progress) {
  std::vector<float> probabilities;
  if (!device_.on_host()) {
    predictors_.use([&](Predictor& all) { probabilities = all.predict(beats, progress); });
    return probabilities;
  }
  const std::int64_t lead_in = config().labels_every_beat() ? 0 : config().sequence_length - 1;
  const std::int64_t labels = beats.count() - lead_in;
  if (labels < 1) fail("a recording needs {} beats or more", lead_in + 1);
  probabilities.resize(static_cast<std::size_t>(labels * class_count));
  std::mutex mutex;  // guards done, and serialises progress
  std::int64_t done = 0;
  std::vector<Block> blocks;
  for (std::int64_t at = 0; at < labels; at += blocks.back().count) {
    blocks.push_back(block_of(std::ssize(blocks), beats.count(), config()));
  }
  for_each_item(std::ssize(blocks), [&](std::int64_t i, const Cpu&) {
    const Block& block = blocks[static_cast<std::size_t>(i)];
    std::vector<float> found;
    predictors_.use([&](Predictor& predictor) {
      found = predictor.predict(beats.part(block.first, block.beats));
    });
    std::copy_n(found.begin() + block.skipped * class_count, block.count * class_count,
                probabilities.begin() + (block.first + block.skipped) * class_count);
    const std::lock_guard lock(mutex);
    done += block.count;
    if (progress) progress(done);
  });
  return probabilities;
}

}  // namespace ekgine
