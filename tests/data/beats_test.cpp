#include "data/beats.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/support/ecg.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/wfdb_writer.h"

namespace ekgine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TemporaryDirectory;
using testing::TestRecord;

WfdbAnnotation annotation(std::int64_t sample, char symbol) {
  WfdbAnnotation a;
  a.sample = sample;
  a.symbol = symbol;
  return a;
}

TEST(CutBeats, KeepsWholeWindowsOnly) {
  std::vector<float> signal(1000);
  for (std::size_t i = 0; i < signal.size(); ++i) signal[i] = static_cast<float>(i) / 8;
  // Kept: 93 < p < 1000 - 93 = 907.
  const std::vector<WfdbAnnotation> annotations = {
      annotation(0, 'N'),   annotation(93, 'N'),  annotation(94, 'V'),  annotation(300, '+'),
      annotation(301, 'F'), annotation(302, 'r'), annotation(500, 'A'), annotation(906, '/'),
      annotation(907, 'N'), annotation(999, 'N')};
  const RecordBeats record = cut_beats("100", signal, annotations, label_map("reference"));
  EXPECT_EQ(record.name, "100");
  EXPECT_THAT(record.r_samples, ElementsAre(94, 301, 500, 906));
  EXPECT_THAT(record.labels, ElementsAre(2, 3, 1, 4));
  EXPECT_THAT(record.symbols, ElementsAre('V', 'F', 'A', '/'));
  ASSERT_EQ(record.beats.size(), 4u * 187);
  for (std::int64_t i = 0; i < record.size(); ++i) {
    const std::int64_t first = record.r_samples[static_cast<std::size_t>(i)] - 93;
    for (std::int64_t t = 0; t < 187; ++t) {
      EXPECT_EQ(record.beat(i)[static_cast<std::size_t>(t)], static_cast<float>(first + t) / 8);
    }
  }
}

// As the database of the reference's published results has one, at sample 93 of record 122.
TEST(CutBeats, LeavesABeatAtTheFirstSampleOutAsTheReferenceDoes) {
  const std::vector<float> signal(3000);
  const std::vector<WfdbAnnotation> annotations = {annotation(93, 'N'), annotation(150, 'N'),
                                                   annotation(2906, 'N')};
  EXPECT_THAT(cut_beats("x", signal, annotations, label_map("reference")).r_samples,
              ElementsAre(150, 2906));
}

TEST(CutBeats, LeavesOutBeatsThatTouchUnmeasuredSamples) {
  std::vector<float> signal(2000);
  const std::vector<WfdbAnnotation> annotations = {annotation(200, 'N'), annotation(500, 'N'),
                                                   annotation(800, 'V'), annotation(1100, 'N')};
  const float nan = std::numeric_limits<float>::quiet_NaN();
  signal[5] = signal[200 + 94] = signal[500 - 94] = nan;  // touch none
  RecordBeats record = cut_beats("x", signal, annotations, label_map("reference"));
  EXPECT_EQ(record.size(), 4);
  EXPECT_EQ(record.unmeasured, 0);
  signal[500 - 93] = signal[800 + 93] = nan;
  record = cut_beats("x", signal, annotations, label_map("reference"));
  EXPECT_THAT(record.r_samples, ElementsAre(200, 1100));
  EXPECT_EQ(record.unmeasured, 2);
}

TEST(CutBeats, CountsABeatOnceThatIsMarkedOnSeveralChannels) {
  const std::vector<float> signal(4000);
  const auto on = [](std::int64_t sample, char symbol, std::int8_t chan) {
    WfdbAnnotation a = annotation(sample, symbol);
    a.chan = chan;
    return a;
  };
  // At one sample; near it, also before; and one that channel 1 has alone.
  const std::vector<WfdbAnnotation> annotations = {
      on(200, 'V', 1),  on(200, 'N', 0),  on(500, 'N', 0),  on(500, 'V', 0),  on(746, 'V', 1),
      on(800, 'N', 0),  on(854, 'V', 2),  on(1100, 'N', 0), on(1155, 'V', 1), on(2000, 'F', 1),
      on(2010, 'N', 2), on(3000, 'N', 0), on(3030, 'V', 0)};
  const RecordBeats record = cut_beats("x", signal, annotations, label_map("reference"));
  EXPECT_THAT(record.r_samples, ElementsAre(200, 500, 800, 1100, 1155, 2000, 3000, 3030));
  EXPECT_EQ(std::string(record.symbols.begin(), record.symbols.end()), "NNNNVFNV");
  EXPECT_EQ(record.repeated, 5);
}

