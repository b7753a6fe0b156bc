#include "data/beats.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "data/recording.h"
#include "data/resample.h"
#include "data/text_lines.h"

namespace ekgine {

namespace {

// Removes the annotations of beats that others mark, and returns how many they were.
std::int64_t remove_repeated(std::vector<const WfdbAnnotation*>& beats) {
  // Channel by channel, from the lowest: a beat that has one near it already is marked by that one.
  std::vector<const WfdbAnnotation*> by_channel = beats;
  std::stable_sort(by_channel.begin(), by_channel.end(),
                   [](const auto* a, const auto* b) { return a->chan < b->chan; });
  std::map<std::int64_t, const WfdbAnnotation*> kept;  // by sample
  const auto is_marked = [&](const WfdbAnnotation& beat) {
    for (auto near = kept.lower_bound(beat.sample - same_beat);
         near != kept.end() && near->first <= beat.sample + same_beat; ++near) {
      if (near->first == beat.sample || near->second->chan != beat.chan) return true;
    }
    return false;
  };
  for (const WfdbAnnotation* beat : by_channel) {
    if (!is_marked(*beat)) kept.emplace_hint(kept.end(), beat->sample, beat);
  }
  const auto removed = std::erase_if(beats, [&](const auto* beat) {
    const auto at = kept.find(beat->sample);
    return at == kept.end() || at->second != beat;
  });
  return static_cast<std::int64_t>(removed);
}

// At 360 Hz, in mV.
std::vector<float> read_at_beat_frequency(const Recording& recording, std::size_t lead) {
  return resample(read_lead(recording, lead),
                  rate_ratio(recording.leads[lead].frequency, beat_frequency));
}

struct ReadLeads {
  RecordingLead first;
  std::vector<std::vector<float>> signals;  // mV at 360 Hz: of the first, and of a second if any
  std::int64_t own_length = 0;              // samples of the first at its own rate
};

ReadLeads read_beats_leads(const std::filesystem::path& header, const BeatOptions& options) {
  const Recording recording = open_recording(header);
  const std::size_t lead = choose_lead(recording, options.lead);
  check_frequency(recording.leads[lead].frequency, header.string());
  std::vector<float> signal = read_lead(recording, lead);
  if (options.invert) {
    for (float& sample : signal) sample = -sample;
  }
  ReadLeads read{.first = recording.leads[lead], .signals = {}, .own_length = std::ssize(signal)};
  read.signals.push_back(
      resample(std::move(signal), rate_ratio(read.first.frequency, beat_frequency)));
  if (const std::optional<std::size_t> second = second_lead(recording, lead)) {
    read.signals.push_back(read_at_beat_frequency(recording, *second));
  }
  return read;
}

// With times in samples of the lead; those in the file count frames.
std::vector<WfdbAnnotation> read_beats_annotations(const std::filesystem::path& file,
                                                   const RecordingLead& lead) {
  std::vector<WfdbAnnotation> annotations =
      read_wfdb_annotations(file, lead.frequency / lead.samples_per_frame);
  for (WfdbAnnotation& annotation : annotations) annotation.sample *= lead.samples_per_frame;
  return annotations;
}

bool is_in_range(double frequency) {
  return frequency >= least_frequency && frequency <= most_frequency;
}

// For a sequence.
void require_enough(const RecordBeats& record, const std::string& where, const LabelMap& map) {
  if (record.size() >= 3) return;
  const std::string others =
      record.unmeasured == 0
          ? ""
          : fmt::format(" and {} with samples that were not measured", record.unmeasured);
  fail("{}: has {} beats (label map {}){}, expected 3 or more", where, record.size(), map.name(),
       others);
}

struct MarkedBeats {
  RecordBeats record;                     // of those that are kept
  std::vector<std::int64_t> marks, kept;  // as measure_marked_beats() takes them
};

// As cut_beats().
MarkedBeats cut_marked(std::string name, std::span<const float> signal,
                       std::span<const WfdbAnnotation> annotations, const LabelMap& map) {
  MarkedBeats marked;
  RecordBeats& record = marked.record;
  record.name = std::move(name);
  const std::int64_t length = std::ssize(signal);
  std::vector<const WfdbAnnotation*> beats;
  for (const WfdbAnnotation& annotation : annotations) {
    if (map.label(annotation.symbol) >= 0) beats.push_back(&annotation);
  }
  record.repeated = remove_repeated(beats);
  for (const WfdbAnnotation* beat : beats) {
    const std::int64_t r = beat->sample, number = std::ssize(marked.marks);
    marked.marks.push_back(r);
    if (r <= beat_half || r >= length - beat_half) continue;
    const auto window = signal.subspan(static_cast<std::size_t>(r - beat_half), beat_samples);
    if (std::any_of(window.begin(), window.end(), [](float v) { return std::isnan(v); })) {
      ++record.unmeasured;
      continue;
    }
    marked.kept.push_back(number);
    record.beats.insert(record.beats.end(), window.begin(), window.end());
    record.labels.push_back(map.label(beat->symbol));
    record.symbols.push_back(beat->symbol);
    record.r_samples.push_back(r);
  }
  return marked;
}

}  // namespace

void check_frequency(double frequency, const std::string& where) {
  if (is_in_range(frequency)) return;
  fail("{}: the sampling frequency is {} Hz, expected {} to {}", where, frequency, least_frequency,
       most_frequency);
}

std::optional<std::size_t> second_lead(const Recording& recording, std::size_t first) {
  for (std::size_t i = 0; i < recording.leads.size(); ++i) {
    const RecordingLead& lead = recording.leads[i];
    if (i != first && lead.is_voltage && is_in_range(lead.frequency)) return i;
  }
  return {};
}

RecordBeats cut_beats(std::string name, std::span<const float> signal,
                      std::span<const WfdbAnnotation> annotations, const LabelMap& map) {
  return cut_marked(std::move(name), signal, annotations, map).record;
}

std::string annotation_file(const std::string& record, const std::string& annotator) {
  const auto is_part = [](unsigned char c) {
    return c > ' ' && c != '/' && c != '\\' && c != '\x7f';
  };
  if (annotator.empty() || !std::ranges::all_of(annotator, is_part)) {
    fail("the annotator is '{}', expected the ending of a file's name, as atr", excerpt(annotator));
  }
  return record + "." + annotator;
}

RecordBeats read_record_beats(const std::filesystem::path& database, const std::string& name,
                              const LabelMap& map, const BeatOptions& options) {
  const std::filesystem::path header = database / (name + ".hea");
  ReadLeads leads = read_beats_leads(header, options);
  const std::vector<float>& signal = leads.signals.front();
  const std::filesystem::path atr = database / annotation_file(name, options.annotator);
  std::vector<WfdbAnnotation> annotations = read_beats_annotations(atr, leads.first);
  for (std::size_t i = 0; i < annotations.size(); ++i) {
    if (annotations[i].sample >= leads.own_length) {
      fail("{}: annotation {} ('{}') is at sample {}, beyond the signal's {} samples", atr.string(),
           i, annotations[i].symbol, annotations[i].sample, leads.own_length);
    }
  }
  const RateRatio ratio = rate_ratio(leads.first.frequency, beat_frequency);
  for (WfdbAnnotation& annotation : annotations) {
    annotation.sample = std::min(ratio.forth(annotation.sample), std::ssize(signal) - 1);
  }
  MovedMarks moved;
  if (options.marks == BeatMarks::detected) {
    moved = move_marks(detected_positions(signal), annotations, map);
    annotations = std::move(moved.annotations);
  }
  MarkedBeats marked = cut_marked(name, signal, annotations, map);
  RecordBeats& record = marked.record;
  record.missed = moved.missed;
  record.extra = moved.extra;
  record.lead = leads.first.name;
  record.frequency = leads.first.frequency;
  for (std::int64_t& sample : record.r_samples) sample = ratio.back(sample);
  require_enough(record, atr.string(), map);
  MeasuredBeats measured =
      measure_marked_beats(std::move(leads.signals), marked.marks, marked.kept);
  record.features = std::move(measured.features);
  record.waves = std::move(measured.waves);
  return std::move(record);
}

}  // namespace ekgine
