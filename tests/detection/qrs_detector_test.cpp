#include "detection/qrs_detector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace ekgine::testing {
namespace {

using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

// Bumps of a given height and width in samples (standard deviation) on a flat line.
struct Bump {
  double at, height, width;
};

std::vector<float> signal_of(std::int64_t samples, const std::vector<Bump>& bumps, double noise = 0,
                             unsigned seed = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0, 1);
  std::vector<float> signal(static_cast<std::size_t>(samples));
  for (float& x : signal) x = noise == 0 ? 0 : static_cast<float>(noise * normal(random));
  for (const Bump& bump : bumps) {
    for (auto i = static_cast<std::int64_t>(bump.at - 6 * bump.width);
         i <= static_cast<std::int64_t>(bump.at + 6 * bump.width); ++i) {
      if (i < 0 || i >= samples) continue;
      const double z = (static_cast<double>(i) - bump.at) / bump.width;
      signal[static_cast<std::size_t>(i)] += static_cast<float>(bump.height * std::exp(-z * z / 2));
    }
  }
  return signal;
}

// A beat: R, and a slow T wave `after` samples later.
void add_beat(std::vector<Bump>& bumps, double at, double height = 1, double after = 100) {
  bumps.push_back({at, height, 4});
  bumps.push_back({at + after, 0.5 * height, after / 6});
}

struct Rhythm {
  std::vector<Bump> bumps;
  std::vector<std::int64_t> beats;
};

// Beats every `rr` samples, from 500 on.
Rhythm regular(std::int64_t samples, std::int64_t rr, double height = 1) {
  Rhythm rhythm;
  for (std::int64_t at = 500; at < samples - 500; at += rr) {
    add_beat(rhythm.bumps, static_cast<double>(at), height,
             std::min(100.0, 0.4 * static_cast<double>(rr)));
    rhythm.beats.push_back(at);
  }
  return rhythm;
}

