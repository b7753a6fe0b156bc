#include "training/predict.h"

#include <algorithm>

#include "base/error.h"
#include "base/interrupt.h"

namespace ekgine {

namespace {

// Beats encoded at a time. On the CPU their activations (0.8 MB each after the first convolution)
// should stay in the last-level cache; smaller chunks no longer fill the convolution's blocks. A
// GPU wants enough of them to fill its multiprocessors.
constexpr std::int64_t beats_per_chunk_on_cpu = 32, beats_per_chunk_on_cuda = 256;
constexpr std::int64_t sequences_per_chunk = 512;

}  // namespace

Predictor::Predictor(const Model& model, Device& device)
    : model_(model),
      device_(device),
      beats_per_chunk_(device.on_host() ? beats_per_chunk_on_cpu : beats_per_chunk_on_cuda),
      replay_(device) {
  const std::int64_t length = model.config().sequence_length, width = model.config().embed_dim;
  chunk_memory_ = device.allocate(
      "inference",
      {{chunk_.beats, {beats_per_chunk_, beat_samples}, device.real_dtype()},
       {chunk_.features, {beats_per_chunk_, width}, device.dtype()},
       {chunk_.rows, {sequences_per_chunk + length - 1, width}, device.dtype()},
       {chunk_.index, {sequences_per_chunk, length}, DType::i32},
       {chunk_.probabilities, {sequences_per_chunk, class_count}, device.real_dtype()}});
  std::vector<std::int32_t> index;
  for (std::int64_t i = 0; i < sequences_per_chunk; ++i) {
    for (std::int64_t t = 0; t < length; ++t) index.push_back(static_cast<std::int32_t>(i + t));
  }
  device.write(chunk_.index, std::span<const std::int32_t>(index));
  encode(beats_per_chunk_, true);
  classify(sequences_per_chunk, true);
}

void Predictor::encode(std::int64_t beats, bool dry) {
  Tape tape(device_, Tape::Mode::inference, encode_plan_, {}, dry);
  const Tensor features = model_.encode(tape, chunk_.beats.rows(0, beats));
  if (!dry) device_.copy(chunk_.features.rows(0, beats), features);
  tape.finish();
}

void Predictor::classify(std::int64_t sequences, bool dry) {
  Tape tape(device_, Tape::Mode::inference, classify_plan_, {}, dry);
  const Tensor rows = chunk_.rows.rows(0, sequences + model_.config().sequence_length - 1);
  const Tensor x = gather(tape, rows, chunk_.index.rows(0, sequences));
  const Tensor probabilities = softmax(tape, model_.classify(tape, x));
  if (!dry) device_.copy(chunk_.probabilities.rows(0, sequences), probabilities);
  tape.finish();
}

std::vector<float> Predictor::predict(const BeatSpan& beats,
                                      const std::function<void(std::int64_t)>& progress) {
  model_.config().check_beats(beats.unit, "prediction");
  const std::int64_t count = std::ssize(beats.samples) / beat_samples;
  const std::int64_t length = model_.config().sequence_length, width = model_.config().embed_dim;
  if (count < length) fail("a recording of {} beats holds no sequence of {}", count, length);
  const std::int64_t sequences = count - length + 1;
  Tensor recording, features, probabilities;
  const std::unique_ptr<Memory> memory = device_.allocate(
      "recording", {{recording, {count, beat_samples}, device_.real_dtype()},
                    {features, {count, width}, device_.dtype()},
                    {probabilities, {sequences, class_count}, device_.real_dtype()}});
  device_.write(recording, beats.samples);
  // Where chunks are replayed, the last one is as large as the others: what it computes beyond the
  // end nobody looks at.
  const auto chunk_of = [&](std::int64_t rest, std::int64_t first) {
    return device_.on_host() ? rest : first;
  };
  for (std::int64_t begin = 0; begin < count; begin += beats_per_chunk_) {
    throw_if_interrupted();
    const std::int64_t end = std::min(begin + beats_per_chunk_, count);
    const std::int64_t chunk = chunk_of(end - begin, std::min(beats_per_chunk_, count));
    device_.copy(chunk_.beats.rows(0, end - begin), recording.rows(begin, end));
    replay_.run({0, chunk}, [&] { encode(chunk, false); });
    device_.copy(features.rows(begin, end), chunk_.features.rows(0, end - begin));
    if (progress) progress(end);
  }
  for (std::int64_t begin = 0; begin < sequences; begin += sequences_per_chunk) {
    const std::int64_t end = std::min(begin + sequences_per_chunk, sequences);
    const std::int64_t chunk = chunk_of(end - begin, std::min(sequences_per_chunk, sequences));
    device_.copy(chunk_.rows.rows(0, end - begin + length - 1),
                 features.rows(begin, end + length - 1));
    replay_.run({1, chunk}, [&] { classify(chunk, false); });
    device_.copy(probabilities.rows(begin, end), chunk_.probabilities.rows(0, end - begin));
  }
  return device_.read_floats(probabilities);
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
    p.probabilities = predictor.predict({record.beats, record.unit}, [&](std::int64_t beats) {
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
