#include "data/resample.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>

#include "tests/cases/random.h"
#include "tests/support/thread_count.h"

namespace ekgine {
namespace {

using ::testing::Each;
using testing::Random;
using testing::ThreadCount;

// What is resampled, in double: tones from 0 to 40 Hz, of random phases, each of amplitude 1.
double tone(double frequency, double time) {
  return std::sin(2 * std::numbers::pi * frequency * time + frequency);
}

std::vector<float> tone_at(double frequency, double rate, double seconds) {
  std::vector<float> signal(static_cast<std::size_t>(rate * seconds));
  for (std::size_t i = 0; i < signal.size(); ++i) {
    signal[i] = static_cast<float>(tone(frequency, static_cast<double>(i) / rate));
  }
  return signal;
}

struct Decibels {
  double mean_square, largest;
};

// The error away from the ends, of the tone's mean square and of its amplitude.
Decibels error_of(double frequency, double from, double to) {
  const std::vector<float> found = resample(tone_at(frequency, from, 4), rate_ratio(from, to));
  double largest = 0, squares = 0, signal = 0;
  const auto edge = static_cast<std::size_t>(0.5 * to);
  for (std::size_t k = edge; k + edge < found.size(); ++k) {
    const double expected = tone(frequency, static_cast<double>(k) / to);
    const double error = std::abs(static_cast<double>(found[k]) - expected);
    largest = std::max(largest, error);
    squares += error * error;
    signal += expected * expected;
  }
  return {10 * std::log10(squares / signal), 20 * std::log10(largest)};
}

TEST(RateRatio, IsTheSimplestOne) {
  EXPECT_EQ(rate_ratio(250, 360), (RateRatio{36, 25}));
  EXPECT_EQ(rate_ratio(257, 360), (RateRatio{360, 257}));
  EXPECT_EQ(rate_ratio(1000, 360), (RateRatio{9, 25}));
  EXPECT_EQ(rate_ratio(360, 360), (RateRatio{1, 1}));
  EXPECT_EQ(rate_ratio(249.99, 360), (RateRatio{12'000, 8333}));
  EXPECT_EQ(rate_ratio(9999, 360), (RateRatio{40, 1111}));
  EXPECT_EQ(rate_ratio(1000 / 3.9, 360), (RateRatio{351, 250}));
  for (int hz = 100; hz <= 10'000; ++hz) {
    const RateRatio ratio = rate_ratio(hz, 360);
    ASSERT_EQ(ratio.up * hz, ratio.down * 360) << hz;
  }
  Random random(1);
  for (int i = 0; i < 2000; ++i) {
    const double rate = random.uniform(100, 10'000);
    const RateRatio ratio = rate_ratio(rate, 360);
    ASSERT_NEAR(static_cast<double>(ratio.up) / static_cast<double>(ratio.down) * rate / 360, 1,
                1e-9)
        << rate;
  }
}

TEST(RateRatio, FindsTheNearestSamples) {
  const RateRatio ratio = rate_ratio(250, 360);
  EXPECT_EQ(ratio.forth(25), 36);
  EXPECT_EQ(ratio.back(36), 25);
  EXPECT_EQ(ratio.forth(1), 1);                 // 1.44
  EXPECT_EQ(ratio.back(5), 3);                  // 3.47
  EXPECT_EQ(rate_ratio(720, 360).forth(1), 1);  // 0.5
  for (std::int64_t i = 0; i < 10'000; ++i) ASSERT_EQ(ratio.back(ratio.forth(i)), i);
}

// At 37 Hz it is largest.
TEST(Resample, IsRightTo85DecibelsUpTo40Hz) {
  for (const double rate : {128.0, 200.0, 249.99, 250.0, 257.0, 500.0, 1000.0}) {
    for (const double frequency : {0.25, 0.75, 5.0, 17.25, 33.75, 34.75, 37.0, 40.0}) {
      const Decibels error = error_of(frequency, rate, 360);
      EXPECT_LT(error.mean_square, -85) << rate << " Hz, tone " << frequency;
      EXPECT_LT(error.largest, -83) << rate << " Hz, tone " << frequency;
    }
  }
}

// Of so many phases that their weights are not kept.
TEST(Resample, IsRightAtOddRates) {
  for (const double rate : {9651.063865423202, 250.00123456789}) {
    EXPECT_GT(rate_ratio(rate, 360).up, 10'000) << rate;
    EXPECT_LT(error_of(17, rate, 360).mean_square, -85) << rate;
  }
}

TEST(Resample, LetsNothingFoldBack) {
  // Beyond 180 Hz, which 360 Hz cannot hold.
  for (const double frequency : {190.0, 300.0, 470.0}) {
    std::vector<float> found = resample(tone_at(frequency, 1000, 4), rate_ratio(1000, 360));
    found.erase(found.end() - 180, found.end());
    found.erase(found.begin(), found.begin() + 180);
    for (const float y : found) ASSERT_LT(std::abs(y), 6e-5) << frequency;
  }
}

TEST(Resample, KeepsConstantsAndLengths) {
  for (const double rate : {100.0, 128.0, 249.99, 257.0, 1000.0, 10'000.0}) {
    const RateRatio ratio = rate_ratio(rate, 360);
    for (const std::size_t size : {1, 2, 3, 100, 2001}) {
      const std::vector<float> found = resample(std::vector<float>(size, -1.37F), ratio);
      EXPECT_THAT(found, Each(-1.37F)) << rate;
      // The last one is not after the last of the signal, and the next one would be.
      const double last = static_cast<double>(size - 1) / rate;
      EXPECT_LE(static_cast<double>(found.size() - 1) / 360, last + 1e-9) << rate;
      EXPECT_GT(static_cast<double>(found.size()) / 360, last) << rate;
    }
    EXPECT_TRUE(resample({}, ratio).empty());
  }
}

TEST(Resample, StaysAtTheFirstAndTheLastValue) {
  // The same as with the ends drawn on by hand.
  Random random(2);
  std::vector<float> signal(500);
  for (float& x : signal) x = static_cast<float>(random.normal());
  std::vector<float> longer(250, signal.front());
  longer.insert(longer.end(), signal.begin(), signal.end());
  longer.insert(longer.end(), 250, signal.back());
  const RateRatio ratio = rate_ratio(250, 360);
  const std::vector<float> found = resample(signal, ratio), whole = resample(longer, ratio);
  ASSERT_EQ(found.size(), 719u);
  for (std::size_t k = 0; k < found.size(); ++k) ASSERT_EQ(found[k], whole[360 + k]) << k;
}

TEST(Resample, GivesTheSameBitsAtAnyNumberOfThreads) {
  Random random(3);
  std::vector<float> signal(200'000);
  for (float& x : signal) x = static_cast<float>(random.normal());
  signal[1000] = signal[1001] = std::numeric_limits<float>::quiet_NaN();
  const RateRatio ratio = rate_ratio(257, 360);
  const ThreadCount one(1);
  const std::vector<float> alone = resample(signal, ratio);
  for (const int threads : {2, 3, 8}) {
    const ThreadCount several(threads);
    const std::vector<float> found = resample(signal, ratio);
    ASSERT_EQ(found.size(), alone.size());
    // As bytes: NaN is no equal of itself.
    EXPECT_EQ(std::memcmp(found.data(), alone.data(), found.size() * sizeof(float)), 0) << threads;
  }
}

TEST(Resample, LeavesASignalAtItsRateAlone) {
  const std::vector<float> signal = {1, -2, 3.5F};
  EXPECT_EQ(resample(signal, rate_ratio(360, 360)), signal);
}

std::vector<std::size_t> unmeasured_of(const std::vector<float>& signal) {
  std::vector<std::size_t> found;
  for (std::size_t k = 0; k < signal.size(); ++k) {
    if (std::isnan(signal[k])) found.push_back(k);
  }
  return found;
}

TEST(Resample, KeepsWhatWasNotMeasured) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  for (const double rate : {128.0, 250.0, 257.0, 500.0, 1000.0}) {
    const RateRatio ratio = rate_ratio(rate, 360);
    std::vector<float> signal(2000, 0.25F);
    for (const std::size_t i : {0, 1, 500, 501, 502, 503, 504, 1200, 1998, 1999}) signal[i] = nan;
    const std::vector<float> found = resample(signal, ratio);
    std::vector<std::size_t> expected;
    for (std::size_t k = 0; k < found.size(); ++k) {
      const auto nearest = std::min<std::int64_t>(ratio.back(static_cast<std::int64_t>(k)), 1999);
      if (std::isnan(signal[static_cast<std::size_t>(nearest)])) expected.push_back(k);
    }
    EXPECT_EQ(unmeasured_of(found), expected) << rate;
    // The rest is as if nothing had been missing.
    for (const float y : found) {
      if (!std::isnan(y)) {
        ASSERT_EQ(y, 0.25F) << rate;
      }
    }
  }
  EXPECT_EQ(unmeasured_of(resample({nan, nan, nan}, rate_ratio(180, 360))).size(), 5u);
}

// A gap of 0.2 s, which is bridged, stays one: no more than 72 samples.
TEST(Resample, MakesGapsNoLonger) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  for (const double rate : {100.0, 128.0, 250.0, 257.0, 333.0, 500.0, 1000.0}) {
    const auto longest = static_cast<std::int64_t>(rate / 5);
    for (std::int64_t begin = 1000; begin < 1040; ++begin) {
      std::vector<float> signal(3000);
      std::fill_n(signal.begin() + begin, longest, nan);
      ASSERT_LE(unmeasured_of(resample(signal, rate_ratio(rate, 360))).size(), 72u) << rate;
      std::fill_n(signal.begin() + begin, longest + 1 + static_cast<std::int64_t>(rate / 360 + 1),
                  nan);
      ASSERT_GT(unmeasured_of(resample(signal, rate_ratio(rate, 360))).size(), 72u) << rate;
    }
  }
}

}  // namespace
}  // namespace ekgine
