#include "data/resample.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <utility>

#include "data/gaps.h"
#include "data/workers.h"

namespace ekgine {

namespace {

constexpr double beta = 8, crossings = 24, of_nyquist = 0.94;

// Bessel's function I0, by its series: all terms are positive, so that nothing cancels.
double bessel_i0(double x) {
  double term = 1, sum = 1;
  for (double k = 1; term > 1e-17 * sum; ++k) {
    term *= (x / 2 / k) * (x / 2 / k);
    sum += term;
  }
  return sum;
}

// The windowed sinc at t input samples, with cut-off c (1: the input's Nyquist rate).
double windowed_sinc(double t, double c) {
  static const double middle = bessel_i0(beta);
  const double x = c * t;
  if (std::abs(x) >= crossings) return 0;
  const double place = x / crossings;
  const double window = bessel_i0(beta * std::sqrt(1 - place * place)) / middle;
  const double angle = std::numbers::pi * x;
  return c * window * (angle == 0 ? 1 : std::sin(angle) / angle);
}

// The weights of the input samples floor(t) - half + 1 ... floor(t) + half of an output sample at
// t, by the fraction phase / up of t.
class SincWeights {
 public:
  explicit SincWeights(RateRatio ratio)
      : up_(static_cast<double>(ratio.up)),
        cut_off_(of_nyquist * std::min(1.0, up_ / static_cast<double>(ratio.down))),
        half_(static_cast<std::int64_t>(std::ceil(crossings / cut_off_))) {
    if (ratio.up * taps() > most_kept) return;
    kept_.resize(static_cast<std::size_t>(ratio.up * taps()));
    for (std::int64_t phase = 0; phase < ratio.up; ++phase) {
      set(phase, kept_.data() + phase * taps());
    }
  }

  std::int64_t half() const { return half_; }
  std::int64_t taps() const { return 2 * half_; }

  // `row` (taps()) is written to where they are not kept.
  const double* of(std::int64_t phase, double* row) const {
    if (!kept_.empty()) return kept_.data() + phase * taps();
    set(phase, row);
    return row;
  }

 private:
  static constexpr std::int64_t most_kept = std::int64_t{1} << 23;

  void set(std::int64_t phase, double* row) const {
    const double fraction = static_cast<double>(phase) / up_;
    for (std::int64_t j = 0; j < taps(); ++j) {
      row[j] = windowed_sinc(static_cast<double>(j - half_ + 1) - fraction, cut_off_);
    }
    const double sum = std::accumulate(row, row + taps(), 0.0);
    for (std::int64_t j = 0; j < taps(); ++j) row[j] /= sum;
  }

  double up_, cut_off_;
  std::int64_t half_;
  std::vector<double> kept_;  // (up, taps())
};

double sum_of_products(const double* weights, const float* x, std::int64_t count) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t j = 0; j < count; ++j) sum += weights[j] * static_cast<double>(x[j]);
  return sum;
}

// Output samples `begin` to `end` - 1.
void resample_part(std::span<const float> signal, RateRatio ratio, const SincWeights& weights,
                   std::int64_t begin, std::int64_t end, std::vector<float>& output) {
  const std::int64_t size = std::ssize(signal), half = weights.half(), taps = weights.taps();
  std::vector<float> held(static_cast<std::size_t>(taps));  // at the ends
  std::vector<double> row(static_cast<std::size_t>(taps));
  std::int64_t at = begin * ratio.down / ratio.up, phase = begin * ratio.down % ratio.up;
  for (std::int64_t k = begin; k < end; ++k) {
    const std::int64_t first = at - half + 1;
    const float* x = signal.data() + first;
    if (first < 0 || first + taps > size) {
      for (std::int64_t j = 0; j < taps; ++j) {
        const std::int64_t i = std::clamp<std::int64_t>(first + j, 0, size - 1);
        held[static_cast<std::size_t>(j)] = signal[static_cast<std::size_t>(i)];
      }
      x = held.data();
    }
    output[static_cast<std::size_t>(k)] =
        static_cast<float>(sum_of_products(weights.of(phase, row.data()), x, taps));
    phase += ratio.down;
    at += phase / ratio.up;
    phase %= ratio.up;
  }
}

}  // namespace

RateRatio rate_ratio(double from, double to) {
  // Convergents p / q of the continued fraction of to / from.
  const double ratio = to / from;
  std::int64_t p = 1, q = 0, p_before = 0, q_before = 1;
  double rest = ratio;
  for (;;) {
    const double whole = std::floor(rest + 1e-12);
    p_before = std::exchange(p, static_cast<std::int64_t>(whole) * p + p_before);
    q_before = std::exchange(q, static_cast<std::int64_t>(whole) * q + q_before);
    const double error = static_cast<double>(p) / static_cast<double>(q) / ratio - 1;
    if (std::abs(error) <= 1e-9) return {.up = p, .down = q};
    rest = 1 / (rest - whole);
  }
}

std::vector<float> resample(std::vector<float> signal, RateRatio ratio) {
  if (ratio.up == ratio.down || signal.empty()) return signal;
  const std::vector<Gap> gaps = bridge_gaps(signal);
  const SincWeights weights(ratio);
  const std::int64_t size = (std::ssize(signal) - 1) * ratio.up / ratio.down + 1;
  std::vector<float> output(static_cast<std::size_t>(size));
  constexpr std::int64_t part = 1 << 16;
  for_each_item((size + part - 1) / part, [&](std::int64_t i, const Cpu&) {
    resample_part(signal, ratio, weights, i * part, std::min(size, (i + 1) * part), output);
  });
  // Input sample i is the nearest one of the output samples from (i − 1/2) up / down on.
  const auto first_of = [&](std::int64_t i) {
    return std::clamp<std::int64_t>(
        ((2 * i - 1) * ratio.up + 2 * ratio.down - 1) / (2 * ratio.down), 0, size);
  };
  for (const Gap& gap : gaps) {
    std::fill(output.begin() + first_of(gap.begin), output.begin() + first_of(gap.end),
              std::numeric_limits<float>::quiet_NaN());
  }
  return output;
}

}  // namespace ekgine
