#include "training/prediction_parts.h"

#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json_file.h"
#include "data/labels.h"

namespace ekgine {

namespace fs = std::filesystem;

PredictionParts::PredictionParts(const fs::path& output)
    : parts_(output, "ekgine evaluation part 1") {}

fs::path PredictionParts::predictions_of(const std::string& record) const {
  return parts_.place_of(record, "predictions.h5");
}

Json PredictionParts::done(const std::string& record, const std::string& inputs) const {
  return parts_.done(record, inputs, predictions_of(record));
}

void PredictionParts::write(const RecordBeats& beats, const RecordPredictions& predictions,
                            const std::string& inputs) const {
  parts_.begin(beats.name);
  const fs::path path = predictions_of(beats.name);
  const std::vector<std::string> classes(class_names.begin(), class_names.end());
  write_predictions(path, {&predictions, 1}, classes);
  const std::vector<std::int64_t> labels(beats.labels.begin(), beats.labels.end());
  parts_.set_done(beats.name, inputs, path,
                  {{"labels", labels},
                   {"symbols", std::string(beats.symbols.begin(), beats.symbols.end())},
                   {"r_samples", beats.r_samples},
                   {"missed_beats", beats.missed},
                   {"extra_beats", beats.extra}});
}

RecordBeats PredictionParts::beats(const std::string& record, const Json& done) const {
  const fs::path path = predictions_of(record);
  RecordBeats beats;
  beats.name = record;
  beats.labels = json_value<std::vector<std::int32_t>>(path, done, "labels", "a list of integers");
  const auto symbols = json_value<std::string>(path, done, "symbols", "a text");
  beats.symbols.assign(symbols.begin(), symbols.end());
  beats.r_samples =
      json_value<std::vector<std::int64_t>>(path, done, "r_samples", "a list of integers");
  beats.missed = json_value<std::int64_t>(path, done, "missed_beats", "an integer");
  beats.extra = json_value<std::int64_t>(path, done, "extra_beats", "an integer");
  if (beats.symbols.size() != beats.labels.size() ||
      beats.r_samples.size() != beats.labels.size()) {
    fail("{}: its note has {} labels, {} symbols and {} samples of beats, expected as many of each",
         path.string(), beats.labels.size(), beats.symbols.size(), beats.r_samples.size());
  }
  return beats;
}

RecordPredictions PredictionParts::predictions(const std::string& record) const {
  const fs::path path = predictions_of(record);
  std::vector<RecordPredictions> all = read_predictions(path, class_count);
  if (all.size() != 1 || all.front().record != record) {
    fail("{}: has not the predictions of record {} alone", path.string(), record);
  }
  return std::move(all.front());
}

void PredictionParts::remove(const std::string& record) const {
  parts_.begin(record);
  fs::remove(predictions_of(record));
}

}  // namespace ekgine
