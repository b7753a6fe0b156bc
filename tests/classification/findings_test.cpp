#include "classification/findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/classification/recordings.h"

namespace ekgine {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::recording_of_letters;

TEST(Findings, CountBeatsAndReadableTime) {
  LabelledRecording recording = recording_of_letters("NNSVFQN.N");
  const Findings findings = find_findings(recording);
  EXPECT_EQ(findings.beats, (BeatCounts{4, 1, 1, 1, 1}));
  EXPECT_DOUBLE_EQ(findings.duration_s, 8.0);
  EXPECT_DOUBLE_EQ(findings.readable_s, 7.2);
  ASSERT_EQ(findings.hours.size(), 1u);
  EXPECT_EQ(findings.hours[0].beats, findings.beats);
  EXPECT_DOUBLE_EQ(findings.hours[0].readable_s, 7.2);
}

TEST(Findings, OfNothingAreNone) {
  for (const char* letters : {"", ".", "...."}) {
    const Findings findings = find_findings(recording_of_letters(letters));
    EXPECT_EQ(findings.beats, BeatCounts{}) << letters;
    EXPECT_FALSE(findings.rate.mean || findings.rate.lowest || findings.rate.highest) << letters;
    EXPECT_THAT(findings.rhythms, IsEmpty()) << letters;
    EXPECT_EQ(findings.hours.size(), 1u) << letters;
  }
  EXPECT_FALSE(find_findings(recording_of_letters("N")).rate.mean);
  LabelledRecording no_samples;
  no_samples.frequency = 250;
  EXPECT_THAT(find_findings(no_samples).hours, IsEmpty());
}

TEST(Findings, TellSinglesCoupletsAndRuns) {
  const Findings findings = find_findings(recording_of_letters("VNVVNVVVNSSSSNVVVVSNVV.V", 0.5));
  EXPECT_THAT(findings.ventricular.singles, ElementsAre(0, 22));
  EXPECT_THAT(findings.ventricular.couplets, ElementsAre(2, 20));
  ASSERT_EQ(findings.ventricular.runs.size(), 2u);
  EXPECT_EQ(findings.ventricular.runs[0].first_beat, 5);
  EXPECT_EQ(findings.ventricular.runs[0].beats, 3);
  EXPECT_DOUBLE_EQ(findings.ventricular.runs[0].rate, 120);
  EXPECT_EQ(findings.ventricular.longest, 1u);
  EXPECT_EQ(findings.ventricular.fastest, 0u);  // the first of equals
  EXPECT_THAT(findings.supraventricular.singles, ElementsAre(18));
  ASSERT_EQ(findings.supraventricular.runs.size(), 1u);
  EXPECT_EQ(findings.supraventricular.runs[0].beats, 4);
}

TEST(Findings, FindTheFastestRun) {
  LabelledRecording recording = recording_of_letters("NVVVVNVVVN", 0.5);
  recording.beats[7].sample -= 50;  // and the run is 100 samples shorter by its last beat
  recording.beats[8].sample -= 100;
  const Findings findings = find_findings(recording);
  EXPECT_EQ(findings.ventricular.longest, 0u);
  EXPECT_EQ(findings.ventricular.fastest, 1u);
  EXPECT_DOUBLE_EQ(findings.ventricular.runs[1].rate, 60 * 2 / 0.6);
}

TEST(Findings, HaveTheRateOfEightIntervalsInARow) {
  // Eight intervals of 0.5 s after nine of 1 s: "in a row" mixes them elsewhere.
  LabelledRecording recording = recording_of_letters(std::string(18, 'N'), 1);
  for (std::size_t b = 10; b < 18; ++b) {
    recording.beats[b].sample = recording.beats[9].sample + 125 * static_cast<int>(b - 9);
  }
  HeartRate rate = find_findings(recording).rate;
  EXPECT_DOUBLE_EQ(rate.mean.value(), 60 * 17 / 13.0);
  EXPECT_DOUBLE_EQ(rate.lowest.value().rate, 60);
  EXPECT_EQ(rate.lowest->first_beat, 0);
  EXPECT_DOUBLE_EQ(rate.highest.value().rate, 120);
  EXPECT_EQ(rate.highest->first_beat, 9);
  // An unreadable stretch leaves no eight in a row on either side.
  recording.unreadable = {{recording.beats[7].sample + 10, recording.beats[7].sample + 20},
                          {recording.beats[12].sample + 10, recording.beats[12].sample + 20}};
  rate = find_findings(recording).rate;
  EXPECT_TRUE(rate.mean.has_value());
  EXPECT_FALSE(rate.lowest || rate.highest);
}

TEST(Findings, CountPausesFromTwoSecondsOn) {
  LabelledRecording recording = recording_of_letters("NNNNNN", 1);
  std::int64_t at = 0, i = 0;
  for (const std::int64_t step : {250, 499, 500, 625, 750, 900}) {
    recording.beats[static_cast<std::size_t>(i++)].sample = at += step;
  }
  recording.samples = at + 1;
  Findings findings = find_findings(recording);
  ASSERT_EQ(findings.pauses.size(), 4u);
  EXPECT_EQ(findings.pauses[0].first_beat, 1);
  EXPECT_DOUBLE_EQ(findings.pauses[0].seconds, 2);
  EXPECT_EQ(count_pauses(findings, 2), 4);
  EXPECT_EQ(count_pauses(findings, 2.5), 3);
  EXPECT_EQ(count_pauses(findings, 3), 2);
  EXPECT_EQ(findings.hours[0].pauses, 4);
  // What could not be read is no pause.
  recording.unreadable = {{at - 450, at - 440}};
  EXPECT_EQ(find_findings(recording).pauses.size(), 3u);
}

TEST(Findings, GoHourByHour) {
  // A beat a second for 2 h 10 s: one before 1:00:00 is of the first hour.
  std::string letters(7209, 'N');
  for (const std::size_t v : {10u, 11u, 3600u, 7206u, 7207u, 7208u}) letters[v] = 'V';
  const LabelledRecording recording = recording_of_letters(letters, 1, 128);
  const Findings findings = find_findings(recording);
  ASSERT_EQ(findings.hours.size(), 3u);
  EXPECT_EQ(findings.hours[0].beats, (BeatCounts{3597, 0, 2, 0, 0}));
  EXPECT_EQ(findings.hours[0].couplets_v, 1);
  EXPECT_EQ(findings.hours[1].beats, (BeatCounts{3599, 0, 1, 0, 0}));
  EXPECT_EQ(findings.hours[2].beats, (BeatCounts{7, 0, 3, 0, 0}));
  EXPECT_EQ(findings.hours[2].runs_v, 1);
  EXPECT_DOUBLE_EQ(findings.hours[2].readable_s, 10);
  EXPECT_DOUBLE_EQ(findings.hours[1].rate.mean.value(), 60);
  EXPECT_TRUE(findings.hours[2].rate.lowest.has_value());
}

TEST(Findings, TotalTheRhythms) {
  const Findings findings = find_findings(recording_of_letters("NVNVNVNNNVNVNVNVN", 0.8));
  const RhythmTotal total = rhythm_total(findings, Rhythm::bigeminy, 250);
  EXPECT_EQ(total.stretches, 2);
  EXPECT_DOUBLE_EQ(total.seconds, 14 * 0.8);
  EXPECT_DOUBLE_EQ(total.longest_s, 8 * 0.8);
  EXPECT_EQ(rhythm_total(findings, Rhythm::trigeminy, 250).stretches, 0);
}

TEST(Findings, AreJson) {
  const LabelledRecording recording = recording_of_letters("NVNVNVNNVVVN", 0.5);
  const auto json = findings_json(recording, find_findings(recording));
  EXPECT_EQ(json.at("beats").at("V"), 6);
  EXPECT_EQ(json.at("ventricular").at("singles"), 3);
  EXPECT_EQ(json.at("ventricular").at("longest_run").at("beats"), 3);
  EXPECT_EQ(json.at("ventricular").at("longest_run").at("at"), 4.5);
  EXPECT_EQ(json.at("rhythms").at(0).at("rhythm"), "(B");
  EXPECT_EQ(json.at("rhythms").at(2).at("rhythm"), "(VT");
  EXPECT_EQ(json.at("hours").size(), 1u);
  const auto none =
      findings_json(recording_of_letters(""), find_findings(recording_of_letters("")));
  EXPECT_TRUE(none.at("heart_rate").at("mean").is_null());
  EXPECT_TRUE(none.at("pauses").is_array());
  EXPECT_TRUE(none.at("ventricular").at("longest_run").is_null());
}

}  // namespace
}  // namespace ekgine
