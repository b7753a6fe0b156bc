#include "classification/rhythm.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "data/labels.h"
#include "data/splits.h"
#include "data/wfdb_annotations.h"
#include "data/wfdb_header.h"
#include "tests/classification/recordings.h"

namespace ekgine {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::recording_of_letters;
using enum Rhythm;

// "0N 5B": changes as the number of the beat, from 0, and the rhythm's text.
std::string changes_in(const LabelledRecording& recording) {
  std::string text;
  for (const RhythmChange& change : find_rhythms(recording)) {
    const auto beat = std::ranges::find(recording.beats, change.sample, &LabelledBeat::sample);
    text += fmt::format("{}{}{}", text.empty() ? "" : " ", beat - recording.beats.begin(),
                        rhythm_text(change.rhythm) + 1);
  }
  return text;
}

std::string changes_in(std::string_view letters, double interval = 0.8) {
  return changes_in(recording_of_letters(letters, interval));
}

// Intervals of 0.8 s give or take up to `spread` seconds, all alike.
LabelledRecording irregular_recording(int beats, double spread, char letter = 'N') {
  LabelledRecording recording =
      recording_of_letters(std::string(static_cast<std::size_t>(beats), letter));
  std::mt19937 random(7);
  std::uniform_real_distribution<double> more(-spread, spread);
  std::int64_t at = 0;
  for (LabelledBeat& beat : recording.beats) {
    at += std::llround((0.8 + more(random)) * recording.frequency);
    beat.sample = at;
  }
  recording.samples = at + 1;
  return recording;
}

TEST(Rhythm, HasTheTextsOfWfdb) {
  EXPECT_STREQ(rhythm_text(normal), "(N");
  EXPECT_STREQ(rhythm_text(bigeminy), "(B");
  EXPECT_STREQ(rhythm_text(trigeminy), "(T");
  EXPECT_STREQ(rhythm_text(ventricular_tachycardia), "(VT");
  EXPECT_STREQ(rhythm_text(irregular), "(AFIB");
  EXPECT_STREQ(rhythm_description(irregular), "irregular, possibly AF");
}

TEST(FindRhythms, BeginsAtTheFirstBeatAndNeedsOne) {
  EXPECT_THAT(find_rhythms(recording_of_letters("")), IsEmpty());
  EXPECT_THAT(find_rhythms(recording_of_letters(" Q")), ElementsAre(RhythmChange{400, normal}));
  EXPECT_EQ(changes_in(std::string(500, 'N')), "0N");
}

TEST(FindRhythms, CallsThreeCyclesBigeminy) {
  EXPECT_EQ(changes_in("NNVNVNN"), "0N");
  EXPECT_EQ(changes_in("NNVNVNVNN"), "0N 1B 7N");
  EXPECT_EQ(changes_in("NVNVNV"), "0B");
  EXPECT_EQ(changes_in("NSNSNSNS"), "0N");
  EXPECT_EQ(changes_in("NVNV NV") + changes_in("NVNV.NV"), "0B0N 4N");
}

TEST(FindRhythms, CallsThreeCyclesTrigeminy) {
  EXPECT_EQ(changes_in("NNVNNVN"), "0N");
  EXPECT_EQ(changes_in("NNNNVNNVNNVNN"), "0N 2T 11N");
  EXPECT_EQ(changes_in("NNVNNVNNVNVNVNV"), "0T 7B");  // where either may be told, bigeminy is
}

TEST(FindRhythms, CallsThreeVAbove100ATachycardia) {
  EXPECT_EQ(changes_in("NVVN", 0.5), "0N");
  EXPECT_EQ(changes_in("NVVVN", 0.5), "0N 1VT 4N");
  EXPECT_EQ(changes_in("NVVVN", 0.6), "0N");  // 100/min, not more
  EXPECT_EQ(changes_in("NVVVN", 0.596), "0N 1VT 4N");
  EXPECT_EQ(changes_in("NVV.VN", 0.5), "0N 3N");
  EXPECT_EQ(changes_in("VVVVVVV", 0.4), "0VT");
  EXPECT_EQ(changes_in("SSSSSSS", 0.4), "0N");
}

TEST(FindRhythms, ChangesAfterEveryUnreadableStretch) {
  EXPECT_EQ(changes_in("NNN.NN..N"), "0N 3N 5N");
  EXPECT_EQ(changes_in(".NVNVNV.NVNVNV"), "0B 6B");
}

TEST(FindRhythms, CallsIntervalsWithoutOrderIrregular) {
  EXPECT_EQ(changes_in(irregular_recording(300, 0.03)), "0N");
  EXPECT_EQ(changes_in(irregular_recording(300, 0.25)), "0AFIB");
  EXPECT_EQ(changes_in(irregular_recording(300, 0.25, 'S')), "0AFIB");
  EXPECT_EQ(changes_in(irregular_recording(300, 0.25, 'Q')), "0N");
  // Fewer intervals than a window has, or less than 30 s.
  EXPECT_EQ(changes_in(irregular_recording(30, 0.25)), "0N");
  LabelledRecording fast = irregular_recording(50, 0.25);
  fast.frequency *= 2;
  EXPECT_EQ(changes_in(fast), "0N");
}

TEST(FindRhythms, KeepsTachycardiaWithinIrregularity) {
  LabelledRecording recording = irregular_recording(300, 0.25);
  for (const std::size_t b : {150u, 151u, 152u}) {
    recording.beats[b].label = 2;
    recording.beats[b].sample =
        recording.beats[149].sample + 100 * (static_cast<std::int64_t>(b) - 149);
  }
  EXPECT_EQ(changes_in(recording), "0AFIB 150VT 153AFIB");
}

TEST(FindRhythms, TakesIntervalsOfNoLength) {
  LabelledRecording recording = recording_of_letters(std::string(100, 'V'));
  for (LabelledBeat& beat : recording.beats) beat.sample = 10;
  EXPECT_EQ(changes_in(recording), "0VT");
  for (LabelledBeat& beat : recording.beats) beat.label = 0;
  EXPECT_EQ(changes_in(recording), "0N");
}

TEST(RhythmStretches, EndAtTheNextChangeAtUnreadableSamplesOrWithTheRecording) {
  LabelledRecording recording = recording_of_letters("NNVNVNVN.NN");
  recording.unreadable.insert(recording.unreadable.begin(), {0, 10});
  const std::vector<RhythmStretch> stretches = rhythm_stretches(recording);
  ASSERT_EQ(stretches.size(), 4u);
  EXPECT_EQ(stretches[1].rhythm, bigeminy);
  EXPECT_EQ(stretches[1].samples, (Stretch{400, 1600}));
  EXPECT_EQ(stretches[1].first_beat, 1);
  EXPECT_EQ(stretches[1].beats, 6);
  EXPECT_EQ(stretches[2].samples, (Stretch{1600, 1700}));
  EXPECT_EQ(stretches[3].samples, (Stretch{2000, recording.samples}));
}

// By hand: of 0.8, 0.995, 0.8, 0.995, 0.8 four intervals have one after them, so there are six
// pairs, of which two agree, and go on alike. Five match where r is 200 ms, and then all six do.
TEST(SampleEntropyCoefficient, IsThatOfItsFormula) {
  const std::vector<double> alternating = {0.8, 0.995, 0.8, 0.995, 0.8};
  EXPECT_NEAR(sample_entropy_coefficient(alternating), std::log(0.4) - std::log(0.878), 1e-12);
  const std::vector<double> steady(30, 0.5);
  EXPECT_NEAR(sample_entropy_coefficient(steady), std::log(0.06) - std::log(0.5), 1e-12);
}

// ---- Over real records, from the beats of their annotations.

namespace fs = std::filesystem;

struct ByTime {
  double found = 0, missed = 0, wrong = 0, rejected = 0;  // seconds
  double sensitivity() const { return found / (found + missed); }
  double specificity() const { return rejected / (rejected + wrong); }
};

// Adds how the seconds of a record are told: in atrial fibrillation, or in none. Flutter, which may
// be either by its intervals, is left out.
void add_record(const fs::path& header_path, ByTime& sum) {
  const WfdbHeader header = read_wfdb_header(header_path);
  fs::path annotations = header_path;
  annotations.replace_extension(".atr");
  LabelledRecording recording;
  recording.frequency = header.sampling_frequency;
  recording.samples = header.samples.value();
  struct Told {
    std::int64_t sample;
    std::string rhythm;
  };
  std::vector<Told> told = {{0, ""}};
  for (const WfdbAnnotation& a : read_wfdb_annotations(annotations, recording.frequency)) {
    const std::int32_t label = label_map("reference").label(a.symbol);
    if (label >= 0) recording.beats.push_back({a.sample, label, {}});
    if (a.symbol == '+') told.push_back({a.sample, a.aux.substr(0, a.aux.find('\0'))});
  }
  told.push_back({recording.samples, ""});
  std::vector<bool> irregular_at(static_cast<std::size_t>(recording.samples));
  for (const RhythmStretch& stretch : rhythm_stretches(recording)) {
    if (stretch.rhythm != irregular) continue;
    std::fill(irregular_at.begin() + stretch.samples.begin,
              irregular_at.begin() + stretch.samples.end, true);
  }
  for (std::size_t t = 0; t + 1 < told.size(); ++t) {
    if (told[t].rhythm == "(AFL") continue;
    const auto begin = irregular_at.begin() + told[t].sample,
               end = irregular_at.begin() + told[t + 1].sample;
    const auto yes = static_cast<double>(std::count(begin, end, true)) / recording.frequency;
    const auto no = static_cast<double>(std::count(begin, end, false)) / recording.frequency;
    const bool fibrillation = told[t].rhythm == "(AFIB";
    (fibrillation ? sum.found : sum.wrong) += yes;
    (fibrillation ? sum.missed : sum.rejected) += no;
  }
}

void print(const char* of, const ByTime& sum) {
  fmt::print(
      "{}: {:.1f} min of AF, sensitivity {:.1f} %; {:.1f} min without, specificity {:.1f} %\n", of,
      (sum.found + sum.missed) / 60, 100 * sum.sensitivity(), (sum.wrong + sum.rejected) / 60,
      100 * sum.specificity());
}

// docs/findings.md has these figures.
TEST(RhythmDatabase, IrregularityFindsTheFibrillationOfMitBih) {
  const char* const database = std::getenv("EKGINE_DATABASE");
  if (database == nullptr) GTEST_SKIP() << "the variable EKGINE_DATABASE is not set";
  const Split split = read_split(fs::path(EKGINE_SOURCE_DIR) / "data/splits/ds1ds2.json");
  const auto over = [&](const std::vector<std::string>& records) {
    ByTime sum;
    for (const std::string& name : records) add_record(fs::path(database) / (name + ".hea"), sum);
    return sum;
  };
  const ByTime chosen_on = over(split.train), test = over(split.test);
  print("DS1", chosen_on);
  print("DS2", test);
  EXPECT_GT(chosen_on.sensitivity(), 0.98);
  EXPECT_GT(chosen_on.specificity(), 0.99);
  EXPECT_GT(test.sensitivity(), 0.85);
  EXPECT_GT(test.specificity(), 0.9);
}

TEST(RhythmDatabase, IrregularityFindsTheFibrillationOfCpsc2021) {
  const char* const database = std::getenv("EKGINE_CPSC2021");
  if (database == nullptr) GTEST_SKIP() << "the variable EKGINE_CPSC2021 is not set";
  ByTime sum;
  for (const fs::directory_entry& entry : fs::directory_iterator(database)) {
    if (entry.path().extension() == ".hea") add_record(entry.path(), sum);
  }
  print("CPSC 2021", sum);
  EXPECT_GT(sum.sensitivity(), 0.8);
  EXPECT_GT(sum.specificity(), 0.9);
}

}  // namespace
}  // namespace ekgine
