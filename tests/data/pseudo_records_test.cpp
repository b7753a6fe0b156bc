#include "data/pseudo_records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "data/beat_features.h"
#include "tests/cases/random.h"

namespace ekgine {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct MadeRecord {
  RecordBeats record;
  BeatWaves waves;
};

// Beats 0.8 s apart, each S early by 0.25 s; every wave a P wave, a QRS complex and a T wave.
MadeRecord make_record(std::int64_t beats, std::int64_t every) {
  MadeRecord made;
  made.record.name = "r";
  made.record.lead = "II";
  made.waves.leads = 2;
  testing::Random random(4);
  for (std::int64_t i = 0; i < beats; ++i) {
    const bool early = every > 0 && i % every == every - 1;
    const bool wide = i % 50 == 20;
    made.record.labels.push_back(early ? 1 : wide ? 2 : 0);
    made.record.symbols.push_back(early ? 'A' : wide ? 'V' : 'N');
    made.record.r_samples.push_back(200 + 288 * i - (early || wide ? 90 : 0));
    for (std::int64_t lead = 0; lead < wave_leads; ++lead) {
      for (std::int64_t k = 0; k < wave_samples; ++k) {
        const auto bump = [k](double centre, double width, double height) {
          const double z = (static_cast<double>(k) - centre) / width;
          return height * std::exp(-z * z);
        };
        const double value = bump(20, 4, 0.2) + bump(42, wide ? 5 : 2, wide ? -1 : 1) +
                             bump(72, 7, 0.3) + 0.002 * random.normal();
        made.waves.samples.push_back(static_cast<float>(value));
      }
    }
  }
  return made;
}

std::vector<RecordBeats> pseudo_of(const MadeRecord& made, std::uint64_t seed = 1,
                                   std::uint32_t number = 0, std::int64_t least = 64) {
  return pseudo_records(made.record, made.waves, seed, number, least);
}

std::vector<std::string> names_of(const std::vector<RecordBeats>& records) {
  std::vector<std::string> names;
  names.reserve(records.size());
  for (const RecordBeats& record : records) names.push_back(record.name);
  return names;
}

double share_of(const RecordBeats& record, std::int32_t label) {
  return static_cast<double>(std::ranges::count(record.labels, label)) /
         static_cast<double>(record.size());
}

TEST(PseudoRecords, AreOfTheKindsThatTheContractNames) {
  const MadeRecord made = make_record(1500, 20);
  const std::vector<RecordBeats> found = pseudo_of(made);
  EXPECT_THAT(names_of(found),
              ElementsAre("r-dense-2", "r-dense-5", "r-majority-0.05", "r-majority-0.15",
                          "r-majority-0.4", "r-majority-0.7", "r-fibrillation"));
  for (const RecordBeats& record : found) {
    EXPECT_EQ(record.unit, BeatUnit::features);
    EXPECT_EQ(std::ssize(record.beats), record.size() * beat_features) << record.name;
    EXPECT_EQ(record.labels.size(), record.symbols.size());
    EXPECT_TRUE(std::ranges::is_sorted(record.r_samples));
    EXPECT_TRUE(std::ranges::all_of(record.beats, [](float x) { return std::isfinite(x); }));
  }
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(std::ranges::count(found[i].labels, 1), 75) << found[i].name;  // all of them
  }
  EXPECT_NEAR(share_of(found[0], 1), 1 / 3.5, 0.03);  // 1 and 1.5 others beside each
  EXPECT_NEAR(share_of(found[1], 1), 1 / 6.5, 0.02);
  EXPECT_NEAR(share_of(found[2], 1), 1 / 1.1, 0.05);
  EXPECT_NEAR(share_of(found[5], 1), 1 / 2.4, 0.05);
  EXPECT_EQ(std::ranges::count(found[6].labels, 1), 0);
  EXPECT_NEAR(static_cast<double>(found[6].size()), 570, 2);  // 600 less a twentieth
}

