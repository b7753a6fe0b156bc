// Finds heartbeats: the QRS complexes of one lead of an ECG.
//
// The parts are published ones: the energy of a band-pass, an adaptive threshold, a rule for T
// waves and search-back (Pan and Tompkins, A real-time QRS detection algorithm, IEEE Trans Biomed
// Eng 32, 1985; Hamilton, Open source ECG analysis, Computers in Cardiology 2002). Unlike theirs
// this one looks both ways in time: its filters have no delay, and a threshold follows from what
// comes before and after. At 360 Hz:
//   energy
//     root mean square, over 43 samples, of what a Butterworth band-pass from 8 to 20 Hz (order 2,
//     forwards and backwards) lets through
//   candidate
//     a maximum of the energy, the largest within 72 samples (200 ms) on either side; its slope is
//     the largest step of the band-passed signal within 21 samples
//   level L
//     at every second, the median over 8 s on either side of the largest energy in windows of
//     1.5 s, but at least 0.3 of the median level of the piece
//   noise Z
//     at every second, the median over 8 s on either side of the median energy of a second
//   threshold
//     the largest of 0.32 L, `least_energy`, and the smaller of 2 Z and 0.7 L
//   beat
//     a candidate above the threshold; not within 200 ms of the beat before, and within 360 ms only
//     if its slope is at least half of that beat's, else it is a T wave
//   search-back
//     where more than 1.5 times the median of the last eight RR intervals is without a beat, the
//     largest candidate there above half the threshold, not close to either end
//   placement
//     the largest absolute value, within 21 samples, of what a band-pass from 4.5 to 25 Hz (order
//     2, both ways) lets through
// Constants are a study's, which had seen all of the MIT-BIH Arrhythmia Database when it set a few;
// the band of the placement and the limits of the threshold were found on its training half.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace ekgine {

constexpr double detection_frequency = 360;  // Hz

// The positions of the R waves (or of the largest deflection of a beat without one), in samples,
// ascending. `signal`: mV at detection_frequency, all finite. Unreadable parts are the caller's: it
// gives what lies between them piece by piece. The same signal gives the same positions at any
// number of threads, upside down, and, where its energy is not near the least, multiplied by a
// factor. None where nothing stands out: a flat line, noise.
std::vector<std::int64_t> detect_beats(std::span<const float> signal);

constexpr std::int64_t placement_reach = 48;  // samples: 133 ms

// Puts beats that somebody else has marked where detect_beats() puts those that it finds: databases
// have their marks up to 68 ms from the R wave, and on other waves of it than each other. For each
// mark, in order, the energy is largest somewhere within `placement_reach` samples, and the beat
// goes to the placement there; neither goes beyond the middle between the mark and its neighbours,
// so that positions ascend as marks do, and both stay where nothing is larger. Positions that
// detect_beats() gives stay, those of a flat line, too. `signal` as above; marks ascending, in
// [0, its length).
std::vector<std::int64_t> place_beats(std::span<const float> signal,
                                      std::span<const std::int64_t> marks);

}  // namespace ekgine
