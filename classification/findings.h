// What there is to say of a recording whose beats are labelled: figures of its page, and JSON.
//
//   hour       the n-th 3600 s of the recording, from 0; the last may be shorter
//   readable   the recording less its unreadable stretches
//   rate       60 over the mean interval, beats of all classes alike, in /min
//   in a row   without another class or an unreadable stretch between
//   single     one beat of S, or of V; couplet: two in a row; run: three or more
//   pause      2 s or more between beats next to each other
// Extremes of the rate are those of eight intervals in a row; those of an hour begin in it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/json.h"
#include "classification/labelled_recording.h"
#include "classification/rhythm.h"

namespace ekgine {

inline constexpr std::int64_t rate_intervals = 8;
// A pause is of the first at least; how many are of each is counted.
inline constexpr std::array pause_limits_s = {2.0, 2.5, 3.0};

// The rate of some beats in a row.
struct RateAt {
  double rate = 0;  // /min
  std::int64_t first_beat = 0, beats = 0;
};

struct HeartRate {
  std::optional<double> mean;             // none without an interval
  std::optional<RateAt> lowest, highest;  // none without rate_intervals of them in a row
};

// Of S or of V.
struct Ectopics {
  std::vector<std::int64_t> singles, couplets;  // their first beats
  std::vector<RateAt> runs;
  std::optional<std::size_t> longest, fastest;  // of the runs, the first of equals
};

struct Pause {
  double seconds = 0;
  std::int64_t first_beat = 0;  // the one before it
};

using BeatCounts = std::array<std::int64_t, class_count>;

struct HourFindings {
  double readable_s = 0;
  BeatCounts beats{};
  HeartRate rate;
  std::int64_t couplets_s = 0, runs_s = 0, couplets_v = 0, runs_v = 0, pauses = 0;  // begun in it
};

struct Findings {
  double duration_s = 0, readable_s = 0;
  BeatCounts beats{};
  HeartRate rate;
  Ectopics supraventricular, ventricular;
  std::vector<Pause> pauses;           // in time order
  std::vector<RhythmStretch> rhythms;  // in time order
  std::vector<HourFindings> hours;     // one at least where there are samples
};

Findings find_findings(const LabelledRecording& recording);

// How many pauses are of `least` seconds or more.
std::int64_t count_pauses(const Findings& findings, double least);

// How often there is a rhythm, and for how long.
struct RhythmTotal {
  std::int64_t stretches = 0;
  double seconds = 0, longest_s = 0;
};
RhythmTotal rhythm_total(const Findings& findings, Rhythm rhythm, double frequency);

// All of it: times in s from the recording's start, rates in /min, null where there is none.
Json findings_json(const LabelledRecording& recording, const Findings& findings);

}  // namespace ekgine
