#include "data/beat_unit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <span>

#include "tests/support/beats.h"
#include "tests/support/expect_error.h"

namespace ekgine {
namespace {

using testing::random_beats;

double median_of(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t n = values.size();
  return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

// By the definition, sorted and in double.
std::vector<double> expected_beats(const RecordBeats& record, BeatUnit unit) {
  std::vector<double> sizes, result;
  for (std::int64_t i = 0; i < record.size(); ++i) {
    const auto [low, high] = std::ranges::minmax(record.beat(i));
    sizes.push_back(static_cast<double>(high) - static_cast<double>(low));
  }
  const double size = unit == BeatUnit::centred ? 1 : median_of(sizes);
  for (std::int64_t i = 0; i < record.size(); ++i) {
    const std::vector<double> beat(record.beat(i).begin(), record.beat(i).end());
    const double offset = median_of(beat);
    for (const double x : beat) result.push_back((x - offset) / size);
  }
  for (std::int64_t t = 0; t < beat_samples && unit == BeatUnit::deviation; ++t) {
    std::vector<double> column;
    const auto at = [&](std::int64_t i) -> double& {
      return result[static_cast<std::size_t>(i * beat_samples + t)];
    };
    for (std::int64_t i = 0; i < record.size(); ++i) column.push_back(at(i));
    for (std::int64_t i = 0; i < record.size(); ++i) at(i) -= median_of(column);
  }
  return result;
}

TEST(BeatUnit, IsWhatItsDefinitionSays) {
  for (const BeatUnit unit : {BeatUnit::centred, BeatUnit::record, BeatUnit::deviation}) {
    for (const std::int64_t n : {1, 2, 3, 8, 31}) {  // even and odd
      for (const double offset : {0.0, -40.0}) {
        RecordBeats record = random_beats("r", n, 5, offset);
        const std::vector<double> expected = expected_beats(record, unit);
        measure_in(unit, record);
        EXPECT_EQ(record.unit, unit);
        for (std::size_t i = 0; i < expected.size(); ++i) {
          ASSERT_NEAR(record.beats[i], expected[i], 4e-6) << n << " beats, value " << i;
        }
      }
    }
  }
}

TEST(BeatUnit, TellsWhatADeviationIsFrom) {
  RecordBeats deviation = random_beats("r", 8, 5), plain = deviation;
  measure_in(BeatUnit::deviation, deviation);
  measure_in(BeatUnit::record, plain);
  EXPECT_TRUE(plain.typical.empty());
  ASSERT_EQ(std::ssize(deviation.typical), beat_samples);
  for (std::size_t i = 0; i < plain.beats.size(); ++i) {
    ASSERT_EQ(deviation.beats[i], plain.beats[i] - deviation.typical[i % beat_samples]) << i;
  }
}

TEST(BeatUnit, OfARecordIsFreeOfGainAndOffset) {
  RecordBeats plain = random_beats("r", 12, 9), scaled = plain;
  for (std::int64_t i = 0; i < scaled.size(); ++i) {
    for (std::int64_t t = 0; t < beat_samples; ++t) {
      float& x = scaled.beats[static_cast<std::size_t>(i * beat_samples + t)];
      x = 8 * x + static_cast<float>(i);  // an offset that wanders
    }
  }
  measure_in(BeatUnit::record, plain);
  measure_in(BeatUnit::record, scaled);
  for (std::size_t i = 0; i < plain.beats.size(); ++i) {
    ASSERT_NEAR(plain.beats[i], scaled.beats[i], 2e-6) << i;
  }
}

TEST(BeatUnit, KeepsHowLargeABeatIsBesideOthers) {
  RecordBeats record = random_beats("r", 9, 2);
  for (std::int64_t t = 0; t < beat_samples; ++t) {
    record.beats[static_cast<std::size_t>(4 * beat_samples + t)] *= 3;
  }
  measure_in(BeatUnit::record, record);
  const auto size = [&](std::int64_t i) {
    const auto [low, high] = std::ranges::minmax(record.beat(i));
    return high - low;
  };
  EXPECT_GT(size(4), 2);
  for (const std::int64_t i : {0, 3, 8}) EXPECT_NEAR(size(i), 1, 0.3) << i;
}

// What most of the beats look like is nothing; what one of them has besides is all that is left.
TEST(BeatUnit, OfADeviationIsWhatOthersDoNotHave) {
  RecordBeats record = random_beats("r", 9, 2);
  for (std::int64_t i = 1; i < record.size(); ++i) {
    std::copy_n(record.beats.begin(), beat_samples, record.beats.begin() + i * beat_samples);
  }
  for (std::int64_t t = 20; t < 30; ++t) {
    record.beats[static_cast<std::size_t>(4 * beat_samples + t)] = 0.5F;
  }
  measure_in(BeatUnit::deviation, record);
  for (std::int64_t i = 0; i < record.size(); ++i) {
    if (i == 4) continue;
    for (const float x : record.beat(i)) EXPECT_NEAR(x, 0, 1e-6) << i;
  }
  EXPECT_GT(std::ranges::max(record.beat(4)) - std::ranges::min(record.beat(4)), 0.01);
}

TEST(BeatUnit, MillivoltsStayAsTheyAre) {
  RecordBeats record = random_beats("r", 3, 4, 1);
  const std::vector<float> before = record.beats;
  measure_in(BeatUnit::millivolts, record);
  EXPECT_EQ(record.beats, before);
  EXPECT_EQ(record.unit, BeatUnit::millivolts);
}

TEST(BeatUnit, IsGivenToMillivoltsOnly) {
  RecordBeats record = random_beats("r7", 3, 4);
  measure_in(BeatUnit::centred, record);
  const std::vector<float> before = record.beats;
  for (const BeatUnit unit : {BeatUnit::centred, BeatUnit::record, BeatUnit::millivolts}) {
    EXPECT_ERROR(measure_in(unit, record),
                 "record r7: the beats' amplitude is centred already, expected mV");
  }
  EXPECT_EQ(record.beats, before);
  EXPECT_EQ(record.unit, BeatUnit::centred);
}

TEST(BeatUnit, IsKnownOfNoBeatsToo) {
  RecordBeats record;
  measure_in(BeatUnit::record, record);
  EXPECT_EQ(record.unit, BeatUnit::record);
}

TEST(BeatUnit, NeedsBeatsThatAreNotFlat) {
  RecordBeats record = random_beats("r7", 3, 4);
  std::ranges::fill(record.beats, 0.25F);
  EXPECT_ERROR(measure_in(BeatUnit::record, record),
               "record r7: its beats are flat, so nothing measures them");
  EXPECT_EQ(record.unit, BeatUnit::millivolts);
  measure_in(BeatUnit::centred, record);
  EXPECT_EQ(record.beats, std::vector<float>(record.beats.size(), 0));
}

TEST(BeatUnit, OfFeaturesPutsThemInThePlaceOfSamples) {
  RecordBeats record = testing::random_beats("r", 3, 1);
  RecordBeats without = record;
  record.features.assign(3 * beat_features, 0.5F);
  record.features[beat_features] = 2;
  measure_in(BeatUnit::features, record);
  EXPECT_EQ(record.unit, BeatUnit::features);
  EXPECT_EQ(record.beat(1).size(), static_cast<std::size_t>(beat_features));
  EXPECT_EQ(record.beat(1).front(), 2);
  EXPECT_EQ(record.beat(2).back(), 0.5F);
  EXPECT_ERROR(measure_in(BeatUnit::features, without),
               "record r: has no features: its store is an older one (run preprocess again)");
}

TEST(BeatUnit, OfWavesPutsThemBehindTheFeatures) {
  RecordBeats record = testing::random_beats("r", 3, 1);
  testing::add_features(record, 1);
  const RecordBeats before = record;
  RecordBeats without = record;
  without.waves = {};
  measure_in(BeatUnit::waves, record);
  EXPECT_EQ(record.unit, BeatUnit::waves);
  ASSERT_EQ(record.beats.size(), 3U * 240);
  for (std::int64_t beat = 0; beat < 3; ++beat) {
    const std::span<const float> row = record.beat(beat);
    const auto own = std::span(before.features).subspan(static_cast<std::size_t>(beat * 48), 48);
    EXPECT_TRUE(std::ranges::equal(row.first(48), own));
    EXPECT_TRUE(std::ranges::equal(row.subspan(48, 96), before.waves.wave(beat, 0)));
    EXPECT_TRUE(std::ranges::equal(row.subspan(144), before.waves.wave(beat, 1)));
  }
  EXPECT_ERROR(measure_in(BeatUnit::waves, without),
               "record r: the waves of its beats are not known");
}

}  // namespace
}  // namespace ekgine
