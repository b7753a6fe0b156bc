// Two annotators of one record, beat by beat: which beats of the test annotator are which of the
// reference's, as ANSI/AAMI EC57 asks and WFDB's bxb does it. docs/scoring.md has the rules in
// words.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace ekgine {

// What a mark of an annotator is to the comparison. The five beats have the numbers of their
// classes (base/beat.h).
enum class Mark : std::uint8_t {
  normal,            // N
  supraventricular,  // S
  ventricular,       // V
  fusion,            // F
  unclassified,      // Q: paced, or not classifiable
  flutter_wave,  // outside of VF: to the matching and to RR intervals a beat, but its label is O
  unreadable,    // noise in both signals: a shutdown begins, or stands here as a single mark
  noise,         // the signals' quality at another level: ends a shutdown that it follows
  flutter_on,    // an episode of ventricular flutter or fibrillation (VF) begins
  flutter_off,   // and ends
  other,
};

struct TimedMark {
  std::int64_t sample = 0;
  Mark mark = Mark::other;
};

struct ComparisonOptions {
  double start = 300;         // s: beats before are not scored, to leave detectors time to learn
  std::optional<double> end;  // s; none: the end of the record
  double window = 0.15;       // s: beats further apart are never the same beat
};

// Seconds as the nearest sample, halves the later one: trunc(seconds × frequency + 1/2).
std::int64_t samples_of(double seconds, double frequency);

// What a beat of one annotator is to the other: of one of five classes (base/beat.h), or not there
// (O), or not there while that annotator could not see (X).
inline constexpr std::string_view beat_labels = "NSVFQOX";
inline constexpr std::string_view beat_classes = beat_labels.substr(0, 5);

// How often each pair of labels was met. O and X are not paired with each other.
struct BeatMatrix {
  // [label of the reference][label of the test annotator], in the order of beat_labels.
  std::array<std::array<std::int64_t, beat_labels.size()>, beat_labels.size()> counts{};

  // The sum over these labels of the reference and these of the test annotator: ("OX", "V").
  std::int64_t sum(std::string_view reference, std::string_view test) const;

  bool operator==(const BeatMatrix&) const = default;
};

// Two beats that are one, or a beat that only one annotator has, and their labels differ.
struct Disagreement {
  // Of beat_labels, or '*': nothing, within VF of the reference.
  char reference = '*', test = '*';
  // As bxb tells them: of O and X, that of the other's beat; of '*', that of the reference's
  // next beat, after the last one the largest number there is.
  std::int64_t reference_sample = 0, test_sample = 0;

  bool operator==(const Disagreement&) const = default;
};

struct Comparison {
  BeatMatrix matrix;
  // RMS difference of the annotators' RR intervals, in ms; none where no pair has both.
  std::optional<double> rr_error;
  std::int64_t shutdown_seconds = 0;  // of the test annotator, rounded
  std::vector<Disagreement> disagreements;
};

// Compares the marks of a record, each side in the order of its file, of which times must not
// decrease. `frequency` of the samples in Hz; `samples`: how long the record is, where known;
// without it and options.end, all that the reference has is scored.
Comparison compare_beats(std::span<const TimedMark> reference, std::span<const TimedMark> test,
                         double frequency, std::optional<std::int64_t> samples,
                         const ComparisonOptions& options = {});

}  // namespace ekgine
