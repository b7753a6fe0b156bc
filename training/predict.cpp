#include "training/predict.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/interrupt.h"

namespace ekgine {

namespace {

// Beats encoded at a time. On the CPU their activations (0.8 MB each after the first convolution)
// should stay in the last-level cache; smaller chunks no longer fill the convolution's blocks. A
// GPU wants enough of them to fill its multiprocessors.
constexpr std::int64_t beats_per_chunk_on_cpu = 32, beats_per_chunk_on_cuda = 256;
// Beats that are given as features have no images, and waves have small ones.
constexpr std::int64_t beats_per_chunk_of_features = 1024, beats_per_chunk_of_waves = 256;
// Of sequences, how many beats their beginnings may lie apart in a chunk.
constexpr std::int64_t rows_per_chunk = 512;

std::int64_t sequences_per_chunk(std::int64_t stride) {
  return (rows_per_chunk - 1) / stride + 1;
}

// The weight of position t of a window: see predict().
double window_weight(std::int64_t t, std::int64_t length) {
  return 1.02 - std::abs(static_cast<double>(2 * t + 1) / static_cast<double>(length) - 1);
}

// Weighted means of what windows say of the same beats.
class BeatMeans {
 public:
  explicit BeatMeans(std::int64_t beats)
      : sums_(static_cast<std::size_t>(beats * class_count)),
        weights_(static_cast<std::size_t>(beats)) {}

  // What a window says of its beats, from `first` on.
  void add(std::int64_t first, std::span<const float> probabilities) {
    const std::int64_t length = std::ssize(probabilities) / class_count;
    for (std::int64_t t = 0; t < length; ++t) {
      const double weight = window_weight(t, length);
      const auto beat = static_cast<std::size_t>(first + t);
      weights_[beat] += weight;
      for (std::size_t c = 0; c < class_count; ++c) {
        sums_[beat * class_count + c] +=
            weight *
            static_cast<double>(probabilities[static_cast<std::size_t>(t) * class_count + c]);
      }
    }
  }
  std::vector<float> means() const {
    std::vector<float> means;
    means.reserve(sums_.size());
    for (std::size_t i = 0; i < sums_.size(); ++i) {
      means.push_back(static_cast<float>(sums_[i] / weights_[i / class_count]));
    }
    return means;
  }

