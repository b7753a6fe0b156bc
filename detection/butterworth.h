// Butterworth band-pass filters without delay.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace ekgine {

// Second-order section: y[n] = b0 x[n] + b1 x[n-1] + b2 x[n-2] - a1 y[n-1] - a2 y[n-2].
struct Biquad {
  double b0 = 0, b1 = 0, b2 = 0, a1 = 0, a2 = 0;
};

// A band-pass of second order on each side, as two sections: the analogue Butterworth low-pass of
// second order, s² + √2 s + 1, with s replaced by (s² + w0²)/(B s) and the bilinear transform with
// both edges prewarped (Oppenheim and Schafer, Discrete-Time Signal Processing, 7.2). Its gain is 1
// at the middle, the geometric mean of the prewarped edges, and 1/√2 at the edges.
struct BandPass {
  std::array<Biquad, 2> sections;
  // Samples after which a response is below 1e-12 of its peak.
  std::int64_t settling = 0;
};

// Edges and sampling frequency in Hz, 0 < low < high < frequency / 2.
BandPass butterworth_band_pass(double low, double high, double frequency);

// Filters forwards, then backwards, in place: no delay, and the gain squared. Outside, the signal
// is taken to stay at its first and its last value.
void filter_both_ways(const BandPass& filter, std::vector<double>& signal);

}  // namespace ekgine
