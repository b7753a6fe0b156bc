#include "detection/butterworth.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace ekgine::testing {
namespace {

std::vector<double> sine(double hz, double frequency, std::size_t samples) {
  std::vector<double> signal(samples);
  for (std::size_t i = 0; i < samples; ++i) {
    signal[i] = std::sin(2 * std::numbers::pi * hz * static_cast<double>(i) / frequency);
  }
  return signal;
}

// Forwards and backwards: the gain of |H|² = 1 / (1 + x⁴), x = (w² - w0²) / (B w) of prewarped
// frequencies, and no delay.
TEST(Butterworth, HasItsGainAndNoDelay) {
  for (const double frequency : {250.0, 360.0}) {
    const BandPass filter = butterworth_band_pass(8, 20, frequency);
    const auto warped = [&](double hz) { return std::tan(std::numbers::pi * hz / frequency); };
    const double low = warped(8), high = warped(20);
    for (const double hz : {2.0, 5.0, 8.0, 12.5, 20.0, 30.0, 60.0}) {
      const double w = warped(hz);
      const double x = (w * w - low * high) / ((high - low) * w);
      const double gain = 1 / (1 + x * x * x * x);
      const std::vector<double> before = sine(hz, frequency, 8000);
      std::vector<double> after = before;
      filter_both_ways(filter, after);
      for (std::size_t i = 3000; i < 5000; ++i) {
        ASSERT_NEAR(after[i], gain * before[i], 1e-9) << hz << " Hz of " << frequency;
      }
    }
    const std::vector<double> edge = sine(8, frequency, 8000);
    std::vector<double> halved = edge;
    filter_both_ways(filter, halved);
    EXPECT_NEAR(halved[4001] / edge[4001], 0.5, 1e-9);
  }
}

TEST(Butterworth, TakesNothingOfAConstantNorOfWhatLiesOutside) {
  const BandPass filter = butterworth_band_pass(4.5, 25, 360);
  for (const std::size_t size : {0, 1, 2, 1000}) {
    std::vector<double> signal(size, 1e6);
    filter_both_ways(filter, signal);
    ASSERT_EQ(signal.size(), size);
    for (const double y : signal) EXPECT_NEAR(y, 0, 1e-6);
  }
  // Beyond `settling` samples nothing is left of a pulse.
  std::vector<double> pulse(4000);
  pulse[2000] = 1;
  filter_both_ways(filter, pulse);
  const auto at = [&](std::int64_t i) { return std::abs(pulse[static_cast<std::size_t>(i)]); };
  EXPECT_GT(at(2000), 0.05);
  EXPECT_LT(at(2000 + filter.settling), 1e-11);
  EXPECT_LT(at(2000 - filter.settling), 1e-11);
  for (std::int64_t k = 1; k < 500; ++k) EXPECT_NEAR(at(2000 - k), at(2000 + k), 1e-12);
}

}  // namespace
}  // namespace ekgine::testing
