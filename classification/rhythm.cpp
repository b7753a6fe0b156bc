#include "classification/rhythm.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace ekgine {

namespace {

// Beats first … end − 1, without an unreadable stretch between them.
struct BeatRange {
  std::size_t first = 0, end = 0;
};

std::vector<BeatRange> readable_ranges(std::span<const double> intervals) {
  std::vector<BeatRange> ranges;
  for (std::size_t i = 0; i < intervals.size(); ++i) {
    if (std::isnan(intervals[i])) ranges.push_back({i, i});
    ranges.back().end = i + 1;
  }
  return ranges;
}

// The irregularity at each interval: that of the window which has it in the middle, or nearest to
// it; none (-infinity) where there are fewer intervals than a window has.
std::vector<double> irregularities(std::span<const double> intervals) {
  constexpr std::int64_t window = irregularity_intervals;
  const std::int64_t n = std::ssize(intervals);
  std::vector<double> values(intervals.size(), -std::numeric_limits<double>::infinity());
  if (n < window) return values;
  std::vector<double> of_windows;
  for (std::int64_t first = 0; first + window <= n; ++first) {
    of_windows.push_back(sample_entropy_coefficient(
        intervals.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(window))));
  }
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t first = std::clamp<std::int64_t>(i - window / 2, 0, n - window);
    values[static_cast<std::size_t>(i)] = of_windows[static_cast<std::size_t>(first)];
  }
  return values;
}

bool sinus_or_atrial(const LabelledBeat& beat) {
  return beat.label == class_n || beat.label == class_s;
}

void mark_irregular(const LabelledRecording& recording, std::span<const double> intervals,
                    BeatRange range, std::vector<Rhythm>& rhythms) {
  std::vector<std::size_t> ends;  // the later beat of each interval that counts
  std::vector<double> counted;
  for (std::size_t i = range.first + 1; i < range.end; ++i) {
    // Two beats at one place are no interval.
    if (!(intervals[i] > 0)) continue;
    if (!sinus_or_atrial(recording.beats[i - 1]) || !sinus_or_atrial(recording.beats[i])) continue;
    ends.push_back(i);
    counted.push_back(intervals[i]);
  }
  const std::vector<double> values = irregularities(counted);
  for (std::size_t i = 0; i < values.size();) {
    if (!(values[i] > irregular_from)) {
      ++i;
      continue;
    }
    const std::size_t begin = i;
    while (i < values.size() && values[i] > irregular_until) ++i;
    const std::size_t first = ends[begin] - 1, last = ends[i - 1];
    const auto samples = recording.beats[last].sample - recording.beats[first].sample;
    if (static_cast<double>(samples) < irregular_least_s * recording.frequency) continue;
    for (std::size_t b = first; b <= last; ++b) rhythms[b] = Rhythm::irregular;
  }
}

// Three or more cycles in a row of `normals` beats of N and one of V.
void mark_cycles(const LabelledRecording& recording, BeatRange range, std::size_t normals,
                 Rhythm rhythm, std::vector<Rhythm>& rhythms) {
  constexpr std::size_t least_cycles = 3;
  const auto cycle_at = [&](std::size_t first) {
    if (first + normals >= range.end) return false;
    for (std::size_t i = 0; i < normals; ++i) {
      if (recording.beats[first + i].label != class_n) return false;
    }
    return recording.beats[first + normals].label == class_v;
  };
  for (std::size_t i = range.first; i < range.end;) {
    std::size_t end = i;
    while (cycle_at(end)) end += normals + 1;
    if (end - i >= least_cycles * (normals + 1)) {
      std::fill(rhythms.begin() + static_cast<std::ptrdiff_t>(i),
                rhythms.begin() + static_cast<std::ptrdiff_t>(end), rhythm);
      i = end;
    } else {
      ++i;
    }
  }
}

void mark_tachycardia(const LabelledRecording& recording, BeatRange range,
                      std::vector<Rhythm>& rhythms) {
  constexpr std::size_t least_beats = 3;
  constexpr double slowest_s = 60.0 / 100;
  for (std::size_t i = range.first; i < range.end; ++i) {
    const std::size_t first = i;
    while (i < range.end && recording.beats[i].label == class_v) ++i;
    if (i - first < least_beats) continue;
    const auto samples = recording.beats[i - 1].sample - recording.beats[first].sample;
    const double mean =
        static_cast<double>(samples) / recording.frequency / static_cast<double>(i - 1 - first);
    if (!(mean < slowest_s)) continue;
    std::fill(rhythms.begin() + static_cast<std::ptrdiff_t>(first),
              rhythms.begin() + static_cast<std::ptrdiff_t>(i), Rhythm::ventricular_tachycardia);
  }
}

