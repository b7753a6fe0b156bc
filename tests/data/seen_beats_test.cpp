#include "data/seen_beats.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/median.h"
#include "data/beat_unit.h"
#include "data/beats.h"
#include "tests/cases/random.h"
#include "tests/support/ecg.h"
#include "tests/support/expect_error.h"

namespace ekgine {
namespace {

using testing::ecg_of;
using testing::Random;

double difference(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = a.size() == b.size() ? 0 : std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    largest = std::max(largest, std::abs(double{a[i]} - double{b[i]}));
  }
  return largest;
}

// Beats that come irregularly, on two leads; from beat 60 on all is three times as large.
struct GrowingRecord {
  GrowingRecord() {
    Random random(7);
    std::int64_t at = 400;
    for (int i = 0; i < 90; ++i) {
      r_samples.push_back(at);
      at += random.integer(150, 420);
    }
    leads = {ecg_of(at + 400, r_samples), ecg_of(at + 400, r_samples, 0.6, 0.01, 2)};
    for (std::vector<float>& lead : leads) {
      for (std::int64_t i = r_samples[59] + 720; i < std::ssize(lead); ++i) {
        lead[static_cast<std::size_t>(i)] *= 3;
      }
    }
    waves = cut_waves(leads, r_samples);
    features = measure_beats(beat_intervals(r_samples, beat_frequency), waves);
  }
  SeenBeats seen(BeatUnit unit = BeatUnit::features) const {
    const std::vector<float> rows =
        unit == BeatUnit::waves ? feature_rows(features, waves) : features;
    return {{rows, unit}, waves};
  }
  // The part by itself, but for what the band-pass has of the rest.
  std::vector<float> by_itself(std::int64_t first, std::int64_t end) const {
    const std::vector<std::int64_t> part(r_samples.begin() + first, r_samples.begin() + end);
    BeatIntervals intervals = beat_intervals(part, beat_frequency);
    if (first > 0) {  // what came before is known
      const auto b = static_cast<double>(part[0] - r_samples[static_cast<std::size_t>(first - 1)]);
      intervals.before.front() =
          std::clamp(b / beat_frequency, shortest_interval, longest_interval);
      intervals.after.back() = median_of(intervals.before);
    }
    return measure_beats(intervals, cut_waves(leads, part));
  }

