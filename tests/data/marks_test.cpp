#include "data/marks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace ekgine {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

WfdbAnnotation mark(std::int64_t sample, char symbol) {
  WfdbAnnotation annotation;
  annotation.sample = sample;
  annotation.symbol = symbol;
  return annotation;
}

std::vector<std::pair<std::int64_t, char>> marks_of(const MovedMarks& moved) {
  std::vector<std::pair<std::int64_t, char>> marks;
  marks.reserve(moved.annotations.size());
  for (const WfdbAnnotation& annotation : moved.annotations) {
    marks.emplace_back(annotation.sample, annotation.symbol);
  }
  return marks;
}

TEST(MoveMarks, TakesTheNearestWithin150ms) {
  const std::vector<std::int64_t> positions = {146, 500, 1055, 2000};
  const std::vector<WfdbAnnotation> annotations = {mark(200, 'N'), mark(300, '+'), mark(490, 'V'),
                                                   mark(1000, 'A'), mark(3000, 'N')};
  const MovedMarks moved = move_marks(positions, annotations, label_map("reference"));
  // 54 samples are 150 ms; 55 are more.
  EXPECT_THAT(marks_of(moved),
              ElementsAre(std::pair(146, 'N'), std::pair(300, '+'), std::pair(500, 'V')));
  EXPECT_EQ(moved.missed, 2);
  EXPECT_EQ(moved.extra, 2);
}

TEST(MoveMarks, GivesAPositionToTheNearerOfTwo) {
  const std::vector<std::int64_t> positions = {500, 545};
  const std::vector<WfdbAnnotation> annotations = {mark(480, 'N'), mark(505, 'V'), mark(530, 'A')};
  // 505 takes 500; 545 is 530's; 480 has none left within 54.
  const MovedMarks moved = move_marks(positions, annotations, label_map("reference"));
  EXPECT_THAT(marks_of(moved), ElementsAre(std::pair(500, 'V'), std::pair(545, 'A')));
  EXPECT_EQ(moved.missed, 1);
  EXPECT_EQ(moved.extra, 0);
}

TEST(MoveMarks, OfNothing) {
  EXPECT_THAT(move_marks({}, {}, label_map("reference")).annotations, IsEmpty());
  const std::vector<WfdbAnnotation> beats = {mark(5, 'N'), mark(9, '~')};
  const MovedMarks moved = move_marks({}, beats, label_map("reference"));
  EXPECT_THAT(marks_of(moved), ElementsAre(std::pair(9, '~')));
  EXPECT_EQ(moved.missed, 1);
}

std::vector<float> beats_every(std::int64_t rr, std::int64_t samples) {
  std::vector<float> signal(static_cast<std::size_t>(samples));
  for (std::int64_t i = 0; i < samples; ++i) {
    const double z = (static_cast<double>(i % rr) - static_cast<double>(rr) / 2) / 4;
    signal[static_cast<std::size_t>(i)] = static_cast<float>(std::exp(-z * z / 2));
  }
  return signal;
}

TEST(DetectedPositions, BridgesShortGapsAndStopsAtLongOnes) {
  std::vector<float> signal = beats_every(300, 30'000);  // at 150, 450, ...
  const std::vector<std::int64_t> whole = detected_positions(signal);
  ASSERT_EQ(whole.size(), 100u);
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  // Around the beat at 3150, 72 samples each: as if nothing had happened. 73, and the piece between
  // them is too short to have beats.
  for (const std::int64_t gap : {72, 73}) {
    std::vector<float> parted = signal;
    for (const std::int64_t middle : {3000, 3300}) {
      std::fill_n(parted.begin() + middle - 36, gap, nan);
    }
    std::vector<std::int64_t> found = whole;
    if (gap > 72) std::erase(found, 3150);
    EXPECT_EQ(detected_positions(parted), found) << gap;
  }
  // Across five beats: these alone are lost.
  std::fill_n(signal.begin() + 12'000, 1500, nan);
  std::vector<std::int64_t> rest = whole;
  std::erase_if(rest, [](std::int64_t at) { return at >= 12'000 && at < 13'500; });
  EXPECT_EQ(rest.size(), 95u);
  EXPECT_EQ(detected_positions(signal), rest);
}

TEST(DetectedPositions, OfWhatWasNotMeasured) {
  EXPECT_THAT(detected_positions({}), IsEmpty());
  std::vector<float> signal(5000, std::numeric_limits<float>::quiet_NaN());
  EXPECT_THAT(detected_positions(signal), IsEmpty());
  signal[2500] = 1;
  EXPECT_THAT(detected_positions(signal), IsEmpty());
}

}  // namespace
}  // namespace ekgine
