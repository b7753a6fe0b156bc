#include "training/predict.h"

#include <algorithm>

#include "base/error.h"
#include "base/interrupt.h"

namespace ekgine {

namespace {

// Beats encoded at a time: their activations (0.8 MB each after the first convolution) should stay
// in the last-level cache; smaller chunks no longer fill the convolution's blocks.
constexpr std::int64_t beats_per_chunk = 32;
constexpr std::int64_t sequences_per_chunk = 512;

}  // namespace

Predictor::Predictor(const Model& model, Device& device) : model_(model), device_(device) {
  const std::int64_t length = model.config().sequence_length;
  std::vector<float> values(static_cast<std::size_t>(beats_per_chunk * beat_samples));
  std::vector<float> features;
  encode(values, features, true);
  values.resize(
      static_cast<std::size_t>((sequences_per_chunk + length - 1) * model.config().embed_dim));
  classify(values, sequences_per_chunk, features, true);
}

void Predictor::encode(std::span<const float> beats, std::vector<float>& features, bool dry) {
  const std::int64_t count = std::ssize(beats) / beat_samples;
  Tape tape(device_, Tape::Mode::inference, encode_plan_, {}, dry);
  const Tensor x = tape.input({count, beat_samples}, beats);
  const Tensor y = model_.encode(tape, x);
  if (!dry) {
    const std::vector<float> values = device_.read_floats(y);
    features.insert(features.end(), values.begin(), values.end());
  }
  tape.finish();
}

void Predictor::classify(std::span<const float> features, std::int64_t sequences,
                         std::vector<float>& probabilities, bool dry) {
  const std::int64_t length = model_.config().sequence_length, width = model_.config().embed_dim;
  std::vector<std::int32_t> index;
  index.reserve(static_cast<std::size_t>(sequences * length));
  for (std::int64_t i = 0; i < sequences; ++i) {
    for (std::int64_t t = 0; t < length; ++t) index.push_back(static_cast<std::int32_t>(i + t));
  }
  Tape tape(device_, Tape::Mode::inference, classify_plan_, {}, dry);
  const Tensor rows = tape.as_scalar(tape.input({sequences + length - 1, width}, features));
  const Tensor x = gather(tape, rows, tape.input({sequences, length}, index));
  const Tensor y = softmax(tape, model_.classify(tape, x));
  if (!dry) {
    const std::vector<float> values = device_.read_floats(y);
    probabilities.insert(probabilities.end(), values.begin(), values.end());
  }
  tape.finish();
}

std::vector<float> Predictor::predict(std::span<const float> beats,
                                      const std::function<void(std::int64_t)>& progress) {
  const std::int64_t count = std::ssize(beats) / beat_samples;
  const std::int64_t length = model_.config().sequence_length, width = model_.config().embed_dim;
  if (count < length) fail("a recording of {} beats holds no sequence of {}", count, length);
  const auto part = [](std::span<const float> rows, std::int64_t begin, std::int64_t end,
                       std::int64_t columns) {
    return rows.subspan(static_cast<std::size_t>(begin * columns),
                        static_cast<std::size_t>((end - begin) * columns));
  };
  std::vector<float> features;
  features.reserve(static_cast<std::size_t>(count * width));
  for (std::int64_t begin = 0; begin < count; begin += beats_per_chunk) {
    throw_if_interrupted();
    const std::int64_t end = std::min(begin + beats_per_chunk, count);
    encode(part(beats, begin, end, beat_samples), features, false);
    if (progress) progress(end);
  }
  const std::int64_t sequences = count - length + 1;
  std::vector<float> probabilities;
  probabilities.reserve(static_cast<std::size_t>(sequences * class_count));
  for (std::int64_t begin = 0; begin < sequences; begin += sequences_per_chunk) {
    const std::int64_t end = std::min(begin + sequences_per_chunk, sequences);
    classify(part(features, begin, end + length - 1, width), end - begin, probabilities, false);
  }
  return probabilities;
}

std::vector<RecordPredictions> predict_records(Predictor& predictor, std::int64_t sequence_length,
                                               std::span<const RecordBeats> records,
                                               const std::function<void(std::int64_t)>& progress) {
  std::vector<RecordPredictions> predictions;
  std::int64_t done = 0;
  for (const RecordBeats& record : records) {
    if (record.size() < sequence_length) {
      fail("record {} has {} beats, too few for sequences of {}", record.name, record.size(),
           sequence_length);
    }
    RecordPredictions& p = predictions.emplace_back();
    p.record = record.name;
    p.probabilities = predictor.predict(record.beats, [&](std::int64_t beats) {
      if (progress) progress(done + beats);
    });
    done += record.size();
    const std::ptrdiff_t first = sequence_length - 1;
    p.labels.assign(record.labels.begin() + first, record.labels.end());
    p.r_samples.assign(record.r_samples.begin() + first, record.r_samples.end());
  }
  return predictions;
}

}  // namespace ekgine