TEST(CutBeats, FindsNoneInAShortSignal) {
  const std::vector<WfdbAnnotation> annotations = {annotation(90, 'N'), annotation(93, 'N')};
  for (const std::size_t length : {0u, 1u, 94u, 187u}) {
    const std::vector<float> signal(length);
    EXPECT_EQ(cut_beats("x", signal, annotations, label_map("reference")).size(), 0) << length;
  }
  // The shortest signal with a beat: 93 samples before 94, and more than 93 after it.
  const std::vector<float> signal(188);
  EXPECT_EQ(cut_beats("x", signal, {{annotation(94, 'N')}}, label_map("reference")).size(), 1);
}

TEST(CutBeats, FollowsTheLabelMap) {
  const std::vector<float> signal(2000);
  const std::vector<WfdbAnnotation> annotations = {annotation(200, 'e'), annotation(400, 'r'),
                                                   annotation(600, '?')};
  EXPECT_THAT(cut_beats("x", signal, annotations, label_map("reference")).labels,
              ElementsAre(0, 4));
  EXPECT_THAT(cut_beats("x", signal, annotations, label_map("ec57")).labels, ElementsAre(1, 2, 4));
  EXPECT_THAT(cut_beats("x", signal, annotations, label_map("dechazal")).labels, ElementsAre(0));
}

TEST(ReadRecordBeats, CutsTheFirstSignal) {
  const TemporaryDirectory folder;
  const TestRecord written = testing::random_record("100", 5, "NVF", 1);
  write_wfdb_record(folder.path(), written);
  const RecordBeats record = read_record_beats(folder.path(), "100", label_map("reference"));
  EXPECT_EQ(record.lead, "LEAD0");
  EXPECT_THAT(record.labels, ElementsAre(0, 2, 3, 0, 2));
  for (std::int64_t i = 0; i < record.size(); ++i) {
    for (std::int64_t t = 0; t < 187; ++t) {
      const int adc = written.signals[0][static_cast<std::size_t>(150 + 300 * i - 93 + t)];
      EXPECT_EQ(record.beat(i)[static_cast<std::size_t>(t)],
                static_cast<float>((adc - 1024) / 200.0));
    }
  }
}

// A file in ticks of 1/1000 s beside a record of 360 Hz: the windows are around the same R waves.
TEST(ReadRecordBeats, FollowsTheTimesOfTheFile) {
  const TemporaryDirectory folder;
  TestRecord written = testing::random_record("100", 5, "NVF", 1);
  write_wfdb_record(folder.path(), written);
  const RecordBeats expected = read_record_beats(folder.path(), "100", label_map("reference"));
  for (testing::TestAnnotation& a : written.annotations) a.sample = (a.sample * 1000 + 180) / 360;
  testing::write_bytes(folder / "100.atr",
                       testing::annotation_note("## time resolution: 1000") +
                           testing::encode_wfdb_annotations(written.annotations));
  const RecordBeats found = read_record_beats(folder.path(), "100", label_map("reference"));
  EXPECT_EQ(found.r_samples, expected.r_samples);
  EXPECT_EQ(found.beats, expected.beats);
  // Beyond the signal in samples, although not in ticks.
  written.annotations.back().sample = 4240;
  testing::write_bytes(folder / "100.atr",
                       testing::annotation_note("## time resolution: 1000") +
                           testing::encode_wfdb_annotations(written.annotations));
  EXPECT_ERROR(read_record_beats(folder.path(), "100", label_map("reference")),
               "annotation 4 ('V') is at sample 1526, beyond the signal's 1500 samples");
}

// At 90 frames a second with four samples each, which annotations do not count.
TEST(ReadRecordBeats, TakesTimesInFrames) {
  const TemporaryDirectory folder;
  TestRecord written = testing::random_record("100", 5, "NVF", 1);
  written.signals.resize(1);
  for (testing::TestAnnotation& a : written.annotations) a.sample = a.sample / 4 * 4;
  write_wfdb_record(folder.path(), written);
  const RecordBeats expected = read_record_beats(folder.path(), "100", label_map("reference"));
  for (testing::TestAnnotation& a : written.annotations) a.sample /= 4;
  testing::write_bytes(folder / "100.atr", testing::encode_wfdb_annotations(written.annotations));
  testing::write_bytes(folder / "100.hea", "100 1 90 375\n100.dat 212x4 200 11 1024 0\n");
  const RecordBeats found = read_record_beats(folder.path(), "100", label_map("reference"));
  EXPECT_EQ(found.r_samples, expected.r_samples);
  EXPECT_EQ(found.beats, expected.beats);
}

