#include "detection/butterworth.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

namespace ekgine {

namespace {

using Complex = std::complex<double>;

// The section with zeros at 1 and -1 and a pair of conjugate poles, with gain 1 at angle `middle`.
Biquad section(Complex pole, double middle) {
  Biquad biquad{.b0 = 1, .b1 = 0, .b2 = -1, .a1 = -2 * pole.real(), .a2 = std::norm(pole)};
  const Complex z = std::polar(1.0, -middle);
  const double gain = std::abs((1.0 - z * z) / (1.0 + biquad.a1 * z + biquad.a2 * z * z));
  biquad.b0 /= gain;
  biquad.b2 /= gain;
  return biquad;
}

// Both sections in one pass, so that the processor can work on the two recursions at once.
// Direct form II transposed, from rest.
template <class Iterator>
void filter_one_way(const BandPass& filter, Iterator first, Iterator last) {
  const auto& [p, q] = filter.sections;
  double p1 = 0, p2 = 0, q1 = 0, q2 = 0;
  for (; first != last; ++first) {
    const double x = *first;
    const double y = p.b0 * x + p1;
    p1 = p.b1 * x - p.a1 * y + p2;
    p2 = p.b2 * x - p.a2 * y;
    const double z = q.b0 * y + q1;
    q1 = q.b1 * y - q.a1 * z + q2;
    q2 = q.b2 * y - q.a2 * z;
    *first = z;
  }
}

}  // namespace

BandPass butterworth_band_pass(double low, double high, double frequency) {
  const auto prewarped = [&](double edge) {
    return 2 * std::tan(std::numbers::pi * edge / frequency);
  };
  const double w1 = prewarped(low), w2 = prewarped(high);
  const double bandwidth = w2 - w1, centre = std::sqrt(w1 * w2);
  // Each pole p of the low-pass, of which one of the conjugates is taken, gives two of the
  // band-pass: the roots of s² - p B s + w0².
  const Complex p = Complex(-1, 1) / std::numbers::sqrt2 * bandwidth;
  const Complex root = std::sqrt(p * p - 4 * centre * centre);
  BandPass filter;
  double slowest = 0;
  for (int i = 0; i < 2; ++i) {
    const Complex s = (p + (i == 0 ? root : -root)) / 2.0;
    const Complex z = (2.0 + s) / (2.0 - s);
    filter.sections.at(static_cast<std::size_t>(i)) = section(z, 2 * std::atan(centre / 2));
    slowest = std::max(slowest, std::abs(z));
  }
  filter.settling = static_cast<std::int64_t>(std::ceil(std::log(1e-12) / std::log(slowest)));
  return filter;
}

void filter_both_ways(const BandPass& filter, std::vector<double>& signal) {
  if (signal.empty()) return;
  // A constant passes as zero, so the filter that starts from rest has seen the first value for
  // ever once that is taken away. Backwards it starts where the forward response has died down.
  const double first = signal.front(), last = signal.back();
  for (double& x : signal) x -= first;
  const std::size_t size = signal.size();
  signal.resize(size + static_cast<std::size_t>(filter.settling), last - first);
  filter_one_way(filter, signal.begin(), signal.end());
  filter_one_way(filter, signal.rbegin(), signal.rend());
  signal.resize(size);
}

}  // namespace ekgine
