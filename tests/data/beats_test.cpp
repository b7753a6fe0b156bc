#include "data/beats.h"

#include <gtest/gtest.h>

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
  std::vector<double> signal(1000);
  for (std::size_t i = 0; i < signal.size(); ++i) signal[i] = static_cast<double>(i) / 8;
  // Kept: 93 < p < 1000 - 93 = 907.
  const std::vector<WfdbAnnotation> annotations = {
      annotation(0, 'N'),   annotation(93, 'N'),  annotation(94, 'V'),  annotation(300, '+'),
      annotation(301, 'F'), annotation(302, 'r'), annotation(500, 'A'), annotation(906, '/'),
      annotation(907, 'N'), annotation(999, 'N')};
  const RecordBeats record = cut_beats("100", signal, annotations, label_map("seed"));
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

TEST(CutBeats, FindsNoneInAShortSignal) {
  const std::vector<WfdbAnnotation> annotations = {annotation(90, 'N'), annotation(93, 'N')};
  for (const std::size_t length : {0u, 1u, 94u, 187u}) {
    const std::vector<double> signal(length);
    EXPECT_EQ(cut_beats("x", signal, annotations, label_map("seed")).size(), 0) << length;
  }
  // The shortest signal with a beat: 93 samples before 94, and more than 93 after it.
  const std::vector<double> signal(188);
  EXPECT_EQ(cut_beats("x", signal, {{annotation(94, 'N')}}, label_map("seed")).size(), 1);
}

TEST(CutBeats, FollowsTheLabelMap) {
  const std::vector<double> signal(2000);
  const std::vector<WfdbAnnotation> annotations = {annotation(200, 'e'), annotation(400, 'r'),
                                                   annotation(600, '?')};
  EXPECT_THAT(cut_beats("x", signal, annotations, label_map("seed")).labels, ElementsAre(0, 4));
  EXPECT_THAT(cut_beats("x", signal, annotations, label_map("ec57")).labels, ElementsAre(1, 2, 4));
  EXPECT_THAT(cut_beats("x", signal, annotations, label_map("dechazal")).labels, ElementsAre(0));
}

TEST(ReadRecordBeats, CutsTheFirstSignal) {
  const TemporaryDirectory folder;
  const TestRecord written = testing::random_record("100", 5, "NVF", 1);
  write_wfdb_record(folder.path(), written);
  const RecordBeats record = read_record_beats(folder.path(), "100", label_map("seed"));
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

TEST(ReadRecordBeats, NamesWhatIsWrong) {
  const TemporaryDirectory folder;
  const LabelMap& map = label_map("seed");
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
               "100.atr: has 2 beats (label map seed), expected 3 or more");

  record = testing::random_record("100", 3, "N", 1);
  record.frequency = 250;
  write_wfdb_record(folder.path(), record);
  EXPECT_ERROR(read_record_beats(folder.path(), "100", map),
               "100.hea: the sampling frequency is 250 Hz, expected 360 Hz");

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