// The first beat of each rhythm.
struct ChangeAt {
  std::size_t beat = 0;
  Rhythm rhythm = Rhythm::normal;
};

std::vector<ChangeAt> changes_of(const LabelledRecording& recording) {
  const std::vector<double> intervals = rr_intervals(recording);
  std::vector<Rhythm> rhythms(recording.beats.size(), Rhythm::normal);
  std::vector<ChangeAt> changes;
  for (const BeatRange range : readable_ranges(intervals)) {
    // The later ones write over the earlier.
    mark_irregular(recording, intervals, range, rhythms);
    mark_cycles(recording, range, 2, Rhythm::trigeminy, rhythms);
    mark_cycles(recording, range, 1, Rhythm::bigeminy, rhythms);
    mark_tachycardia(recording, range, rhythms);
    for (std::size_t i = range.first; i < range.end; ++i) {
      if (i == range.first || rhythms[i] != rhythms[i - 1]) changes.push_back({i, rhythms[i]});
    }
  }
  return changes;
}

}  // namespace

const char* rhythm_text(Rhythm rhythm) {
  constexpr std::array<const char*, rhythm_count> texts = {"(N", "(B", "(T", "(VT", "(AFIB"};
  return texts[static_cast<std::size_t>(rhythm)];
}

const char* rhythm_description(Rhythm rhythm) {
  constexpr std::array<const char*, rhythm_count> texts = {
      "none of the others", "ventricular bigeminy", "ventricular trigeminy",
      "ventricular tachycardia", "irregular, possibly AF"};
  return texts[static_cast<std::size_t>(rhythm)];
}

double sample_entropy_coefficient(std::span<const double> intervals) {
  constexpr double least_r = 0.03, step = 0.01;
  constexpr int least_matches = 5;
  // Of each pair of intervals that both have one after them: how far they are apart, and how far
  // at most they or those after them are.
  const std::size_t n = intervals.size();
  std::vector<double> one, two;
  one.reserve(n * n / 2);
  two.reserve(n * n / 2);
  double sum = intervals.back();
  for (std::size_t i = 0; i + 1 < n; ++i) {
    sum += intervals[i];
    for (std::size_t j = i + 1; j + 1 < n; ++j) {
      one.push_back(std::abs(intervals[i] - intervals[j]));
      two.push_back(std::max(one.back(), std::abs(intervals[i + 1] - intervals[j + 1])));
    }
  }
  const auto within = [](const std::vector<double>& apart, double r) {
    return std::ranges::count_if(apart, [&](double a) { return a <= r; });
  };
  const auto wanted = std::min<std::ptrdiff_t>(least_matches, std::ssize(two));
  int steps = 0;
  const auto r = [&] { return least_r + steps * step; };
  while (within(two, r()) < wanted) ++steps;
  const double share =
      static_cast<double>(within(two, r())) / static_cast<double>(within(one, r()));
  return -std::log(share) + std::log(2 * r()) - std::log(sum / static_cast<double>(n));
}

std::vector<RhythmChange> find_rhythms(const LabelledRecording& recording) {
  std::vector<RhythmChange> changes;
  for (const ChangeAt& change : changes_of(recording)) {
    changes.push_back({recording.beats[change.beat].sample, change.rhythm});
  }
  return changes;
}

std::vector<RhythmStretch> rhythm_stretches(const LabelledRecording& recording) {
  const std::vector<ChangeAt> changes = changes_of(recording);
  std::vector<RhythmStretch> stretches;
  auto gap = recording.unreadable.begin();
  for (std::size_t c = 0; c < changes.size(); ++c) {
    const std::size_t first = changes[c].beat;
    const bool last = c + 1 == changes.size();
    const std::size_t end = last ? recording.beats.size() : changes[c + 1].beat;
    const std::int64_t begin = recording.beats[first].sample;
    std::int64_t until = last ? recording.samples : recording.beats[end].sample;
    while (gap != recording.unreadable.end() && gap->end <= begin) ++gap;
    if (gap != recording.unreadable.end()) until = std::min(until, gap->begin);
    stretches.push_back({.rhythm = changes[c].rhythm,
                         .samples = {begin, std::max(begin, until)},
                         .first_beat = static_cast<std::int64_t>(first),
                         .beats = static_cast<std::int64_t>(end - first)});
  }
  return stretches;
}

}  // namespace ekgine
