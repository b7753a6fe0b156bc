#include "training/predict_causal.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "base/option_error.h"
#include "data/seen_beats.h"
#include "data/workers.h"

namespace ekgine {

namespace {

// Of the windows that are measured, then predicted together.
constexpr std::int64_t rows_per_block = 2048;

// The last beats of a part, as the model is given them.
struct SeenWindow {
  std::int64_t beat;        // that is labelled, by its place in the window
  std::vector<float> rows;  // of T beats or fewer
};

SeenWindow window_at(const SeenBeats& seen, std::int64_t beat, std::int64_t lookahead,
                     const ModelConfig& model) {
  const std::int64_t length = model.sequence_length, width = row_width(model.input());
  const std::int64_t end = std::min(beat + lookahead + 1, seen.size());
  const std::int64_t first = std::max<std::int64_t>(end - length - beats_before_window, 0);
  const std::int64_t begin = std::max<std::int64_t>(end - length, 0);
  const std::vector<float> rows = seen.measure(first, end);
  return {beat - begin, {rows.begin() + (begin - first) * width, rows.end()}};
}

// The probabilities of the beats that are labelled, one after another. Windows of less than T
// beats, at a record's beginning, come first.
std::vector<float> labels_of(Predictor& predictor, std::span<const SeenWindow> windows) {
  const std::int64_t length = predictor.config().sequence_length;
  const BeatUnit unit = predictor.config().input();
  const auto whole = std::ranges::find_if(windows, [&](const SeenWindow& window) {
    return std::ssize(window.rows) == length * row_width(unit);
  });
  std::vector<float> labels, sequences;
  const auto add = [&](const std::vector<float>& said, std::int64_t beat) {
    const auto label = said.begin() + beat * class_count;
    labels.insert(labels.end(), label, label + class_count);
  };
  for (auto window = windows.begin(); window != whole; ++window) {
    add(predictor.predict({window->rows, unit}), window->beat);
  }
  for (auto window = whole; window != windows.end(); ++window) {
    sequences.insert(sequences.end(), window->rows.begin(), window->rows.end());
  }
  const std::vector<float> said = predictor.predict_sequences({sequences, unit});
  for (auto window = whole; window != windows.end(); ++window) {
    add(said, (window - whole) * length + window->beat);
  }
  return labels;
}

RecordPredictions predict_record(PredictorPool& predictors, const RecordBeats& record,
                                 BeatWaves waves, std::int64_t lookahead,
                                 const BeatsDone& progress) {
  const std::int64_t n = record.size(), length = predictors.config().sequence_length;
  RecordPredictions p{record.name, {}, record.labels, record.r_samples};
  p.probabilities.resize(static_cast<std::size_t>(n * class_count));
  const SeenBeats seen({record.beats, record.unit}, std::move(waves));
  const std::int64_t per_block = std::max<std::int64_t>(rows_per_block / length, 1);
  std::mutex mutex;  // guards done, and serialises progress
  std::int64_t done = 0;
  for_each_item((n + per_block - 1) / per_block, [&](std::int64_t i, const Cpu&) {
    const std::int64_t begin = i * per_block, end = std::min(begin + per_block, n);
    std::vector<SeenWindow> windows;
    for (std::int64_t beat = begin; beat < end; ++beat) {
      windows.push_back(window_at(seen, beat, lookahead, predictors.config()));
    }
    std::vector<float> labels;
    predictors.use([&](Predictor& predictor) { labels = labels_of(predictor, windows); });
    std::ranges::copy(labels, p.probabilities.begin() + begin * class_count);
    const std::lock_guard lock(mutex);
    done += end - begin;
    if (progress) progress(done);
  });
  return p;
}

}  // namespace

void check_lookahead(const ModelConfig& config, std::int64_t lookahead) {
  if (!config.labels_every_beat()) {
    fail_option({"lookahead"},
                "lookahead: {} labels the last beat of a sequence and waits for none after it; "
                "expected a model that labels every beat",
                config.name);
  }
  if (lookahead < 0 || lookahead >= config.sequence_length) {
    fail_option({"lookahead"},
                "lookahead must be 0 to {}, of a model that sees {} beats at a time, got {}",
                config.sequence_length - 1, config.sequence_length, lookahead);
  }
}

std::vector<RecordPredictions> predict_causal(PredictorPool& predictors,
                                              std::span<const RecordBeats> records,
                                              const WavesOf& waves_of, std::int64_t lookahead,
                                              const BeatsDone& progress) {
  check_lookahead(predictors.config(), lookahead);
  std::vector<RecordPredictions> predictions;
  std::int64_t before = 0;
  for (const RecordBeats& record : records) {
    predictors.config().check_beats(record.unit, "record " + record.name);
    predictions.push_back(
        predict_record(predictors, record, waves_of(record), lookahead, [&](std::int64_t done) {
          if (progress) progress(before + done);
        }));
    before += record.size();
  }
  return predictions;
}

}  // namespace ekgine