 private:
  std::vector<double> sums_, weights_;
};

std::int64_t beats_per_chunk(const ModelConfig& config, const Device& device) {
  if (config.input() == BeatUnit::features) return beats_per_chunk_of_features;
  if (config.input() == BeatUnit::waves) return beats_per_chunk_of_waves;
  return device.on_host() ? beats_per_chunk_on_cpu : beats_per_chunk_on_cuda;
}

}  // namespace

Predictor::Predictor(const Model& model, Device& device)
    : model_(model),
      device_(device),
      beats_per_chunk_(beats_per_chunk(model.config(), device)),
      replay_(device) {
  const std::int64_t length = config().sequence_length, width = config().embed_dim;
  const std::int64_t windows = sequences_per_chunk(window_stride());
  chunk_memory_ = device.allocate(
      "inference",
      {{chunk_.beats, {beats_per_chunk_, row_width(config().input())}, device.real_dtype()},
       {chunk_.features, {beats_per_chunk_, width}, device.dtype()},
       {chunk_.rows, {rows_per_chunk + length - 1, width}, device.dtype()},
       {chunk_.windows, {windows, length}, DType::i32},
       {chunk_.sequences, {sequences_per_chunk(length), length}, DType::i32},
       {chunk_.probabilities,
        {windows * config().labels_per_sequence(), class_count},
        device.real_dtype()}});
  for (const auto& [index, stride] :
       {std::pair(chunk_.windows, window_stride()), std::pair(chunk_.sequences, length)}) {
    std::vector<std::int32_t> places;
    for (std::int64_t i = 0; i < index.shape()[0]; ++i) {
      for (std::int64_t t = 0; t < length; ++t) {
        places.push_back(static_cast<std::int32_t>(stride * i + t));
      }
    }
    device.write(index, std::span<const std::int32_t>(places));
  }
  encode_chunk(0, beats_per_chunk_, true);
  classify_chunk(0, {windows, window_stride(), length}, true);
}

std::int64_t Predictor::window_stride() const {
  return config().labels_every_beat() ? (config().sequence_length + 1) / 2 : 1;
}

void Predictor::encode_chunk(std::int64_t member, std::int64_t beats, bool dry) {
  Tape tape(device_, Tape::Mode::inference, encode_plan_, {}, dry);
  const Tensor features = model_.encode(tape, chunk_.beats.rows(0, beats), member);
  if (!dry) device_.copy(chunk_.features.rows(0, beats), features);
  tape.finish();
}

void Predictor::classify_chunk(std::int64_t member, const Sequences& sequences, bool dry) {
  Tape tape(device_, Tape::Mode::inference, classify_plan_, {}, dry);
  const auto& [count, stride, length] = sequences;
  const Tensor rows = chunk_.rows.rows(0, (count - 1) * stride + length);
  const Tensor& index = stride == window_stride() ? chunk_.windows : chunk_.sequences;
  const Tensor x = gather(tape, rows, index.first({count, length}));
  const Tensor probabilities = softmax(tape, model_.classify(tape, x, member));
  if (!dry) device_.copy(chunk_.probabilities.rows(0, probabilities.shape()[0]), probabilities);
  tape.finish();
}

Shape Predictor::recording_shape(std::int64_t beats) const {
  return {device_.on_host() ? 0 : beats, row_width(config().input())};
}

std::int64_t Predictor::size_of_chunk(std::int64_t rest, std::int64_t first) const {
  // Where chunks are replayed, the last one is as large as the others: what it computes beyond the
  // end nobody looks at.
  return device_.on_host() ? rest : first;
}

void Predictor::encode_all(std::int64_t member, const BeatSpan& beats, const Tensor& recording,
                           const Tensor& features, const BeatsDone& progress) {
  const std::int64_t count = features.shape()[0];
  if (!device_.on_host()) device_.write(recording, beats.samples);
  for (std::int64_t begin = 0; begin < count; begin += beats_per_chunk_) {
    throw_if_interrupted();
    const std::int64_t end = std::min(begin + beats_per_chunk_, count);
    const std::int64_t chunk = size_of_chunk(end - begin, std::min(beats_per_chunk_, count));
    const Tensor place = chunk_.beats.rows(0, end - begin);
    if (device_.on_host()) {
      device_.write(place, beats.part(begin, end - begin).samples);
    } else {
      device_.copy(place, recording.rows(begin, end));
    }
    replay_.run({0, chunk, member}, [&] { encode_chunk(member, chunk, false); });
    device_.copy(features.rows(begin, end), chunk_.features.rows(0, end - begin));
    if (progress) progress(end);
  }
}

void Predictor::classify_all(std::int64_t member, const Tensor& features,
                             const Sequences& sequences, const Tensor& probabilities,
                             const std::function<void()>& between) {
  // No structured binding: clang does not let lambdas capture one beside OpenMP.
  const std::int64_t count = sequences.count, stride = sequences.stride;
  const std::int64_t length = sequences.length;
  const std::int64_t labels = config().labels_every_beat() ? length : 1;
  const std::int64_t most = sequences_per_chunk(stride);
  for (std::int64_t begin = 0; begin < count; begin += most) {
    throw_if_interrupted();
    const std::int64_t end = std::min(begin + most, count);
    const std::int64_t chunk = size_of_chunk(end - begin, std::min(most, count));
    const std::int64_t rows = (end - begin - 1) * stride + length;
    device_.copy(chunk_.rows.rows(0, rows), features.rows(begin * stride, begin * stride + rows));
    replay_.run({stride, chunk * length, member}, [&] {
      classify_chunk(member, {chunk, stride, length}, false);
    });
    device_.copy(probabilities.rows(begin * labels, end * labels),
                 chunk_.probabilities.rows(0, (end - begin) * labels));
    if (between) between();
  }
}

std::vector<float> Predictor::label_last(const BeatSpan& beats, std::int64_t stride,
                                         const BeatsDone& progress) {
  const std::int64_t count = beats.count(), length = config().sequence_length;
  const std::int64_t sequences = (count - length) / stride + 1;
  Tensor recording, features, probabilities;
  const std::unique_ptr<Memory> memory = device_.allocate(
      "recording", {{recording, recording_shape(count), device_.real_dtype()},
                    {features, {count, config().embed_dim}, device_.dtype()},
                    {probabilities, {sequences, class_count}, device_.real_dtype()}});
  encode_all(0, beats, recording, features, progress);
  classify_all(0, features, {sequences, stride, length}, probabilities, [&] {
    if (progress) progress(count);
  });
  return device_.read_floats(probabilities);
}

std::vector<float> Predictor::label_all(const BeatSpan& beats, std::int64_t stride,
                                        const BeatsDone& progress) {
  const std::int64_t count = beats.count();
  const std::int64_t length = std::min(config().sequence_length, count);
  std::vector<std::int64_t> first;  // beat of each window
  for (std::int64_t beat = 0; beat + length <= count; beat += stride) first.push_back(beat);
  const auto regular = std::ssize(first);
  if (first.back() + length < count) first.push_back(count - length);
  Tensor recording, features, probabilities;
  const std::unique_ptr<Memory> memory = device_.allocate(
      "recording",
      {{recording, recording_shape(count), device_.real_dtype()},
       {features, {count, config().embed_dim}, device_.dtype()},
       {probabilities, {std::ssize(first) * length, class_count}, device_.real_dtype()}});
  BeatMeans means(count);
  for (std::int64_t member = 0; member < config().members(); ++member) {
    const BeatsDone of_all = [&](std::int64_t done) {
      if (progress) progress((member * count + done) / config().members());
    };
    const auto between = [&] { of_all(count); };
    encode_all(member, beats, recording, features, of_all);
    classify_all(member, features, {regular, stride, length},
                 probabilities.rows(0, regular * length), between);
    if (std::ssize(first) > regular) {
      classify_all(member, features.rows(first.back(), count), {1, stride, length},
                   probabilities.rows(regular * length, (regular + 1) * length), between);
    }
    const std::vector<float> said = device_.read_floats(probabilities);
    const auto size = static_cast<std::size_t>(length * class_count);
    for (std::size_t w = 0; w < first.size(); ++w) {
      means.add(first[w], std::span(said).subspan(w * size, size));
    }
  }
  return means.means();
}

std::vector<float> Predictor::predict(const BeatSpan& beats, const BeatsDone& progress) {
  config().check_beats(beats.unit, "prediction");
  const std::int64_t count = beats.count(), length = config().sequence_length;
  if (config().labels_every_beat()) {
    return count == 0 ? std::vector<float>() : label_all(beats, window_stride(), progress);
  }
  if (count < length) fail("a recording of {} beats holds no sequence of {}", count, length);
  return label_last(beats, 1, progress);
}

std::vector<float> Predictor::predict_sequences(const BeatSpan& beats, const BeatsDone& progress) {
  config().check_beats(beats.unit, "prediction");
  if (beats.samples.empty()) return {};
  const std::int64_t length = config().sequence_length;
  return config().labels_every_beat() ? label_all(beats, length, progress)
                                      : label_last(beats, length, progress);
}

std::vector<float> Predictor::encode(const BeatSpan& beats, const BeatsDone& progress) {
  config().check_beats(beats.unit, "features");
  const std::int64_t count = beats.count(), width = config().embed_dim;
  const std::int64_t members = config().members();
  if (count == 0) return {};
  Tensor recording, features;
  const std::unique_ptr<Memory> memory =
      device_.allocate("recording", {{recording, recording_shape(count), device_.real_dtype()},
                                     {features, {count, width}, device_.dtype()}});
  std::vector<float> all(static_cast<std::size_t>(count * members * width));
  for (std::int64_t member = 0; member < members; ++member) {
    encode_all(member, beats, recording, features, [&](std::int64_t done) {
      if (progress) progress((member * count + done) / members);
    });
    const std::vector<float> rows = device_.read_floats(features);
    for (std::int64_t beat = 0; beat < count; ++beat) {
      std::copy_n(rows.begin() + beat * width, width,
                  all.begin() + (beat * members + member) * width);
    }
  }
  return all;
}

namespace {

// All but the probabilities.
RecordPredictions labels_of(const Predictor& predictor, const RecordBeats& record) {
  const std::int64_t least =
      predictor.config().labels_every_beat() ? 1 : predictor.config().sequence_length;
  if (record.size() < least) {
    fail("record {} has {} beats, too few for sequences of {}", record.name, record.size(), least);
  }
  const std::ptrdiff_t first = least - 1;
  return {.record = record.name,
          .probabilities = {},
          .labels = {record.labels.begin() + first, record.labels.end()},
          .r_samples = {record.r_samples.begin() + first, record.r_samples.end()}};
}

std::int64_t beats_of(std::span<const RecordBeats> records) {
  std::int64_t beats = 0;
  for (const RecordBeats& record : records) beats += record.size();
  return beats;
}

}  // namespace

std::vector<RecordPredictions> predict_records(Predictor& predictor,
                                               std::span<const RecordBeats> records,
                                               const BeatsDone& progress) {
  std::vector<RecordPredictions> predictions;
  std::int64_t done = 0;
  for (const RecordBeats& record : records) {
    RecordPredictions& p = predictions.emplace_back(labels_of(predictor, record));
    p.probabilities = predictor.predict({record.beats, record.unit}, [&](std::int64_t beats) {
      if (progress) progress(done + beats);
    });
    done += record.size();
  }
  return predictions;
}

std::vector<RecordPredictions> predict_records(Predictor& predictor,
                                               std::span<const RecordBeats> records, Ranks& ranks,
                                               const BeatsDone& progress) {
  const Slice mine = ranks.slice(std::ssize(records));
  const auto own_records =
      records.subspan(static_cast<std::size_t>(mine.first), static_cast<std::size_t>(mine.count));
  const std::int64_t all = beats_of(records), own = beats_of(own_records);
  std::string own_probabilities;
  for (const RecordPredictions& p :
       predict_records(predictor, own_records, [&](std::int64_t beats) {
         if (progress) progress(beats * all / own);
       })) {
    own_probabilities.append(reinterpret_cast<const char*>(p.probabilities.data()),
                             p.probabilities.size() * sizeof(float));
  }
  std::string probabilities;
  for (const std::string& of_rank : ranks.gather_texts(own_probabilities)) probabilities += of_rank;

  std::vector<RecordPredictions> predictions;
  std::size_t at = 0;
  for (const RecordBeats& record : records) {
    RecordPredictions& p = predictions.emplace_back(labels_of(predictor, record));
    p.probabilities.resize(p.labels.size() * class_count);
    const std::size_t bytes = p.probabilities.size() * sizeof(float);
    std::memcpy(p.probabilities.data(), probabilities.data() + at, bytes);
    at += bytes;
  }
  return predictions;
}

}  // namespace ekgine
