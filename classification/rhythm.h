// The rhythms of a recording, from its beats' labels and intervals.
//
//   ventricular tachycardia  three or more V in a row at more than 100/min, by the mean of the
//                intervals between them (Al-Khatib et al., 2017 AHA/ACC/HRS guideline for
//                management of patients with ventricular arrhythmias, Circulation 138:e272, 2018,
//                table 3)
//   bigeminy     N V, three times or more in a row
//   trigeminy    N N V, three times or more in a row
//   irregular    the intervals have no order, as in atrial fibrillation, for 30 s or more (the
//                least that the 2020 ESC guidelines call an episode of it: Hindricks et al., Eur
//                Heart J 42:373, 2021). An ECG's P waves are not looked at: this is no diagnosis
//   normal       none of these
// Of several the first holds. Beats of S count as N for irregularity alone: what is premature in
// atrial fibrillation is often called S. No pattern goes on across an unreadable stretch.
//
// How irregular intervals are is the coefficient of sample entropy of 30 of them, the nearest,
// between beats of N or S (Lake and Moorman, Accurate estimation of entropy in very short
// physiological time series, Am J Physiol Heart Circ Physiol 300:H319, 2011):
//   −ln(A/B) + ln(2 r) − ln(mean interval in s)
// B of the pairs of intervals differ by r at most, in A of those so do the intervals after them; r
// is 30 ms, or as much more, by tens, as makes A five. Irregularity begins above `irregular_from`
// and lasts while it is above `irregular_until`. docs/findings.md has how these were chosen.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "classification/labelled_recording.h"

namespace ekgine {

// The classes, as class_names (data/labels.h) has them.
inline constexpr std::int32_t class_n = 0, class_s = 1, class_v = 2, class_f = 3, class_q = 4;

enum class Rhythm { normal, bigeminy, trigeminy, ventricular_tachycardia, irregular };
inline constexpr int rhythm_count = 5;

inline constexpr std::int64_t irregularity_intervals = 30;
inline constexpr double irregular_from = -1.0, irregular_until = -1.2;
inline constexpr double irregular_least_s = 30;

// As annotations of WFDB have it: "(N", "(B", "(T", "(VT", "(AFIB".
const char* rhythm_text(Rhythm rhythm);
// For people: "none of the others", ..., "irregular, possibly AF".
const char* rhythm_description(Rhythm rhythm);

struct RhythmChange {
  std::int64_t sample = 0;  // of the first beat of it
  Rhythm rhythm = Rhythm::normal;
  bool operator==(const RhythmChange&) const = default;
};

// In time order: at the first beat, at the first after every unreadable stretch, and wherever the
// rhythm is another one than before. None where there are no beats.
std::vector<RhythmChange> find_rhythms(const LabelledRecording& recording);

// A stretch of one rhythm: from its first beat to the next change, the next unreadable sample or
// the recording's end.
struct RhythmStretch {
  Rhythm rhythm = Rhythm::normal;
  Stretch samples;
  std::int64_t first_beat = 0, beats = 0;  // in the recording's beats
};
std::vector<RhythmStretch> rhythm_stretches(const LabelledRecording& recording);

// The coefficient of sample entropy of intervals in seconds, three or more, all positive.
double sample_entropy_coefficient(std::span<const double> intervals);

}  // namespace ekgine