// The same bumps, a second apart, at any rate.
TestRecord bumps(double frequency, int beats) {
  TestRecord record;
  record.format = 16;
  record.frequency = frequency;
  record.gain = 10'000;
  const auto samples = static_cast<int>(frequency * (beats + 1));
  std::vector<int> signal;
  for (int i = 0; i < samples; ++i) {
    const double time = i / frequency, z = (time - std::round(time)) / 0.015;
    const bool bump = std::round(time) > 0 && std::round(time) <= beats;
    signal.push_back(1024 + static_cast<int>(std::lround(bump ? 10'000 * std::exp(-z * z) : 0)));
  }
  record.signals = {signal};
  for (int beat = 1; beat <= beats; ++beat) {
    record.annotations.push_back({std::lround(beat * frequency), 'N'});
  }
  return record;
}

TEST(ReadRecordBeats, TakesAnyRateFrom100Hz) {
  const TemporaryDirectory folder;
  write_wfdb_record(folder.path(), bumps(360, 9));
  const RecordBeats expected = read_record_beats(folder.path(), "100", label_map("reference"));
  ASSERT_EQ(expected.size(), 9);
  for (const double frequency : {100.0, 128.0, 250.0, 257.0, 1000.0}) {
    const TestRecord record = bumps(frequency, 9);
    write_wfdb_record(folder.path(), record);
    for (const BeatMarks marks : {BeatMarks::annotated, BeatMarks::detected}) {
      const RecordBeats found =
          read_record_beats(folder.path(), "100", label_map("reference"), {.marks = marks});
      ASSERT_EQ(found.size(), 9) << frequency;
      EXPECT_EQ(found.frequency, frequency);
      for (std::size_t i = 0; i < 9; ++i) {
        EXPECT_EQ(found.r_samples[i], record.annotations[i].sample) << frequency;
      }
      // 100 Hz holds of these bumps what is below 47 Hz.
      const double tolerance = frequency < 128 ? 2e-2 : 2e-4;
      for (std::size_t i = 0; i < expected.beats.size(); ++i) {
        ASSERT_NEAR(found.beats[i], expected.beats[i], tolerance) << frequency << " Hz, " << i;
      }
    }
  }
}

TEST(ReadRecordBeats, LeavesOutWhatWasNotMeasuredAtAnyRate) {
  const TemporaryDirectory folder;
  TestRecord record = bumps(250, 9);
  record.signals[0][500] = -32'768;
  write_wfdb_record(folder.path(), record);
  const RecordBeats found = read_record_beats(folder.path(), "100", label_map("reference"));
  EXPECT_EQ(found.unmeasured, 1);
  EXPECT_THAT(found.r_samples, ElementsAre(250, 750, 1000, 1250, 1500, 1750, 2000, 2250));
}

float feature(const RecordBeats& record, std::size_t beat, std::size_t column) {
  return record.features[beat * beat_features + column];
}

// Two leads of beats every 288 samples, the first of which is too near to the beginning.
TestRecord record_of_beats() {
  TestRecord record = testing::random_record("100", 1, "N", 1);
  const std::vector<std::int64_t> beats = testing::regular_beats(30, 288, 60);
  record.annotations.clear();
  for (const std::int64_t at : beats) record.annotations.push_back({at + 12, 'N'});
  record.signals.clear();
  for (const double height : {1.0, -0.5}) {
    std::vector<int>& signal = record.signals.emplace_back();
    for (const float x : testing::ecg_of(8800, beats, height)) {
      signal.push_back(1024 + static_cast<int>(std::lround(200 * x)));
    }
  }
  return record;
}

TEST(ReadRecordBeats, MeasuresFeaturesOfBothLeadsAndAllBeats) {
  const TemporaryDirectory folder;
  TestRecord written = record_of_beats();
  write_wfdb_record(folder.path(), written);
  const auto read = [&](const BeatOptions& options = {}) {
    return read_record_beats(folder.path(), "100", label_map("reference"), options);
  };
  const RecordBeats found = read();
  ASSERT_EQ(found.size(), 29);
  EXPECT_EQ(found.r_samples.front(), 60 + 288 + 12) << "beats are cut where they are marked";
  ASSERT_EQ(found.features.size(), 29u * 48);
  EXPECT_EQ(found.waves.leads, 2);
  ASSERT_EQ(found.waves.size(), 29);
  for (std::size_t i = 0; i < 29; ++i) {
    EXPECT_NEAR(feature(found, i, 0), 0, 1e-6) << "also after the beat that is left out";
    EXPECT_GT(found.waves.wave(static_cast<std::int64_t>(i), 0)[42], 0.7) << "R is where it is";
    EXPECT_LT(found.waves.wave(static_cast<std::int64_t>(i), 1)[42], -0.7);
  }
  // Marks of anybody: the same beats, the same features.
  const RecordBeats detected = read({.marks = BeatMarks::detected});
  ASSERT_EQ(detected.size(), 29);
  EXPECT_EQ(detected.features, found.features);
  // The other lead, and the second one is the first then; upside down, the second one stays.
  const RecordBeats other = read({.lead = "1", .invert = true});
  EXPECT_GT(other.waves.wave(3, 0)[42], 0.7);
  EXPECT_GT(other.waves.wave(3, 1)[42], 0.7);
  // A gap takes its beats, and the intervals stay.
  for (int i = 1590; i < 1650; ++i) written.signals[0][static_cast<std::size_t>(i)] = -2048;
  write_wfdb_record(folder.path(), written);
  const RecordBeats broken = read();
  EXPECT_EQ(broken.unmeasured, 1);
  ASSERT_EQ(broken.size(), 28);
  for (std::size_t i = 0; i < 28; ++i) EXPECT_LT(std::abs(feature(broken, i, 0)), 0.2) << i;
}

TEST(ReadRecordBeats, TakesRecordsOfOneLead) {
  const TemporaryDirectory folder;
  TestRecord written = record_of_beats();
  written.signals.pop_back();
  write_wfdb_record(folder.path(), written);
  const RecordBeats found = read_record_beats(folder.path(), "100", label_map("reference"));
  EXPECT_EQ(found.waves.leads, 1);
  for (std::size_t i = 0; i < 29; ++i) {
    for (std::size_t c = 35; c < 48; ++c) EXPECT_EQ(feature(found, i, c), 0);
    EXPECT_EQ(found.waves.wave(static_cast<std::int64_t>(i), 1)[42], 0);
  }
}

TEST(SecondLead, IsTheFirstOtherOneOfAVoltageThatCanBeRead) {
  Recording recording;
  const auto lead = [](double frequency, bool is_voltage = true) {
    return RecordingLead{
        .name = "x", .frequency = frequency, .units = "mV", .is_voltage = is_voltage};
  };
  recording.leads = {lead(360), lead(360, false), lead(50), lead(250), lead(360)};
  EXPECT_EQ(second_lead(recording, 0), 3u);
  EXPECT_EQ(second_lead(recording, 3), 0u);
  recording.leads.resize(3);
  EXPECT_FALSE(second_lead(recording, 0));
}

TEST(ReadRecordBeats, NamesWhatIsWrong) {
  const TemporaryDirectory folder;
  const LabelMap& map = label_map("reference");
  TestRecord record = testing::random_record("100", 3, "N", 1);

  record.annotations.push_back({900, 'V'});
  write_wfdb_record(folder.path(), record);
  EXPECT_ERROR(read_record_beats(folder.path(), "100", map),
               "100.atr: annotation 3 ('V') is at sample 900, beyond the signal's 900 samples");
  record.annotations.back().sample = 899;  // inside, but no whole window
  write_wfdb_record(folder.path(), record);
  EXPECT_EQ(read_record_beats(folder.path(), "100", map).size(), 3);

  record = testing::random_record("100", 2, "N", 1);
  write_wfdb_record(folder.path(), record);
  EXPECT_ERROR(read_record_beats(folder.path(), "100", map),
               "100.atr: has 2 beats (label map reference), expected 3 or more");

  record = testing::random_record("100", 5, "N", 1);
  for (const std::size_t at : {150u, 450u, 760u}) record.signals[0][at] = -2048;
  write_wfdb_record(folder.path(), record);
  EXPECT_ERROR(
      read_record_beats(folder.path(), "100", map),
      "100.atr: has 2 beats (label map reference) and 3 with samples that were not measured, "
      "expected 3 or more");

  record = testing::random_record("100", 3, "N", 1);
  for (const double frequency : {99.9, 10'001.0}) {
    record.frequency = frequency;
    write_wfdb_record(folder.path(), record);
    EXPECT_ERROR(
        read_record_beats(folder.path(), "100", map),
        fmt::format("100.hea: the sampling frequency is {} Hz, expected 100 to 10000", frequency));
  }

  record.frequency = 360;
  for (const char* extension : {".hea", ".dat", ".atr"}) {
    write_wfdb_record(folder.path(), record);
    std::filesystem::remove(folder / (std::string("100") + extension));
    EXPECT_ERROR(read_record_beats(folder.path(), "100", map),
                 std::string("100") + extension + ": cannot open: No such file or directory");
  }
}

}  // namespace
}  // namespace ekgine
