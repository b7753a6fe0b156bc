#include "training/protocol.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace ekgine {

namespace {

// That of the map `reference`, by which escape beats of the atria are N; what it does not have
// (R-on-T beats) is of the given map's class.
std::int32_t label_of_escapes_as_n(char symbol, const LabelMap& map) {
  const std::int32_t label = label_map("reference").label(symbol);
  return label >= 0 ? label : map.label(symbol);
}

// The class predicted for every beat of the record, class_count for those without a label.
std::vector<std::size_t> predicted_classes(const RecordBeats& beats, const RecordPredictions& p) {
  if (p.record != beats.name) {
    fail("predictions of record {}, expected those of {}", p.record, beats.name);
  }
  if (p.r_samples.size() != p.labels.size()) {
    fail("record {}: the predictions do not say of which beats they are", p.record);
  }
  std::vector<std::size_t> classes(static_cast<std::size_t>(beats.size()), class_count);
  std::size_t beat = 0;
  for (std::size_t i = 0; i < p.r_samples.size(); ++i) {
    while (beat < classes.size() && beats.r_samples[beat] < p.r_samples[i]) ++beat;
    if (beat == classes.size() || beats.r_samples[beat] != p.r_samples[i]) {
      fail("record {}: a prediction is of sample {}, where no beat is", p.record, p.r_samples[i]);
    }
    const auto row = std::span(p.probabilities).subspan(i * class_count, class_count);
    classes[beat++] = static_cast<std::size_t>(std::ranges::max_element(row) - row.begin());
  }
  return classes;
}

ProtocolRecord count_record(const RecordBeats& beats, const RecordPredictions& predictions,
                            const LabelMap& map) {
  const std::vector<std::size_t> classes = predicted_classes(beats, predictions);
  std::map<char, ProtocolCause> causes;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const char symbol = beats.symbols[i];
    ProtocolCause& cause = causes[symbol];
    cause.symbol = symbol;
    ++cause.predicted[classes[i]];
  }
  ProtocolRecord record{beats.name, {}};
  for (auto& [symbol, cause] : causes) {
    cause.label = map.label(symbol);
    cause.label_of_escapes_as_n = label_of_escapes_as_n(symbol, map);
    record.causes.push_back(cause);
  }
  return record;
}

}  // namespace

const LabelMap& protocol_label_map(Protocol) {
  return label_map("ec57");
}

void relabel(RecordBeats& record, const LabelMap& map) {
  for (std::size_t i = 0; i < record.symbols.size(); ++i) {
    const std::int32_t label = map.label(record.symbols[i]);
    if (label < 0) {
      fail("record {}: label map {} has no class for the beat '{}' at sample {}", record.name,
           map.name(), record.symbols[i], record.r_samples[i]);
    }
    record.labels[i] = label;
  }
}

ProtocolScore judge_by(Protocol protocol, std::span<const RecordBeats> records,
                       std::span<const RecordPredictions> predictions) {
  check_records(predictions, class_count);
  if (records.size() != predictions.size()) {
    fail("predictions of {} records, expected {}", predictions.size(), records.size());
  }
  const LabelMap& map = protocol_label_map(protocol);
  std::vector<ProtocolRecord> counted;
  for (std::size_t r = 0; r < records.size(); ++r) {
    counted.push_back(count_record(records[r], predictions[r], map));
  }
  std::vector<ProtocolExclusion> without;
  for (const auto& [record, reason] : protocol_outliers(protocol)) {
    if (std::ranges::find(records, record, &RecordBeats::name) == records.end()) continue;
    without.push_back({std::string(record), std::string(reason)});
  }
  return score_protocol(choice_name(protocol), counted, without);
}

}  // namespace ekgine
