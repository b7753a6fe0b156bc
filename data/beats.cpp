#include "data/beats.h"

#include <algorithm>

#include "base/error.h"
#include "data/wfdb_header.h"
#include "data/wfdb_signal.h"

namespace ekgine {

RecordBeats cut_beats(std::string name, std::span<const double> signal,
                      std::span<const WfdbAnnotation> annotations, const LabelMap& map) {
  RecordBeats record;
  record.name = std::move(name);
  const std::int64_t length = std::ssize(signal);
  for (const WfdbAnnotation& annotation : annotations) {
    const std::int32_t label = map.label(annotation.symbol);
    const std::int64_t r = annotation.sample;
    if (label < 0 || r <= beat_half || r >= length - beat_half) continue;
    const auto window = signal.subspan(static_cast<std::size_t>(r - beat_half), beat_samples);
    std::transform(window.begin(), window.end(), std::back_inserter(record.beats),
                   [](double v) { return static_cast<float>(v); });
    record.labels.push_back(label);
    record.symbols.push_back(annotation.symbol);
    record.r_samples.push_back(r);
  }
  return record;
}

RecordBeats read_record_beats(const std::filesystem::path& database, const std::string& name,
                              const LabelMap& map) {
  const WfdbHeader header = read_wfdb_header(database / (name + ".hea"));
  if (header.sampling_frequency != beat_frequency) {
    fail("{}: the sampling frequency is {} Hz, expected {} Hz", header.path.string(),
         header.sampling_frequency, beat_frequency);
  }
  const std::vector<double> signal = read_wfdb_millivolts(header, 0);
  const std::filesystem::path atr = database / (name + ".atr");
  const std::vector<WfdbAnnotation> annotations = read_wfdb_annotations(atr);
  for (std::size_t i = 0; i < annotations.size(); ++i) {
    if (annotations[i].sample >= std::ssize(signal)) {
      fail("{}: annotation {} ('{}') is at sample {}, beyond the signal's {} samples", atr.string(),
           i, annotations[i].symbol, annotations[i].sample, signal.size());
    }
  }
  RecordBeats record = cut_beats(name, signal, annotations, map);
  record.lead = header.signals[0].description;
  if (record.size() < 3) {
    fail("{}: has {} beats (label map {}), expected 3 or more", atr.string(), record.size(),
         map.name());
  }
  return record;
}

}  // namespace ekgine
