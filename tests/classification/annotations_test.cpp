#include "classification/annotations.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ekgine {
namespace {

LabelledRecording recording() {
  LabelledRecording recording{
      .name = "r", .lead = "II", .frequency = 250, .samples = 5000, .beats = {}, .unreadable = {}};
  std::int64_t sample = 100;
  for (const int label : {0, 1, 2, 3, 4}) {
    LabelledBeat beat{.sample = sample, .label = label, .probabilities = {}};
    beat.probabilities.at(static_cast<std::size_t>(label)) = 0.75F;
    recording.beats.push_back(beat);
    sample += 250;
  }
  return recording;
}

std::string text_of(const std::vector<WfdbAnnotation>& annotations) {
  std::string text;
  for (const WfdbAnnotation& a : annotations) {
    text += fmt::format("{}{}{}{} ", a.sample, a.symbol, a.aux,
                        a.sub == 0 ? "" : fmt::format("/{}", a.sub));
    EXPECT_EQ(wfdb_symbol(a.code), a.symbol);
  }
  return text;
}

TEST(AnnotationsOf, HaveTheClassesAndWhatCannotBeRead) {
  LabelledRecording r = recording();
  EXPECT_EQ(text_of(annotations_of(r)), "100+(N 100N 350S 600V 850F 1100Q ");
  r.unreadable = {{0, 90}, {360, 590}, {4000, 5000}};
  EXPECT_EQ(text_of(annotations_of(r)),
            "0~/48 90~ 100+(N 100N 350S 360~/48 590~ 600+(N 600V 850F 1100Q 4000~/48 ");
  r.beats.clear();
  r.unreadable.clear();
  EXPECT_EQ(text_of(annotations_of(r)), "");
}

TEST(BeatTable, HasALineForEveryBeat) {
  LabelledRecording r = recording();
  r.unreadable = {{360, 590}};
  EXPECT_EQ(beat_table(r),
            "sample,time,label,N,S,V,F,Q,rr,rate\n"
            "100,0.400,N,0.7500,0.0000,0.0000,0.0000,0.0000,,\n"
            "350,1.400,S,0.0000,0.7500,0.0000,0.0000,0.0000,1.000,60.0\n"
            "600,2.400,V,0.0000,0.0000,0.7500,0.0000,0.0000,,\n"
            "850,3.400,F,0.0000,0.0000,0.0000,0.7500,0.0000,1.000,60.0\n"
            "1100,4.400,Q,0.0000,0.0000,0.0000,0.0000,0.7500,1.000,60.0\n");
}

}  // namespace
}  // namespace ekgine
