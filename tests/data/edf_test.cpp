#include "data/edf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "data/recording.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

using ::testing::ElementsAre;
using testing::TemporaryDirectory;
using testing::write_bytes;

struct TestEdfSignal {
  std::string label;
  std::string units = "uV";
  std::string minimum = "-1000", maximum = "1000";  // physical
  std::string lowest = "-2000", highest = "2000";   // digital
  std::size_t samples = 2;                          // in a record
};

struct TestEdf {
  std::string kind;  // "EDF+D"
  std::string records = "2", duration = "0.5";
  std::vector<TestEdfSignal> signals = {{.label = "ECG II"}};
  int bytes = 2;
  std::string data;

  std::string file() const {
    std::string text;
    const auto add = [&](const std::string& value, std::size_t width) {
      text += value + std::string(width - value.size(), ' ');
    };
    text += bytes == 3 ? std::string("\xFF") + "BIOSEMI" : "0       ";
    add("a patient", 80);
    add("a recording", 80);
    add("01.01.2001.02.03", 16);
    add(std::to_string(256 * (1 + signals.size())), 8);
    add(kind, 44);
    add(records, 8);
    add(duration, 8);
    add(std::to_string(signals.size()), 4);
    for (const auto& s : signals) add(s.label, 16);
    for (std::size_t i = 0; i < signals.size(); ++i) add("electrode", 80);
    for (const auto& s : signals) add(s.units, 8);
    for (const auto& s : signals) add(s.minimum, 8);
    for (const auto& s : signals) add(s.maximum, 8);
    for (const auto& s : signals) add(s.lowest, 8);
    for (const auto& s : signals) add(s.highest, 8);
    for (std::size_t i = 0; i < signals.size(); ++i) add("HP:0.1Hz", 80);
    for (const auto& s : signals) add(std::to_string(s.samples), 8);
    for (std::size_t i = 0; i < signals.size(); ++i) add("", 32);
    return text + data;
  }
};

std::string stored(int bytes, std::initializer_list<int> samples) {
  std::string data;
  for (const int sample : samples) {
    for (int i = 0; i < bytes; ++i) data += static_cast<char>(sample >> (8 * i) & 255);
  }
  return data;
}

class EdfFile : public ::testing::Test {
 protected:
  std::filesystem::path write(const TestEdf& edf) {
    write_bytes(folder_ / "r.edf", edf.file());
    return folder_ / "r.edf";
  }
  std::vector<float> millivolts(const TestEdf& edf, std::size_t signal = 0) {
    return read_edf_millivolts(read_edf_header(write(edf)), signal);
  }

  TemporaryDirectory folder_;
};

TEST_F(EdfFile, HasSignalsOfItsOwnRates) {
  TestEdf edf;
  edf.signals = {{.label = "ECG II"},
                 {.label = "Resp", .units = "mmHg", .samples = 1},
                 {.label = "V1", .units = "mV", .samples = 3}};
  edf.data = stored(2, {1, -2, 7, 10, 20, 30, 2000, -32768, 8, 40, 50, -60});
  const EdfHeader header = read_edf_header(write(edf));
  ASSERT_EQ(header.signals.size(), 3u);
  EXPECT_EQ(header.frequency(0), 4);
  EXPECT_EQ(header.frequency(2), 6);
  EXPECT_THAT(read_edf_samples(header, 0), ElementsAre(1, -2, 2000, -32768));
  EXPECT_THAT(read_edf_samples(header, 1), ElementsAre(7, 8));
  EXPECT_THAT(read_edf_samples(header, 2), ElementsAre(10, 20, 30, 40, 50, -60));
  EXPECT_THAT(read_edf_millivolts(header, 0), ElementsAre(.0005f, -.001f, 1, -16.384f));
  EXPECT_THAT(read_edf_millivolts(header, 2), ElementsAre(5, 10, 15, 20, 25, -30));
  EXPECT_ERROR(read_edf_millivolts(header, 1), "the units of signal Resp are 'mmHg', expected");
  const Recording recording = open_recording(folder_ / "r");
  EXPECT_EQ(choose_lead(recording, ""), 0u);
  EXPECT_EQ(choose_lead(recording, "v1"), 2u);
  EXPECT_EQ(read_lead(recording, 2).size(), 6u);
}

TEST_F(EdfFile, MayHave24Bits) {
  TestEdf bdf;
  bdf.bytes = 3;
  bdf.data = stored(3, {1, -2, 8388607, -8388608});
  bdf.signals[0].lowest = "-8388608";
  bdf.signals[0].highest = "8388607";
  bdf.signals[0].minimum = "-262144";
  bdf.signals[0].maximum = "262144";
  const EdfHeader header = read_edf_header(write(bdf));
  EXPECT_THAT(read_edf_samples(header, 0), ElementsAre(1, -2, 8388607, -8388608));
  EXPECT_THAT(read_edf_millivolts(header, 0)[3], -262.144f);
}

