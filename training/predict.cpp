#include "training/predict.h"

#include <algorithm>
#include <utility>

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
       {chunk_.windows, {sequences_per_chunk, length}, DType::i32},
       {chunk_.sequences, {(sequences_per_chunk - 1) / length + 1, length}, DType::i32},
       {chunk_.probabilities, {sequences_per_chunk, class_count}, device.real_dtype()}});
  for (const auto& [index, stride] :
       {std::pair(chunk_.windows, std::int64_t{1}), std::pair(chunk_.sequences, length)}) {
    std::vector<std::int32_t> rows;
    for (std::int64_t i = 0; i < index.shape()[0]; ++i) {
      for (std::int64_t t = 0; t < length; ++t) {
        rows.push_back(static_cast<std::int32_t>(stride * i + t));
      }
    }
    device.write(index, std::span<const std::int32_t>(rows));
  }
  encode_chunk(beats_per_chunk_, true);
  classify_chunk(sequences_per_chunk, 1, true);
}

void Predictor::encode_chunk(std::int64_t beats, bool dry) {
  Tape tape(device_, Tape::Mode::inference, encode_plan_, {}, dry);
  const Tensor features = model_.encode(tape, chunk_.beats.rows(0, beats));
  if (!dry) device_.copy(chunk_.features.rows(0, beats), features);
  tape.finish();
}

void Predictor::classify_chunk(std::int64_t sequences, std::int64_t stride, bool dry) {
  Tape tape(device_, Tape::Mode::inference, classify_plan_, {}, dry);
  const std::int64_t length = model_.config().sequence_length;
  const Tensor rows = chunk_.rows.rows(0, (sequences - 1) * stride + length);
  const Tensor& index = stride == 1 ? chunk_.windows : chunk_.sequences;
  const Tensor x = gather(tape, rows, index.rows(0, sequences));
  const Tensor probabilities = softmax(tape, model_.classify(tape, x));
  if (!dry) device_.copy(chunk_.probabilities.rows(0, sequences), probabilities);
  tape.finish();
}

Shape Predictor::recording_shape(std::int64_t beats) const {
  return {device_.on_host() ? 0 : beats, beat_samples};
}

std::int64_t Predictor::size_of_chunk(std::int64_t rest, std::int64_t first) const {
  // Where chunks are replayed, the last one is as large as the others: what it computes beyond the
  // end nobody looks at.
  return device_.on_host() ? rest : first;
}

void Predictor::encode_all(const BeatSpan& beats, const Tensor& recording, const Tensor& features,
                           const BeatsDone& progress) {
  const std::int64_t count = features.shape()[0];
  if (!device_.on_host()) device_.write(recording, beats.samples);
  for (std::int64_t begin = 0; begin < count; begin += beats_per_chunk_) {
    throw_if_interrupted();
    const std::int64_t end = std::min(begin + beats_per_chunk_, count);
    const std::int64_t chunk = size_of_chunk(end - begin, std::min(beats_per_chunk_, count));
    const Tensor place = chunk_.beats.rows(0, end - begin);
    if (device_.on_host()) {
      device_.write(place,
                    beats.samples.subspan(static_cast<std::size_t>(begin * beat_samples),
                                          static_cast<std::size_t>((end - begin) * beat_samples)));
    } else {
      device_.copy(place, recording.rows(begin, end));
    }
    replay_.run({0, chunk}, [&] { encode_chunk(chunk, false); });
    device_.copy(features.rows(begin, end), chunk_.features.rows(0, end - begin));
    if (progress) progress(end);
  }
}

std::vector<float> Predictor::classify_all(const BeatSpan& beats, std::int64_t stride,
                                           const BeatsDone& progress) {
  const std::int64_t count = std::ssize(beats.samples) / beat_samples;
  const std::int64_t length = model_.config().sequence_length, width = model_.config().embed_dim;
  const std::int64_t sequences = (count - length) / stride + 1;
  Tensor recording, features, probabilities;
  const std::unique_ptr<Memory> memory = device_.allocate(
      "recording", {{recording, recording_shape(count), device_.real_dtype()},
                    {features, {count, width}, device_.dtype()},
                    {probabilities, {sequences, class_count}, device_.real_dtype()}});
  encode_all(beats, recording, features, progress);
  // As many as chunk_.rows has room for.
  const std::int64_t most = (sequences_per_chunk - 1) / stride + 1;
  for (std::int64_t begin = 0; begin < sequences; begin += most) {
    const std::int64_t end = std::min(begin + most, sequences);
    const std::int64_t chunk = size_of_chunk(end - begin, std::min(most, sequences));
    const std::int64_t rows = (end - begin - 1) * stride + length;
    device_.copy(chunk_.rows.rows(0, rows), features.rows(begin * stride, begin * stride + rows));
    replay_.run({stride, chunk}, [&] { classify_chunk(chunk, stride, false); });
    device_.copy(probabilities.rows(begin, end), chunk_.probabilities.rows(0, end - begin));
  }
  return device_.read_floats(probabilities);
}

std::vector<float> Predictor::predict(const BeatSpan& beats, const BeatsDone& progress) {
  model_.config().check_beats(beats.unit, "prediction");
  const std::int64_t count = std::ssize(beats.samples) / beat_samples;
  const std::int64_t length = model_.config().sequence_length;
  if (count < length) fail("a recording of {} beats holds no sequence of {}", count, length);
  return classify_all(beats, 1, progress);
}

std::vector<float> Predictor::predict_sequences(const BeatSpan& beats, const BeatsDone& progress) {
  model_.config().check_beats(beats.unit, "prediction");
  if (beats.samples.empty()) return {};
  return classify_all(beats, model_.config().sequence_length, progress);
}

std::vector<float> Predictor::encode(const BeatSpan& beats, const BeatsDone& progress) {
  model_.config().check_beats(beats.unit, "features");
  const std::int64_t count = std::ssize(beats.samples) / beat_samples;
  if (count == 0) return {};
  Tensor recording, features;
  const std::unique_ptr<Memory> memory = device_.allocate(
      "recording", {{recording, recording_shape(count), device_.real_dtype()},
                    {features, {count, model_.config().embed_dim}, device_.dtype()}});
  encode_all(beats, recording, features, progress);
  return device_.read_floats(features);
}

std::vector<RecordPredictions> predict_records(Predictor& predictor, std::int64_t sequence_length,
                                               std::span<const RecordBeats> records,
                                               const BeatsDone& progress) {
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
