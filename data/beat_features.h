// What a model of beat sequences reads beside the beats: 48 numbers per beat, of rhythm and shape,
// measured without labels against the record's own beats.
//
// They are those of a study that chose them on the training half (DS1) of the MIT-BIH Arrhythmia
// Database. By column (docs/features.md says what each tells):
//
//   rhythm, 22 columns, of the intervals before (b) and after (a) each beat
//    0, 1     ln(b / 0.8), ln(a / 0.8)
//    2, 3     ln(b / L), ln(a / L),  L = the mean of b over ±10 beats
//    4, 5     ln(b / M), ln(a / M),  M = the mean of all b
//    6        ln(b / a)
//    7, 8     ln(b / b of the beat before), ln(a / a of the beat after); 0 at the ends
//    9–11     ln(0.01 + median over ±n of D / L),  D = |b − b of the beat before|, 0 for the
//             first;  n = 10, 30, 100
//   12–14     clip((b − m) / (1.4826 d + 0.02), ±6) / 2,  m and d = the median of b over ±n, and
//             the median of |b − m| over the same;  n = 10, 30, 100
//   15        ln(m / 0.8),  n = 30
//   16–21     ln(b / S), ln(a / S), ln(b / U), ln(a / U), ln(0.01 + I15), ln(0.01 + I60), of the
//             *sinus* beats: those, but for the first of all, whose correlation c (below; the mean
//             over the measured leads) is above 0.85 as that of the beat before is; all, if these
//             are fewer than 30. In the sequence of their b: S = the median over ±10, U = the value
//             of rank 14 (from 0) of these 21, I15 and I60 = the medians over ±15 and ±60 of
//             |b − b before| / S. A beat takes those of the nearest sinus beat, of two the later.
//   shape, 13 columns of each lead from 22 on, of  x[k] = wave[k] − median(wave[26 ... 37]).
//   Regular beats are those with  |ln(b / m)| + |ln(a / m)|,  n = 10, not above the value of rank
//   ⌊2 (n − 1) / 5⌋ of all n beats. The typical beat t[k] is the median of their x[k].
//    0        P = max − min of x[34 ... 50]
//    1, 2     max of x[36 ... 48], min of x[32 ... 52]
//    3        √(Σ e (k − k̄)² / s),  e = (x[k + 1] − x[k])²,  k̄ = Σ e k / s,  s = 1e-6 + Σ e,
//             over k = 27 ... 57: how widely the slopes are spread
//    4        Σ |x[30 ... 54]| / (P + 0.05)
//    5        artanh(clip(c, ±0.999)),  c = Σ y u / √(1e-6 + Σ y² Σ u²),  y and u = x and t less
//             their means, over k = 28 ... 65
//    6        mean of x[60 ... 89]
//    7        max − min of x[16 ... 33]
//    8–10     ln(0.02 + √mean (x − t)²)  over k = 16 ... 33, 34 ... 51, 58 ... 91
//   11, 12    means of x[32 ... 53], x[16 ... 33]
//   each as  arsinh((value − m) / (1.4826 d + f) / 2),  m and d = the median over the regular beats
//   and the median of |value − m| over the same,  f = 0.05, 0.05, 0.05, 0.15, 0.5, 0.3, 0.03, 0.03,
//   0.1, 0.1, 0.1, 0.02, 0.02.
//
// Windows over the ends of a record are mirrored (data/medians.h). Columns 0 and 1 give the
// intervals back.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/beat.h"
#include "data/beat_waves.h"

namespace ekgine {

constexpr double usual_interval = 0.8, shortest_interval = 0.2, longest_interval = 3;  // s

// Of n beats, in seconds, each within [0.2, 3]: a pause, or a stretch that cannot be read, is no
// longer.
struct BeatIntervals {
  std::vector<double> before, after;
};

// Of beats at `r_samples`, ascending, which count samples at `frequency` Hz. Before the first and
// after the last beat the median of all intervals; 0.8 s for a beat that is alone.
BeatIntervals beat_intervals(std::span<const std::int64_t> r_samples, double frequency);

// (n, 48), all finite, whatever the beats are: one, none regular, flat ones. The columns of a
// second lead that was not measured are 0. Only of what is given: a part of a record's beats, or
// the same beats at other times, are measured as a record of their own. Errors: intervals and waves
// of different numbers of beats; waves of no lead.
std::vector<float> measure_beats(const BeatIntervals& intervals, const BeatWaves& waves);

struct MeasuredBeats {
  BeatWaves waves;
  std::vector<float> features;  // (n, 48)
};

// Of a record's beats, wherever their marks come from. `leads`: one or two, mV at 360 Hz, NaN where
// not measured (a line is drawn there); `marks`: of all beats, ascending, inside the first lead;
// `kept`: the numbers of those to be measured, ascending. All marks go to the R waves of the first
// lead (place_beats() of detection/qrs_detector.h); intervals are those of all beats, everything
// else is of the kept ones alone. As cut_waves() otherwise.
MeasuredBeats measure_marked_beats(std::vector<std::vector<float>> leads,
                                   std::span<const std::int64_t> marks,
                                   std::span<const std::int64_t> kept);

}  // namespace ekgine