TestEdf with_gaps(const std::string& second) {
  TestEdf edf;
  edf.kind = "EDF+D";
  edf.signals = {{.label = "EDF Annotations", .units = "", .samples = 4},
                 {.label = "II", .units = "mV", .lowest = "-1000", .highest = "1000"}};
  const auto texts = [](std::string text) {
    text.resize(8);
    return text;
  };
  edf.data =
      texts("+10\x14\x14") + stored(2, {1, 2}) + texts(second + "\x14\x14") + stored(2, {3, 4});
  return edf;
}

TEST_F(EdfFile, MayHaveGaps) {
  const std::vector<float> values = millivolts(with_gaps("+11"), 1);
  ASSERT_EQ(values.size(), 6u);
  EXPECT_EQ(values[1], 2);
  EXPECT_TRUE(std::isnan(values[2]) && std::isnan(values[3]));
  EXPECT_EQ(values[4], 3);
  EXPECT_THAT(millivolts(with_gaps("+10.5"), 1), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(millivolts(with_gaps("+10.4"), 1), ElementsAre(1, 2, 3, 4)) << "nearest sample";
  EXPECT_ERROR(millivolts(with_gaps("+10.3"), 1), "record 1 begins at 10.3 s, expected 10.5 s");
  EXPECT_ERROR(millivolts(with_gaps("+1e9"), 1), "up to 100000000 samples in gaps");
  EXPECT_ERROR(millivolts(with_gaps("soon"), 1), "record 1 does not say when it begins");
  EXPECT_ERROR(millivolts(with_gaps(""), 1), "record 1 does not say when it begins");
  TestEdf edf = with_gaps("+11");
  edf.signals[0].label = "Marker";
  EXPECT_ERROR(millivolts(edf, 1), "is discontinuous and has no annotations");
  edf = with_gaps("+11");
  edf.kind = "EDF+C";
  EXPECT_THAT(millivolts(edf, 1), ElementsAre(1, 2, 3, 4));
  const Recording recording = open_recording(folder_ / "r.edf");
  EXPECT_FALSE(recording.leads[0].is_voltage);
  EXPECT_EQ(choose_lead(recording, ""), 1u);
  EXPECT_ERROR(read_lead(recording, 0), "the units of signal EDF Annotations are ''");
}

TEST_F(EdfFile, NamesWhatIsWrong) {
  TestEdf edf;
  edf.data = stored(2, {1, 2, 3, 4});
  const std::string whole = edf.file();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    write_bytes(folder_ / "r.edf", whole.substr(0, length));
    EXPECT_ERROR(read_edf_header(folder_ / "r.edf"), "r.edf: truncated: ");
  }
  write_bytes(folder_ / "r.edf", whole + "x");
  EXPECT_ERROR(read_edf_header(folder_ / "r.edf"),
               "r.edf: too long: 521 bytes, expected 520 (2 records of 4 bytes, says its header)");
  const auto refuses = [&](auto change, const std::string& expected) {
    TestEdf other = edf;
    change(other);
    EXPECT_ERROR(millivolts(other), expected);
  };
  refuses([](TestEdf& e) { e.records = "99999999"; }, "truncated: 520 bytes, expected 400000508");
  refuses([](TestEdf& e) { e.records = "-2"; }, "the number of records is -2, expected -1 to");
  refuses([](TestEdf& e) { e.records = "two"; },
          "the number of records is 'two', expected a number");
  refuses([](TestEdf& e) { e.records = "1.5"; }, "the number of records is 1.5");
  refuses([](TestEdf& e) { e.records = "0"; }, "r.edf: holds no samples");
  refuses([](TestEdf& e) { e.duration = "-1"; }, "the duration of a record is -1 s");
  refuses([](TestEdf& e) { e.duration = "nan"; }, "the duration of a record is 'nan'");
  refuses([](TestEdf& e) { e.signals[0].samples = 0; }, "a record has no samples");
  refuses([](TestEdf& e) { e.signals[0].highest = "-2000"; }, "expected ranges of some width");
  refuses([](TestEdf& e) { e.signals[0].maximum = "-1000"; }, "expected ranges of some width");
  refuses([](TestEdf& e) { e.signals[0].minimum = "1e999"; }, "the physical minimum is '1e999'");
  refuses([](TestEdf& e) { e.signals.clear(); }, "number of signals is 0, expected 1 to 9999");
  TestEdf unknown = edf;
  unknown.records = "-1";
  EXPECT_EQ(millivolts(unknown).size(), 4u);
}

}  // namespace
}  // namespace ekgine
