#include "classification/classify.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/interrupt.h"
#include "data/beat_features.h"
#include "data/beat_unit.h"
#include "data/beats.h"
#include "data/marks.h"
#include "data/resample.h"
#include "detection/qrs_detector.h"

namespace ekgine {

namespace {

struct FoundBeats {
  RecordBeats record;                     // positions at 360 Hz
  std::vector<std::int64_t> marks;        // of all that were found, those left out as well
  std::vector<std::int64_t> kept;         // numbers of the record's beats among them
  std::vector<std::int64_t> first_beats;  // of the pieces that have any: number of the first beat
  std::vector<Stretch> unreadable;        // at 360 Hz
  std::int64_t left_out = 0;
};

// What lies between the pieces; at the ends of the recording only what could not be bridged.
std::vector<Stretch> between_pieces(const std::vector<SignalPiece>& pieces, std::int64_t length) {
  std::vector<Stretch> stretches;
  std::int64_t begin = 0;
  for (const SignalPiece& piece : pieces) {
    if (piece.begin - begin > (begin == 0 ? longest_bridge : 0)) {
      stretches.push_back({begin, piece.begin});
    }
    begin = piece.end();
  }
  if (length - begin > longest_bridge) stretches.push_back({begin, length});
  return stretches;
}

// Appends the window around `at`, held at the piece's ends.
void append_window(const SignalPiece& piece, std::int64_t at, std::vector<float>& beats) {
  const std::int64_t last = std::ssize(piece.signal) - 1;
  for (std::int64_t i = at - beat_half; i <= at + beat_half; ++i) {
    beats.push_back(piece.signal[static_cast<std::size_t>(std::clamp<std::int64_t>(i, 0, last))]);
  }
}

void find_in_piece(const SignalPiece& piece, bool first, bool last, bool windows,
                   FoundBeats& found) {
  const std::int64_t before = found.record.size(), size = std::ssize(piece.signal);
  for (const std::int64_t at : detect_beats(piece.signal)) {
    found.marks.push_back(piece.begin + at);
    if ((at < beat_half && !first) || (at + beat_half >= size && !last)) {
      ++found.left_out;
      continue;
    }
    found.kept.push_back(std::ssize(found.marks) - 1);
    if (windows) append_window(piece, at, found.record.beats);
    found.record.r_samples.push_back(piece.begin + at);
    found.record.labels.push_back(0);  // not known yet
  }
  if (found.record.size() > before) found.first_beats.push_back(before);
}

// With the beats' windows, where they are wanted.
FoundBeats find_beats(std::span<const float> signal, bool windows) {
  const std::int64_t length = std::ssize(signal);
  std::vector<SignalPiece> pieces = pieces_of(signal);
  FoundBeats found;
  found.unreadable = between_pieces(pieces, length);
  for (SignalPiece& piece : pieces) {
    throw_if_interrupted();
    const bool first = found.unreadable.empty() || piece.end() <= found.unreadable.front().begin;
    const bool last = found.unreadable.empty() || piece.begin >= found.unreadable.back().end;
    find_in_piece(piece, first, last, windows, found);
    piece.signal = {};  // a day's signal is 124 MB
  }
  return found;
}

// Probabilities (n, class_count) of the beats, which it takes.
std::vector<float> probabilities_of(FoundBeats& found, BeatClassifier& classifier,
                                    const std::function<void(std::int64_t)>& progress) {
  if (classifier.config().labels_every_beat()) {
    return classifier.predict({found.record.beats, found.record.unit}, progress);
  }
  const std::int64_t lead_in = classifier.config().sequence_length - 1;
  const auto pieces = std::ssize(found.first_beats);
  std::vector<float> padded;
  padded.reserve(found.record.beats.size() +
                 static_cast<std::size_t>(pieces * lead_in * beat_samples));
  for (std::int64_t p = 0; p < pieces; ++p) {
    const std::int64_t begin = found.first_beats[static_cast<std::size_t>(p)];
    const std::int64_t end =
        p + 1 < pieces ? found.first_beats[static_cast<std::size_t>(p + 1)] : found.record.size();
    const auto beats = found.record.beats.begin();
    for (std::int64_t i = 0; i < lead_in; ++i) {
      padded.insert(padded.end(), beats + begin * beat_samples, beats + (begin + 1) * beat_samples);
    }
    padded.insert(padded.end(), beats + begin * beat_samples, beats + end * beat_samples);
  }
  found.record.beats = {};
  std::vector<float> all = classifier.predict({padded, found.record.unit}, progress);
  // Those of sequences that end in a copy are of no beat. The first of all ends in the first beat.
  for (std::int64_t p = 1; p < pieces; ++p) {
    const auto at = all.begin() + found.first_beats[static_cast<std::size_t>(p)] * class_count;
    all.erase(at, at + lead_in * class_count);
  }
  return all;
}

// At the lead's own rate.
Stretch own_stretch(Stretch stretch, std::int64_t length, std::int64_t own_length,
                    RateRatio ratio) {
  return {std::min(ratio.back(stretch.begin), own_length - 1),
          stretch.end == length ? own_length : std::min(ratio.back(stretch.end), own_length)};
}

}  // namespace

LabelledRecording label_beats(
    LeadSignal lead, BeatClassifier& classifier,
    const std::function<void(std::int64_t done, std::int64_t total)>& progress) {
  LabelledRecording recording{.name = std::move(lead.recording),
                              .lead = std::move(lead.lead),
                              .frequency = lead.frequency,
                              .samples = std::ssize(lead.signal),
                              .inverted = lead.inverted,
                              .beats = {},
                              .unreadable = {}};
  const RateRatio ratio = rate_ratio(lead.frequency, beat_frequency);
  std::vector<float> signal = resample(std::move(lead.signal), ratio);
  const std::int64_t length = std::ssize(signal);
  const bool features = has_features(classifier.config().input());
  FoundBeats found = find_beats(signal, !features);
  if (features && found.record.size() > 0) {
    std::vector<std::vector<float>> leads;
    leads.push_back(std::move(signal));
    if (lead.second) {
      leads.push_back(resample(lead.second(), rate_ratio(lead.second_frequency, beat_frequency)));
    }
    MeasuredBeats measured = measure_marked_beats(std::move(leads), found.marks, found.kept);
    found.record.features = std::move(measured.features);
    found.record.waves = std::move(measured.waves);
  }
  signal = {};
  for (const Stretch& stretch : found.unreadable) {
    recording.unreadable.push_back(own_stretch(stretch, length, recording.samples, ratio));
  }
  recording.left_out = found.left_out;
  found.record.name = recording.name;
  const std::int64_t count = found.record.size();
  if (count == 0) {
    fail("{}: no beats were found in lead {} ({:.1f} s): no ECG, or none that can be read",
         recording.name, recording.lead.empty() ? "0" : recording.lead,
         static_cast<double>(recording.samples) / recording.frequency);
  }
  measure_in(classifier.config().input(), found.record);
  const std::vector<float> probabilities =
      probabilities_of(found, classifier, [&](std::int64_t done) {
        if (progress) progress(std::min(done, count), count);
      });
  for (std::int64_t i = 0; i < count; ++i) {
    LabelledBeat beat;
    beat.sample = std::min(ratio.back(found.record.r_samples[static_cast<std::size_t>(i)]),
                           recording.samples - 1);
    std::copy_n(probabilities.begin() + i * class_count, class_count, beat.probabilities.begin());
    beat.label = static_cast<std::int32_t>(std::ranges::max_element(beat.probabilities) -
                                           beat.probabilities.begin());
    recording.beats.push_back(beat);
  }
  return recording;
}

}  // namespace ekgine
