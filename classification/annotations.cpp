#include "classification/annotations.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "classification/rhythm.h"
#include "data/labels.h"

namespace ekgine {

namespace {

WfdbAnnotation annotation_at(std::int64_t sample, char symbol, std::int8_t sub = 0) {
  WfdbAnnotation annotation;
  annotation.sample = sample;
  annotation.symbol = symbol;
  annotation.code = wfdb_code(symbol);
  annotation.sub = sub;
  return annotation;
}

}  // namespace

std::vector<WfdbAnnotation> annotations_of(const LabelledRecording& recording) {
  constexpr std::int8_t unreadable = 0x30;  // the first two signals: what shuts an annotator down
  std::vector<WfdbAnnotation> annotations;
  for (const Stretch& stretch : recording.unreadable) {
    annotations.push_back(annotation_at(stretch.begin, '~', unreadable));
    if (stretch.end < recording.samples) annotations.push_back(annotation_at(stretch.end, '~'));
  }
  for (const RhythmChange& change : find_rhythms(recording)) {
    annotations.push_back(annotation_at(change.sample, '+'));
    annotations.back().aux = rhythm_text(change.rhythm);
  }
  for (const LabelledBeat& beat : recording.beats) {
    const char symbol = class_names.at(static_cast<std::size_t>(beat.label)).front();
    annotations.push_back(annotation_at(beat.sample, symbol));
  }
  std::ranges::stable_sort(annotations, {}, &WfdbAnnotation::sample);
  return annotations;
}

std::string beat_table(const LabelledRecording& recording) {
  std::string table = "sample,time,label";
  for (const std::string_view name : class_names)
    fmt::format_to(std::back_inserter(table), ",{}", name);
  table += ",rr,rate\n";
  const std::vector<double> intervals = rr_intervals(recording);
  for (std::size_t i = 0; i < recording.beats.size(); ++i) {
    const LabelledBeat& beat = recording.beats[i];
    const auto out = std::back_inserter(table);
    fmt::format_to(out, "{},{:.3f},{}", beat.sample,
                   static_cast<double>(beat.sample) / recording.frequency,
                   class_names.at(static_cast<std::size_t>(beat.label)));
    for (const float probability : beat.probabilities) fmt::format_to(out, ",{:.4f}", probability);
    if (std::isnan(intervals[i])) {
      table += ",,\n";
    } else {
      fmt::format_to(out, ",{:.3f},{:.1f}\n", intervals[i], 60 / intervals[i]);
    }
  }
  return table;
}

}  // namespace ekgine