TEST(QrsDetector, PutsBeatsOnTheirRWaves) {
  // Longer than a block, so that beats lie on and around its ends.
  for (const std::int64_t rr : {110, 150, 288, 517}) {
    const Rhythm rhythm = regular(100'000, rr);
    EXPECT_THAT(detect_beats(signal_of(100'000, rhythm.bumps, 0.02)),
                ElementsAreArray(rhythm.beats))
        << rr << " samples apart";
  }
}

TEST(QrsDetector, IsTheSameUpsideDownAndLouder) {
  const Rhythm rhythm = regular(60'000, 300);
  const std::vector<float> signal = signal_of(60'000, rhythm.bumps, 0.05);
  const std::vector<std::int64_t> beats = detect_beats(signal);
  for (const float factor : {-1.0F, 8.0F, 0.25F}) {
    std::vector<float> other = signal;
    for (float& x : other) x *= factor;
    EXPECT_EQ(detect_beats(other), beats) << "times " << factor;
  }
}

TEST(QrsDetector, FindsNothingWhereNothingIs) {
  EXPECT_THAT(detect_beats({}), IsEmpty());
  for (const std::int64_t samples : {1, 2, 43, 359, 361, 5000, 100'000}) {
    EXPECT_THAT(detect_beats(signal_of(samples, {})), IsEmpty()) << samples;
  }
  const std::vector<float> far(50'000, 123.0F);
  EXPECT_THAT(detect_beats(far), IsEmpty());
  for (const unsigned seed : {1U, 2U, 3U, 4U}) {
    EXPECT_THAT(detect_beats(signal_of(100'000, {}, 0.02, seed)), IsEmpty()) << "noise " << seed;
  }
}

TEST(QrsDetector, TakesNoTWaveForABeat) {
  Rhythm rhythm;
  for (std::int64_t at = 500; at < 29'500; at += 300) {
    rhythm.bumps.push_back({static_cast<double>(at), 1, 4});
    rhythm.bumps.push_back({static_cast<double>(at + 110), 1.2, 12});  // its energy is large
    rhythm.beats.push_back(at);
  }
  EXPECT_THAT(detect_beats(signal_of(30'000, rhythm.bumps)), ElementsAreArray(rhythm.beats));
}

TEST(QrsDetector, SearchesBackForSmallBeats) {
  Rhythm rhythm = regular(60'000, 300);
  // Every tenth is a quarter of the others: below the threshold, above half of it.
  std::vector<Bump> bumps;
  for (std::size_t i = 0; i < rhythm.beats.size(); ++i) {
    add_beat(bumps, static_cast<double>(rhythm.beats[i]), i % 10 == 5 ? 0.25 : 1);
  }
  EXPECT_THAT(detect_beats(signal_of(60'000, bumps)), ElementsAreArray(rhythm.beats));
}

TEST(QrsDetector, FollowsAPauseAndAChangeOfSize) {
  Rhythm rhythm = regular(40'000, 280);
  // Ten seconds without a beat, then beats a fifth as large.
  std::vector<std::int64_t> beats;
  std::vector<Bump> bumps;
  for (const std::int64_t at : rhythm.beats) {
    if (at > 15'000 && at < 18'600) continue;
    add_beat(bumps, static_cast<double>(at), at < 15'000 ? 2 : 0.4);
    beats.push_back(at);
  }
  EXPECT_THAT(detect_beats(signal_of(40'000, bumps)), ElementsAreArray(beats));
}

TEST(PlaceBeats, MovesMarksToTheRWave) {
  // Longer than a block; marks as far off as those of other databases.
  for (const double height : {1.0, -0.3}) {
    const Rhythm rhythm = regular(100'000, 300, height);
    const std::vector<float> signal = signal_of(100'000, rhythm.bumps, 0.01);
    std::vector<std::int64_t> marks = rhythm.beats;
    std::mt19937 random(3);
    for (std::int64_t& mark : marks) mark += static_cast<std::int64_t>(random() % 51) - 25;
    EXPECT_THAT(place_beats(signal, marks), ElementsAreArray(rhythm.beats));
  }
}

// So that beats are at the same places whoever has marked them.
TEST(PlaceBeats, LeavesWhatTheDetectorFinds) {
  for (const std::int64_t rr : {110, 288}) {
    std::vector<Bump> bumps = regular(100'000, rr).bumps;
    for (std::size_t i = 0; i < bumps.size(); i += 6) {  // with an S wave, as large
      bumps.push_back({bumps[i].at + 14, -bumps[i].height, 5});
    }
    const std::vector<float> signal = signal_of(100'000, bumps, 0.05);
    const std::vector<std::int64_t> beats = detect_beats(signal);
    ASSERT_GE(beats.size(), 300u);
    EXPECT_EQ(place_beats(signal, beats), beats) << rr << " samples apart";
  }
}

TEST(PlaceBeats, KeepsTheOrderOfMarks) {
  const Rhythm rhythm = regular(20'000, 300);
  const std::vector<float> signal = signal_of(20'000, rhythm.bumps, 0.02);
  std::vector<std::int64_t> marks;
  std::mt19937 random(4);
  for (std::int64_t at = 0; at < 20'000; at += static_cast<std::int64_t>(random() % 60)) {
    marks.push_back(at);
  }
  marks.push_back(19'999);
  marks.push_back(19'999);
  const std::vector<std::int64_t> places = place_beats(signal, marks);
  ASSERT_EQ(places.size(), marks.size());
  EXPECT_TRUE(std::ranges::is_sorted(places));
  for (std::size_t i = 0; i < marks.size(); ++i) {
    EXPECT_LE(std::abs(places[i] - marks[i]), placement_reach + 21);
    EXPECT_GE(places[i], 0);
    EXPECT_LT(places[i], 20'000);
  }
}

TEST(PlaceBeats, StaysWhereNothingIs) {
  const std::vector<std::int64_t> marks = {0, 1, 500, 999};
  EXPECT_EQ(place_beats(signal_of(1000, {}), marks), marks);
  EXPECT_EQ(place_beats(std::vector<float>(1000, -7.5F), marks), marks);
  EXPECT_THAT(place_beats(signal_of(1000, {}), {}), IsEmpty());
  EXPECT_THAT(place_beats({}, {}), IsEmpty());
}

}  // namespace
}  // namespace ekgine::testing
