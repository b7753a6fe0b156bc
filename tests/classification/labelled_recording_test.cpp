#include "classification/labelled_recording.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace ekgine {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsNan;

LabelledRecording recording_of(std::initializer_list<std::int64_t> samples) {
  LabelledRecording recording;
  recording.frequency = 250;
  recording.samples = 10'000;
  for (const std::int64_t sample : samples) {
    recording.beats.push_back({.sample = sample, .label = 0, .probabilities = {}});
  }
  return recording;
}

TEST(RrIntervals, AreSecondsBetweenBeatsAndNoneIsKnownOfTheFirst) {
  EXPECT_THAT(rr_intervals(recording_of({100, 350, 400})),
              ElementsAre(IsNan(), DoubleEq(1), DoubleEq(0.2)));
  EXPECT_THAT(rr_intervals(recording_of({})), IsEmpty());
}

TEST(RrIntervals, AreNotKnownAcrossUnreadableStretches) {
  LabelledRecording recording = recording_of({100, 350, 600, 850, 1100});
  recording.unreadable = {{0, 100}, {350, 360}, {700, 720}, {730, 740}, {1101, 10'000}};
  EXPECT_THAT(rr_intervals(recording),
              ElementsAre(IsNan(), DoubleEq(1), IsNan(), IsNan(), DoubleEq(1)));
}

}  // namespace
}  // namespace ekgine
