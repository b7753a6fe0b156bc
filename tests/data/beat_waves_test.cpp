#include "data/beat_waves.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "tests/support/ecg.h"
#include "tests/support/thread_count.h"

namespace ekgine {
namespace {

using testing::ecg_of;
using testing::regular_beats;
using Leads = std::vector<std::vector<float>>;

// A tone in the middle of the pass-band comes through as it is, 42 samples of 1/120 s before R on.
TEST(CutWaves, CentresTheWindowOnR) {
  std::vector<float> tone(40'000);
  for (std::size_t i = 0; i < tone.size(); ++i) {
    const double seconds = static_cast<double>(i) / 360;
    tone[i] = static_cast<float>(2 * std::sin(2 * std::numbers::pi * 5 * seconds));
  }
  const std::vector<std::int64_t> beats = {20'000, 20'001, 20'200};
  const BeatWaves waves = cut_waves(Leads{tone}, beats);
  EXPECT_EQ(waves.leads, 1);
  ASSERT_EQ(waves.size(), 3);
  for (std::int64_t i = 0; i < 3; ++i) {
    for (std::int64_t k = 0; k < wave_samples; ++k) {
      const std::int64_t at = beats[static_cast<std::size_t>(i)] + 3 * (k - 42);
      // The tone has 4 mV from peak to peak; windows of 24 samples a period meet its peaks nearly.
      EXPECT_NEAR(waves.wave(i, 0)[static_cast<std::size_t>(k)],
                  tone[static_cast<std::size_t>(at)] / 4, 0.005)
          << "beat " << i << ", sample " << k;
      EXPECT_EQ(waves.wave(i, 1)[static_cast<std::size_t>(k)], 0) << "the lead that is not there";
    }
  }
}

TEST(CutWaves, MeasuresInTypicalBeatsOfTheLead) {
  const std::vector<std::int64_t> beats = regular_beats(40, 300);
  const std::vector<float> lead = ecg_of(12'500, beats);
  std::vector<float> quarter = lead;
  for (float& x : quarter) x = x / 4 + 7;  // on an offset
  const BeatWaves waves = cut_waves(Leads{lead, quarter}, beats);
  EXPECT_EQ(waves.leads, 2);
  std::vector<double> ranges;
  for (std::int64_t i = 0; i < waves.size(); ++i) {
    const auto [least, most] = std::ranges::minmax_element(waves.wave(i, 0));
    ranges.push_back(*most - *least);
    for (std::size_t k = 0; k < wave_samples; ++k) {
      ASSERT_NEAR(waves.wave(i, 1)[k], waves.wave(i, 0)[k], 1e-5) << i << ", " << k;
    }
  }
  std::ranges::sort(ranges);
  EXPECT_NEAR((ranges[19] + ranges[20]) / 2, 1, 1e-6);
  // Less than 0.05 mV is not made larger than that.
  std::vector<float> tiny = lead;
  for (float& x : tiny) x /= 100;
  const BeatWaves small = cut_waves(Leads{tiny}, beats);
  const auto [least, most] = std::ranges::minmax_element(small.wave(7, 0));
  EXPECT_LT(*most - *least, 0.3);
  EXPECT_GT(*most - *least, 0.1);
}

TEST(CutWaves, FillsWindowsOverTheEndsWithZeros) {
  const std::vector<std::int64_t> beats = {5, 400, 795};
  const std::vector<float> lead = ecg_of(800, beats);
  const BeatWaves waves =
      cut_waves(Leads{lead, std::vector<float>(lead.begin(), lead.begin() + 410)}, beats);
  const auto expect_zeros = [&](std::int64_t beat, std::int64_t l, std::size_t from,
                                std::size_t to) {
    const std::span<const float> wave = waves.wave(beat, l);
    for (std::size_t k = 0; k < wave_samples; ++k) {
      EXPECT_EQ(wave[k] == 0, k >= from && k < to) << "beat " << beat << ", sample " << k;
    }
  };
  expect_zeros(0, 0, 0, 41);  // 5 − 3 · 42 + 3 · 41 = 2 is the first
  expect_zeros(1, 0, 0, 0);
  expect_zeros(2, 0, 44, 96);
  expect_zeros(1, 1, 46, 96);  // a shorter second lead
  expect_zeros(2, 1, 0, 96);
}

TEST(CutWaves, ALeadWithoutElectrodesIsNotMeasured) {
  const std::vector<std::int64_t> beats = regular_beats(10, 300);
  const std::vector<float> lead = ecg_of(3500, beats);
  const BeatWaves alone = cut_waves(Leads{lead}, beats);
  for (const float level : {0.0F, -3.25F}) {
    const BeatWaves waves = cut_waves(Leads{lead, std::vector<float>(3500, level)}, beats);
    EXPECT_EQ(waves.leads, 1);
    EXPECT_EQ(waves.samples, alone.samples);
  }
  const BeatWaves flat = cut_waves(Leads{std::vector<float>(3500, 1.0F)}, beats);
  EXPECT_EQ(flat.leads, 1) << "the first lead is always one";
  for (const float x : flat.samples) EXPECT_EQ(x, 0);
  EXPECT_EQ(cut_waves(Leads{lead}, {}).samples.size(), 0u);
}

TEST(CutWaves, AreFiniteWhateverTheVoltage) {
  const std::vector<std::int64_t> beats = regular_beats(10, 300);
  std::vector<float> lead = ecg_of(3500, beats);
  lead[1000] = std::numeric_limits<float>::max();
  lead[1001] = std::numeric_limits<float>::lowest();
  for (const float x : cut_waves(Leads{lead}, beats).samples) {
    ASSERT_LE(std::abs(x), 1000) << "or it is not finite";
  }
}

// Longer than a block, at whose ends nothing is to be seen: what is cut out is the same wherever
// the recording begins.
TEST(CutWaves, AreTheSameLaterAndOnAnyNumberOfThreads) {
  const std::vector<std::int64_t> beats = regular_beats(500, 301);
  std::vector<float> lead = ecg_of(151'000, beats);
  std::vector<BeatWaves> found;
  for (const int threads : {1, 3}) {
    const testing::ThreadCount count(threads);
    found.push_back(cut_waves(Leads{lead}, beats));
  }
  EXPECT_EQ(found[0].samples, found[1].samples);
  constexpr std::int64_t later = 10'007;
  lead.insert(lead.begin(), later, lead.front());
  const BeatWaves shifted = cut_waves(Leads{lead}, regular_beats(500, 301, 200 + later));
  double worst = 0;
  // The first window begins after the recording, so that no zeros are in its place.
  for (std::size_t i = 0; i < shifted.samples.size(); ++i) {
    worst = std::max(worst, std::abs(double{shifted.samples[i]} - double{found[0].samples[i]}));
  }
  EXPECT_LT(worst, 2e-7) << "of a typical beat: the rounding of floats";
}

}  // namespace
}  // namespace ekgine
