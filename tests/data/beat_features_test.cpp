#include "data/beat_features.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/atomic_file.h"
#include "base/json.h"
#include "data/beats.h"
#include "tests/support/ecg.h"
#include "tests/support/expect_error.h"
#include "tests/support/thread_count.h"

namespace ekgine {
namespace {

namespace fs = std::filesystem;
using testing::ecg_of;
using ::testing::ElementsAre;
using testing::Random;
using testing::regular_beats;
using Leads = std::vector<std::vector<float>>;

std::vector<std::int64_t> numbers(std::size_t n) {
  std::vector<std::int64_t> all(n);
  std::iota(all.begin(), all.end(), 0);
  return all;
}

std::vector<float> features_of(const Leads& leads, const std::vector<std::int64_t>& marks) {
  return measure_marked_beats(leads, marks, numbers(marks.size())).features;
}

float feature(const std::vector<float>& features, std::size_t beat, std::size_t column) {
  return features[beat * beat_features + column];
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = a.size() == b.size() ? 0 : std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    largest = std::max(largest, std::abs(double{a[i]} - double{b[i]}));
  }
  return largest;
}

// Two sample records against NumPy and SciPy (fixtures/make_beat_features.py). The reference
// filters whole records and rounds where float32 begins; 1e-6 is ten of a float's last digits.
TEST(BeatFeatures, AreThoseOfTheReference) {
  const fs::path source(EKGINE_SOURCE_DIR);
  const Json fixtures = parse_json(read_file(source / "tests/data/fixtures/beat_features.json"));
  for (const Json& expected : fixtures) {
    const std::string name = expected["record"].text();
    const RecordBeats record =
        read_record_beats(source / "data/samples", name, label_map("reference"));
    ASSERT_EQ(record.size(), expected["count"].get<std::int64_t>()) << name;
    EXPECT_EQ(record.waves.leads, 2);
    ASSERT_EQ(std::ssize(record.features), record.size() * beat_features);
    std::size_t row = 0;
    for (const std::size_t beat : expected["beats"].get<std::vector<std::size_t>>()) {
      for (std::size_t c = 0; c < beat_features; ++c) {
        const auto value = expected["features"][row][c].get<double>();
        EXPECT_NEAR(feature(record.features, beat, c), value, 1e-6 * std::max(1.0, std::abs(value)))
            << "record " << name << ", beat " << beat << ", column " << c;
      }
      ++row;
    }
    row = 0;
    for (const std::int64_t beat : expected["wave_beats"].get<std::vector<std::int64_t>>()) {
      for (std::size_t k = 0; k < wave_leads * wave_samples; ++k) {
        EXPECT_NEAR(
            record.waves.wave(beat, static_cast<std::int64_t>(k) / wave_samples)[k % wave_samples],
            expected["waves"][row][k].get<double>(), 1e-6)
            << "record " << name << ", beat " << beat << ", sample " << k;
      }
      ++row;
    }
  }
}

TEST(BeatIntervals, AreThoseBeforeAndAfterWithinTheirLimits) {
  const std::int64_t beats[] = {100, 460, 1180, 1190, 9000};
  const BeatIntervals intervals = beat_intervals(beats, 360);
  // The median of 1, 2, 0.03 and 21.7 s stands before the first and after the last.
  EXPECT_THAT(intervals.before, ElementsAre(1.5, 1, 2, 0.2, 3));
  EXPECT_THAT(intervals.after, ElementsAre(1, 2, 0.2, 3, 1.5));
  EXPECT_THAT(beat_intervals(std::span(beats, 2), 720).before, ElementsAre(0.5, 0.5));
  EXPECT_THAT(beat_intervals(std::span(beats, 1), 360).before, ElementsAre(0.8));
  EXPECT_THAT(beat_intervals(std::span(beats, 1), 360).after, ElementsAre(0.8));
  EXPECT_TRUE(beat_intervals({}, 360).before.empty());
}

// Beats every 0.8 s, one of them at half the interval, by hand.
TEST(BeatFeatures, TellAPrematureBeat) {
  std::vector<std::int64_t> beats = regular_beats(80, 288);
  beats[40] -= 144;
  const std::vector<float> features = features_of({ecg_of(24'000, beats)}, beats);
  const double one = std::log(0.01), half = std::log(0.5), more = std::log(1.5);
  const double local = (19 * 0.8 + 0.4 + 1.2) / 21, all = (78 * 0.8 + 0.4 + 1.2) / 80;
  const double expected[] = {half,
                             more,
                             std::log(0.4 / local),
                             std::log(1.2 / local),
                             std::log(0.4 / all),
                             std::log(1.2 / all),
                             half - more,
                             half,
                             more,
                             one,
                             one,
                             one,
                             -3,
                             -3,
                             -3,
                             0,
                             half,
                             more,
                             half,
                             more,
                             one,
                             one};
  for (std::size_t c = 0; c < std::size(expected); ++c) {
    EXPECT_NEAR(feature(features, 40, c), expected[c], 1e-6) << "column " << c;
    const bool is_log = (c >= 9 && c < 12) || c >= 20;
    EXPECT_NEAR(feature(features, 10, c),
                is_log             ? one
                : c == 4 || c == 5 ? std::log(0.8 / all)
                                   : 0,
                1e-6)
        << "of a beat far from it, column " << c;
  }
}

// The mean of a record is another's business; what a beat is beside its own record is not.
TEST(BeatFeatures, TellAWideBeatFromTheOthers) {
  const std::vector<std::int64_t> beats = regular_beats(60, 288);
  std::vector<float> lead = ecg_of(18'000, beats);
  for (int i = -60; i <= 60; ++i) {  // a wide one, upside down
    lead[static_cast<std::size_t>(beats[30] + i)] -=
        2.5F * std::exp(-static_cast<float>(i * i) / 500);
  }
  const std::vector<float> features = features_of({lead}, beats);
  for (std::size_t i = 0; i < beats.size(); ++i) {
    const float width = feature(features, i, 22 + 3), alike = feature(features, i, 22 + 5),
                distance = feature(features, i, 22 + 9);
    if (i == 30) {
      EXPECT_GT(width, 2);
      EXPECT_LT(alike, -2);
      EXPECT_GT(distance, 2);
    } else {
      EXPECT_LT(std::abs(width), 1) << i;
      EXPECT_GT(alike, -2) << i;
    }
  }
}

TEST(BeatFeatures, DoNotDependOnTheSizeOfALead) {
  std::vector<std::int64_t> beats;
  Random random(4);
  for (std::int64_t at = 300; at < 50'000; at += random.integer(200, 400)) beats.push_back(at);
  const Leads leads = {ecg_of(50'500, beats), ecg_of(50'500, beats, -0.5, 0.02, 9)};
  Leads other = leads;
  for (float& x : other[0]) x *= 4;
  for (float& x : other[1]) x *= 0.5F;
  EXPECT_EQ(features_of(leads, beats), features_of(other, beats));
  for (float& x : other[0]) x *= 0.3F;
  for (float& x : other[1]) x -= 0.7F;
  EXPECT_LT(largest_difference(features_of(leads, beats), features_of(other, beats)), 1e-3);
}

TEST(BeatFeatures, AreTheSameLaterAndOnAnyNumberOfThreads) {
  std::vector<std::int64_t> beats;
  Random random(5);
  for (std::int64_t at = 300; at < 150'000; at += random.integer(200, 400)) beats.push_back(at);
  Leads leads = {ecg_of(150'500, beats), ecg_of(150'500, beats, -0.5, 0.02, 9)};
  std::vector<std::vector<float>> found;
  for (const int threads : {1, 3}) {
    const testing::ThreadCount count(threads);
    found.push_back(features_of(leads, beats));
  }
  EXPECT_EQ(found[0], found[1]);
  for (auto& lead : leads) lead.insert(lead.begin(), 5003, lead.front());
  for (std::int64_t& at : beats) at += 5003;
  EXPECT_LT(largest_difference(features_of(leads, beats), found[0]), 1e-4);
}

// European marks lie up to 68 ms off.
TEST(BeatFeatures, DoNotDependOnWhereTheMarkIs) {
  const std::vector<std::int64_t> beats = regular_beats(100, 290);
  const Leads leads = {ecg_of(29'500, beats)};
  const std::vector<float> expected = features_of(leads, beats);
  std::vector<std::int64_t> off = beats;
  Random random(6);
  for (std::int64_t& at : off) at += random.integer(-24, 24);
  EXPECT_EQ(features_of(leads, off), expected);
}

void expect_defined(const std::vector<float>& features, std::size_t beats,
                    const std::string& what) {
  ASSERT_EQ(features.size(), beats * beat_features) << what;
  for (std::size_t i = 0; i < features.size(); ++i) {
    ASSERT_TRUE(std::isfinite(features[i]))
        << what << ": beat " << i / beat_features << ", column " << i % beat_features;
  }
}

TEST(BeatFeatures, AreFiniteOfFewBeats) {
  for (const std::int64_t n : {0, 1, 2, 3, 4, 9, 10, 11, 29, 31, 100, 101}) {
    const std::vector<std::int64_t> beats = regular_beats(n, 300);
    const Leads leads = {ecg_of(300 * n + 500, beats), ecg_of(300 * n + 500, beats, 0.5)};
    const std::vector<float> features = features_of(leads, beats);
    expect_defined(features, beats.size(), std::to_string(n) + " beats");
    // Beats that are all alike are as regular as can be, however few.
    for (std::size_t i = 0; i < beats.size(); ++i) {
      EXPECT_NEAR(feature(features, i, 9), std::log(0.01), 1e-6);
      EXPECT_NEAR(feature(features, i, 12), 0, 1e-6);
    }
  }
}

// AF throughout, pauses of seconds, flutter: no beat is regular, or all are.
TEST(BeatFeatures, AreFiniteOfAnyRhythm) {
  Random random(7);
  for (const std::int64_t least : {5, 80, 200, 2000}) {
    std::vector<std::int64_t> beats(150);
    std::int64_t at = 300;
    for (std::int64_t& beat : beats) beat = at += random.integer(least, 4 * least);
    const Leads leads = {ecg_of(at + 300, beats, 1, 0.3), ecg_of(at + 300, beats, -1, 0.3, 8)};
    expect_defined(features_of(leads, beats), beats.size(), std::to_string(least));
  }
}

TEST(BeatFeatures, AreFiniteOfSignalsThatSayNothing) {
  const std::vector<std::int64_t> beats = regular_beats(50, 300);
  const float nan = std::nanf("");
  const std::size_t samples = 16'000;
  const std::vector<float> good = ecg_of(samples, beats), flat(samples, 0.5F), none(samples, nan);
  std::vector<float> broken = good, spike = good;
  std::fill(broken.begin() + 3000, broken.begin() + 9000, nan);
  spike[5000] = std::numeric_limits<float>::max();
  for (const Leads& leads : {Leads{flat},
                             {none},
                             {broken},
                             {spike},
                             {flat, good},
                             {good, none},
                             {none, none},
                             {broken, spike},
                             {spike, broken}}) {
    expect_defined(features_of(leads, beats), beats.size(), "leads");
  }
  // A second lead of nothing is none, whose columns are 0.
  const std::vector<float> one = features_of({good}, beats);
  EXPECT_EQ(features_of({good, none}, beats), one);
  EXPECT_EQ(features_of({good, flat}, beats), one);
  for (std::size_t i = 0; i < beats.size(); ++i) {
    for (std::size_t c = 35; c < 48; ++c) EXPECT_EQ(feature(one, i, c), 0);
    EXPECT_LT(std::abs(feature(one, i, 16)), 1e-6) << "one lead is enough for sinus rhythm";
  }
}

// Also of beats that are left out; everything else is of those that are kept.
TEST(BeatFeatures, TakeTheIntervalsOfAllBeats) {
  const std::vector<std::int64_t> beats = regular_beats(60, 288);
  const Leads leads = {ecg_of(18'000, beats)};
  std::vector<std::int64_t> kept = numbers(beats.size());
  kept.erase(kept.begin() + 20, kept.begin() + 23);
  const MeasuredBeats measured = measure_marked_beats(leads, beats, kept);
  expect_defined(measured.features, 57, "kept");
  EXPECT_EQ(measured.waves.size(), 57);
  for (std::size_t i = 0; i < kept.size(); ++i) {
    EXPECT_NEAR(feature(measured.features, i, 0), 0, 1e-6) << i;
    EXPECT_NEAR(feature(measured.features, i, 1), 0, 1e-6) << i;
  }
}

// What a training makes of a record: some of its beats, at other times. No labels, and nothing of
// the record they come from.
TEST(MeasureBeats, MeasuresAPartOfARecordAsARecord) {
  const std::vector<std::int64_t> beats = regular_beats(90, 288);
  const Leads leads = {ecg_of(27'000, beats), ecg_of(27'000, beats, 0.5, 0.02, 3)};
  const MeasuredBeats whole = measure_marked_beats(leads, beats, numbers(beats.size()));
  BeatIntervals intervals;
  for (std::size_t i = 0; i < beats.size(); ++i) {  // columns 0 and 1 give them back
    intervals.before.push_back(0.8 * std::exp(feature(whole.features, i, 0)));
    intervals.after.push_back(0.8 * std::exp(feature(whole.features, i, 1)));
  }
  EXPECT_LT(largest_difference(measure_beats(intervals, whole.waves), whole.features), 1e-5);
  BeatWaves some{.leads = 2, .samples = {}};
  const auto size = wave_leads * wave_samples;
  some.samples.assign(whole.waves.samples.begin() + 30 * size,
                      whole.waves.samples.begin() + 50 * size);
  const BeatIntervals fast = {std::vector<double>(20, 0.4), std::vector<double>(20, 0.4)};
  const std::vector<float> features = measure_beats(fast, some);
  expect_defined(features, 20, "a part");
  EXPECT_NEAR(feature(features, 5, 0), std::log(0.5), 1e-6);
  EXPECT_NEAR(feature(features, 5, 4), 0, 1e-6) << "its own mean";
}

TEST(MeasureBeats, RefusesOtherNumbersOfBeats) {
  const BeatWaves waves{.leads = 1, .samples = std::vector<float>(2 * wave_leads * wave_samples)};
  EXPECT_ERROR(measure_beats({{1}, {1}}, waves),
               "features: 1 intervals before beats and 1 after, expected those of 2 beats");
  EXPECT_ERROR(measure_beats({{1, 1}, {1}}, waves), "expected those of 2 beats");
  EXPECT_ERROR(measure_beats({{1, 1}, {1, 1}}, BeatWaves{.leads = 0, .samples = waves.samples}),
               "features: waves of 0 leads, expected 1 or 2");
}

}  // namespace
}  // namespace ekgine