  std::vector<std::int64_t> r_samples;
  std::vector<std::vector<float>> leads;
  BeatWaves waves;
  std::vector<float> features;
};

// However large the beats are that come later.
TEST(SeenBeats, AreMeasuredAsARecordOfTheirOwn) {
  const GrowingRecord record;
  ASSERT_EQ(record.waves.leads, 2);
  const SeenBeats seen = record.seen();
  ASSERT_EQ(seen.size(), 90);
  for (const auto& [first, end] :
       {std::pair(0, 1), std::pair(0, 2), std::pair(0, 39), std::pair(0, 60), std::pair(0, 90),
        std::pair(1, 2), std::pair(30, 75), std::pair(61, 90)}) {
    const std::vector<float> found = seen.measure(first, end);
    EXPECT_EQ(std::ssize(found), (end - first) * beat_features);
    EXPECT_LT(difference(found, record.by_itself(first, end)), 2e-5)
        << "beats " << first << " to " << end;
  }
  // The whole is what it was; the middle of it is not.
  EXPECT_LT(difference(seen.measure(0, 90), record.features), 2e-5);
  const std::vector<float> as_whole(record.features.begin(),
                                    record.features.begin() + 60 * beat_features);
  EXPECT_GT(difference(seen.measure(0, 60), as_whole), 0.1);
}

// Of a model that takes waves as well: those that the features were measured on.
TEST(SeenBeats, AreRowsOfTheUnitThatTheyCameIn) {
  const GrowingRecord record;
  constexpr std::int64_t first = 30, end = 75, width = row_width(BeatUnit::waves);
  const std::vector<float> features = record.seen().measure(first, end);
  const std::vector<float> rows = record.seen(BeatUnit::waves).measure(first, end);
  ASSERT_EQ(std::ssize(rows), (end - first) * width);
  for (const std::int64_t lead : {0, 1}) {
    std::vector<double> ranges;
    for (std::int64_t i = 0; i < end - first; ++i) {
      const auto row = rows.begin() + i * width;
      EXPECT_TRUE(std::equal(row, row + beat_features, features.begin() + i * beat_features));
      const auto wave = row + beat_features + lead * wave_samples;
      const auto [least, most] = std::minmax_element(wave, wave + wave_samples);
      ranges.push_back(double{*most} - double{*least});
    }
    EXPECT_NEAR(median_of(ranges), 1, 1e-6);
  }
}

// To the bit, whatever comes later, and whatever is measured against it.
TEST(SeenBeats, KnowNothingOfWhatComesLater) {
  const GrowingRecord record;
  constexpr std::int64_t first = 20, end = 70;
  const std::vector<float> expected = record.seen().measure(first, end);
  const std::vector<float> from_start = record.seen().measure(0, end);
  constexpr std::int64_t wave_size = wave_leads * wave_samples;
  Random random(3);
  GrowingRecord changed = record;
  for (std::int64_t i = 0; i < changed.waves.size(); ++i) {
    for (std::int64_t c = 0; c < beat_features; ++c) {
      // Of beats that have been seen the intervals count, but for the last one's `after`; in the
      // place of the record's first `before` stands a median over all of it.
      const bool counts = i < end && (c == 0 ? i > 0 : c == 1 && i < end - 1);
      if (!counts) {
        changed.features[static_cast<std::size_t>(i * beat_features + c)] =
            static_cast<float>(100 * random.normal());
      }
    }
    if (i < end) continue;
    for (std::int64_t k = 0; k < wave_size; ++k) {
      changed.waves.samples[static_cast<std::size_t>(i * wave_size + k)] =
          static_cast<float>(1000 * random.normal());
    }
  }
  EXPECT_EQ(changed.seen().measure(first, end), expected);
  EXPECT_EQ(changed.seen().measure(0, end), from_start);
  // Whereas what has been seen counts.
  const auto differs = [&](const auto& change) {
    GrowingRecord other = record;
    change(other);
    return other.seen().measure(first, end) != expected;
  };
  for (const std::int64_t i : {first, end - 1}) {
    EXPECT_TRUE(differs([&](GrowingRecord& other) {
      other.features[static_cast<std::size_t>(i * beat_features)] += 0.5F;
    })) << "the interval before beat "
        << i;
    EXPECT_TRUE(differs([&](GrowingRecord& other) {
      other.waves.samples[static_cast<std::size_t>(i * wave_size + 50)] += 0.5F;
    })) << "the wave of beat "
        << i;
  }
  EXPECT_TRUE(differs([&](GrowingRecord& other) {
    other.features[static_cast<std::size_t>((end - 2) * beat_features + 1)] += 0.5F;
  })) << "the interval after the last but one";
}

TEST(SeenBeats, WithoutALeadThatIsFlatSoFar) {
  GrowingRecord record;
  constexpr std::int64_t flat = 60;
  BeatWaves alone = record.waves;
  alone.leads = 1;
  for (std::int64_t i = 0; i < record.waves.size(); ++i) {
    const auto second = (i * wave_leads + 1) * wave_samples;
    std::fill_n(alone.samples.begin() + second, wave_samples, 0.0F);
    if (i < flat) std::fill_n(record.waves.samples.begin() + second, wave_samples, 0.0F);
  }
  const std::vector<float> found = record.seen().measure(0, flat);
  EXPECT_EQ(found, SeenBeats({record.features, BeatUnit::features}, alone).measure(0, flat));
  EXPECT_EQ(found[rhythm_features + lead_features], 0);
  EXPECT_NE(record.seen().measure(40, 90),
            SeenBeats({record.features, BeatUnit::features}, alone).measure(40, 90));
}

// A part is not made larger than that, nor its outliers.
TEST(SeenBeats, HaveALeastAndALargestAmplitude) {
  GrowingRecord record;
  const auto measured = [&](float factor) {
    GrowingRecord scaled = record;
    for (float& x : scaled.waves.samples) x *= factor;
    return scaled.seen().measure(0, 39);
  };
  const std::vector<float> usual = measured(1);
  EXPECT_LT(difference(measured(0.5), usual), 2e-5);
  EXPECT_LT(difference(measured(20), usual), 2e-5);
  EXPECT_GT(difference(measured(0.02F), usual), 0.01);
  record.waves.samples[5 * wave_leads * wave_samples + 50] = 1e4F;
  const std::vector<float> held = measured(1);
  record.waves.samples[5 * wave_leads * wave_samples + 50] = 1e5F;
  EXPECT_EQ(measured(1), held);
  std::ranges::fill(record.waves.samples, 0.0F);
  for (const float x : measured(1)) ASSERT_TRUE(std::isfinite(x));
}

TEST(SeenBeats, RefuseOtherNumbersOfBeats) {
  const GrowingRecord record;
  EXPECT_ERROR(SeenBeats({std::span(record.features).first(89 * beat_features), BeatUnit::features},
                         record.waves),
               "features: of 89 beats, waves of 90, expected as many");
}

}  // namespace
}  // namespace ekgine