// The same ones, with the waves that their features were measured on.
TEST(PseudoRecords, HaveWavesWhereTheRecordHas) {
  MadeRecord made = make_record(1500, 20);
  const std::vector<RecordBeats> features = pseudo_of(made);
  made.record.unit = BeatUnit::waves;
  const std::vector<RecordBeats> found = pseudo_of(made);
  ASSERT_EQ(names_of(found), names_of(features));
  for (std::size_t r = 0; r < found.size(); ++r) {
    SCOPED_TRACE(found[r].name);
    EXPECT_EQ(found[r].unit, BeatUnit::waves);
    ASSERT_EQ(std::ssize(found[r].beats), found[r].size() * 240);
    bool some_of_record = true;
    for (std::int64_t beat = 0; beat < found[r].size(); ++beat) {
      const std::span<const float> row = found[r].beat(beat);
      ASSERT_TRUE(std::ranges::equal(row.first(48), features[r].beat(beat)));
      const auto at = std::ranges::find(made.record.r_samples,
                                        found[r].r_samples[static_cast<std::size_t>(beat)]);
      const std::int64_t source = at - made.record.r_samples.begin();
      some_of_record =
          some_of_record && std::ranges::equal(row.subspan(48, 96), made.waves.wave(source, 0));
    }
    EXPECT_EQ(some_of_record, found[r].name != "r-fibrillation");
  }
}

// Beats that are left keep their intervals, to beats that may be gone.
TEST(PseudoRecords, KeepTheIntervalsOfWhatIsLeft) {
  const MadeRecord made = make_record(1500, 20);
  for (const RecordBeats& record : pseudo_of(made)) {
    if (record.name == "r-fibrillation") continue;
    for (std::int64_t i = 0; i < record.size(); ++i) {
      if (record.labels[static_cast<std::size_t>(i)] != 1) continue;
      // Column 0 is ln(before / 0.8 s).
      ASSERT_NEAR(static_cast<double>(record.beat(i)[0]), std::log((288.0 - 90) / 360 / 0.8), 1e-5);
    }
  }
}

TEST(PseudoRecords, FibrillateIrregularly) {
  const MadeRecord made = make_record(3000, 0);
  RecordBeats found = pseudo_of(made).back();
  ASSERT_EQ(found.name, "r-fibrillation");
  std::vector<double> before;
  for (std::int64_t i = 0; i < found.size(); ++i) {
    before.push_back(0.8 * std::exp(static_cast<double>(found.beat(i)[0])));
    EXPECT_GE(before.back(), 0.299);
    EXPECT_LE(before.back(), 2.201);
  }
  double mean = 0, spread = 0, together = 0;
  for (const double x : before) mean += x / static_cast<double>(before.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    spread += (before[i] - mean) * (before[i] - mean);
    if (i > 0) together += (before[i] - mean) * (before[i - 1] - mean);
  }
  EXPECT_GT(std::sqrt(spread / static_cast<double>(before.size())) / mean, 0.1);
  EXPECT_LT(std::abs(together / spread), 0.5);  // an interval says little of the next
}

TEST(PseudoRecords, AreAFunctionOfSeedAndNumber) {
  const MadeRecord made = make_record(600, 15);
  const auto features = [&](std::uint64_t seed, std::uint32_t number) {
    std::vector<float> all;
    for (const RecordBeats& record : pseudo_of(made, seed, number)) {
      all.insert(all.end(), record.beats.begin(), record.beats.end());
    }
    return all;
  };
  EXPECT_EQ(features(3, 1), features(3, 1));
  EXPECT_NE(features(3, 1), features(4, 1));
  EXPECT_NE(features(3, 1), features(3, 2));
}

TEST(PseudoRecords, AreLeftOutWhereTheyWouldBeTooShort) {
  EXPECT_THAT(pseudo_of(make_record(100, 50)), IsEmpty());
  EXPECT_THAT(names_of(pseudo_of(make_record(200, 50))), ElementsAre("r-fibrillation"));
  EXPECT_THAT(pseudo_of(make_record(1, 0), 1, 0, 1), IsEmpty());
}

}  // namespace
}  // namespace ekgine
