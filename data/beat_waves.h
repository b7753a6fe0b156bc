// What a model of beat sequences sees of each beat: wider windows, of two leads, at 120 Hz.
//
// Per lead, at 360 Hz: a Butterworth band-pass from 0.5 to 40 Hz (order 2, forwards and backwards;
// detection/butterworth.h), and of that every third sample,
//   x[k] = filtered[R + 3 (k − 42)],  k = 0 ... 95,
// so that R is sample 42 of each window, to the 360th of a second; 60 to 100 Hz, what this folds
// onto 20 to 60 Hz, is weaker by then by a factor of 6 to 40. Samples beyond the ends of the
// recording are 0, what a level line is after the filter. Then all samples of a lead are divided by
//   A = the median over the beats of max(x) − min(x), at least 0.05 mV,
// and held within ±1000.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/beat.h"

namespace ekgine {

constexpr std::int64_t wave_before = 42;  // samples before R
constexpr double wave_frequency = 120;    // Hz
constexpr double most_amplitudes = 1000;  // that a sample may be

struct BeatWaves {
  std::int64_t leads = 0;      // that were measured: 1 or 2; the second is all 0 where it was not
  std::vector<float> samples;  // (n, 2, 96), in typical beats of the lead; finite

  std::int64_t size() const { return std::ssize(samples) / (wave_leads * wave_samples); }
  std::span<const float> wave(std::int64_t beat, std::int64_t lead) const {
    return std::span(samples).subspan(
        static_cast<std::size_t>((beat * wave_leads + lead) * wave_samples), wave_samples);
  }
};

// The waves of the beats whose R is at `r_samples`, ascending, 0 or more. `leads`: one or two, mV
// at 360 Hz, all finite; they need not be equally long. A second lead that is flat in the median
// beat (A would be 0) counts as not measured: one without electrodes, or never read. On all
// threads; the same bits at any number of them. Throws Interrupted on Ctrl-C.
BeatWaves cut_waves(std::vector<std::vector<float>> leads, std::span<const std::int64_t> r_samples);

}  // namespace ekgine
