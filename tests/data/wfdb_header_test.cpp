#include "data/wfdb_header.h"

#include <gtest/gtest.h>

#include "tests/cases/random.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

using ::testing::ElementsAre;
using testing::TemporaryDirectory;
using testing::write_bytes;

class WfdbHeaderFile : public ::testing::Test {
 protected:
  WfdbHeader read(const std::string& text) {
    write_bytes(folder_ / "100.hea", text);
    return read_wfdb_header(folder_ / "100.hea");
  }

  TemporaryDirectory folder_;
};

TEST_F(WfdbHeaderFile, ReadsARecordOfMitBih) {
  const WfdbHeader header = read(
      "100 2 360 650000\r\n100.dat 212 200 11 1024 995 -22131 0 MLII\r\n"
      "100.dat 212 200 11 1024 1011 20052 0 V5\r\n# 69 M 1085 1629 x1\r\n# Aldomet, Inderal\r\n");
  EXPECT_EQ(header.record, "100");
  EXPECT_EQ(header.sampling_frequency, 360);
  EXPECT_EQ(header.samples, 650000);
  EXPECT_THAT(header.comments, ElementsAre(" 69 M 1085 1629 x1", " Aldomet, Inderal"));
  ASSERT_EQ(header.signals.size(), 2u);
  const WfdbSignal& s = header.signals[0];
  EXPECT_EQ(s.file, "100.dat");
  EXPECT_EQ(s.format, 212);
  EXPECT_EQ(s.byte_offset, 0);
  EXPECT_EQ(s.gain, 200);
  EXPECT_EQ(s.baseline, 1024);  // the ADC zero, for want of a baseline
  EXPECT_EQ(s.units, "mV");
  EXPECT_EQ(s.adc_zero, 1024);
  EXPECT_EQ(s.checksum, -22131);
  EXPECT_EQ(s.description, "MLII");
  EXPECT_EQ(s.line, 2);
  EXPECT_EQ(header.signals[1].description, "V5");
}

TEST_F(WfdbHeaderFile, ReadsEveryField) {
  const WfdbHeader header = read(
      "# comments may come first\n\n  r-1   1 250.5/2(3) 12 10:00:00 25/04/1989\n\n"
      "x.y.dat\t16x1:0+512 -1.5e2(-7)/uV 16 +3 -4 40000 0  lead II, of two words \n");
  EXPECT_EQ(header.record, "r-1");
  EXPECT_EQ(header.sampling_frequency, 250.5);
  EXPECT_EQ(header.samples, 12);
  const WfdbSignal& s = header.signals.at(0);
  EXPECT_EQ(s.file, "x.y.dat");
  EXPECT_EQ(s.format, 16);
  EXPECT_EQ(s.byte_offset, 512);
  EXPECT_EQ(s.gain, -150);
  EXPECT_EQ(s.baseline, -7);
  EXPECT_EQ(s.units, "uV");
  EXPECT_EQ(s.adc_zero, 3);
  EXPECT_EQ(s.checksum, 40000);
  EXPECT_EQ(s.description, "lead II, of two words ");
  EXPECT_EQ(s.line, 5);
}

TEST_F(WfdbHeaderFile, TakesTheFormatsDefaults) {
  const WfdbHeader header = read("a 2\na.dat 80\nb.dat 16 0 0");
  EXPECT_EQ(header.sampling_frequency, 250);
  EXPECT_FALSE(header.samples.has_value());
  for (const WfdbSignal& s : header.signals) {
    EXPECT_EQ(s.gain, 200);
    EXPECT_EQ(s.baseline, 0);
    EXPECT_EQ(s.units, "mV");
    EXPECT_FALSE(s.checksum.has_value());
    EXPECT_EQ(s.description, "");
  }
  EXPECT_FALSE(read("a 1 360 0\na.dat 80\n").samples.has_value());  // 0: not known
}

// Annotations have a record of their own where the samples lie elsewhere, or nowhere.
TEST_F(WfdbHeaderFile, ARecordMayHaveNoSignals) {
  const WfdbHeader header = read("100 0 257 30000\n# none\nmore\n");
  EXPECT_TRUE(header.signals.empty());
  EXPECT_EQ(header.sampling_frequency, 257);
  EXPECT_EQ(header.samples, 30000);
  EXPECT_THAT(header.comments, ElementsAre(" none"));
}

// header(5): the first printing character of a comment is "#", wherever it stands; lines after the
// signals are not read. Editors begin files with a byte order mark.
TEST_F(WfdbHeaderFile, ReadsWhatTheFormatAllows) {
  const std::string signals = "a 16 200/mV 12 0 0 17 0 MLII\nb 80\n";
  const WfdbHeader plain = read("100 2 360 10\n" + signals);
  for (const std::string& text :
       {"\xEF\xBB\xBF# made by\n100 2 360 10\n" + signals,
        "\xEF\xBB\xBF"
        "100 2 360 10\n" +
            signals,
        "  # made by hand\n\t# twice\n100 2 360 10\n # within\n" + signals + "  # a note\n",
        "100 2 360 10\n" + signals + "c 16 200 12 0 2 26681 0 V5\nanything at all\n",
        "x/100 2 360/75(3) 10 10:00 1/2/1999\n" + signals}) {
    const WfdbHeader header = read(text);
    EXPECT_EQ(header.sampling_frequency, 360) << text;
    EXPECT_EQ(header.samples, 10) << text;
    ASSERT_EQ(header.signals.size(), 2u) << text;
    EXPECT_EQ(header.signals[0].description, "MLII") << text;
    EXPECT_EQ(header.signals[1].format, plain.signals[1].format) << text;
  }
  EXPECT_THAT(read(" \t# one\n100 1\na 16\n  #two").comments, ElementsAre(" one", "two"));
  EXPECT_EQ(read("x/r 1\na 16\n").record, "x/r");
  EXPECT_EQ(read("x/3r 1\na 16\n").record, "x/3r");
}

TEST_F(WfdbHeaderFile, KeepsWhatOnlyOneSignalUses) {
  const WfdbHeader header = read("100 2 360 10\na 16:3\nb 310x4+7\n");
  EXPECT_EQ(header.signals[0].skew, 3);
  EXPECT_EQ(header.signals[0].samples_per_frame, 1);
  EXPECT_EQ(header.signals[1].format, 310);
  EXPECT_EQ(header.signals[1].samples_per_frame, 4);
  EXPECT_EQ(header.signals[1].byte_offset, 7);
}

TEST_F(WfdbHeaderFile, TakesOtherBytesForLatin1) {
  const WfdbHeader header = read(
      "100 2 360 10\na 16 200/\xB5V 12 0 0 0 0 d\xE9rivation II\n"
      "b 16 200/\xC2\xB5V 12 0 0 0 0 d\xC3\xA9rivation II\n");
  for (const WfdbSignal& signal : header.signals) {
    EXPECT_EQ(signal.units, "\xC2\xB5V");
    EXPECT_EQ(signal.description, "d\xC3\xA9rivation II");
  }
}

TEST_F(WfdbHeaderFile, NamesWhatIsWrong) {
  const auto refuses = [this](const std::string& text, const std::string& expected) {
    EXPECT_ERROR(read(text), (folder_ / "100.hea").string() + expected);
  };
  refuses("", ":1: the record line is missing");
  refuses("# nothing\n\n", ":3: the record line is missing");
  refuses("100\n", ":1: the number of signals is missing");
  refuses("100 two\n", ":1: the number of signals is 'two', expected an integer");
  refuses("100 2.5\n", ":1: the number of signals is '2.5', expected an integer");
  refuses("100 99999999999\n", ":1: the number of signals is '99999999999', expected an integer");
  refuses("100 -1\n", ":1: the number of signals is -1, expected 0 to 1000000");
  refuses("100 1000000000\n", ":1: the number of signals is 1000000000, expected 0 to 1000000");
  refuses("100/3 2 360\na 5\n", ":3: the line of segment 1 is missing, 3 segments are announced");
  refuses("100/100 2\n", ":2: the line of segment 0 is missing, 100 segments are announced");
  refuses("a/b/12 2\n", ":2: the line of segment 0 is missing, 12 segments are announced");
  refuses("100 1 fast\n", ":1: the sampling frequency is 'fast', expected a number");
  refuses("100 1 nan\n", ":1: the sampling frequency is 'nan', expected a number");
  refuses("100 1 -1\n", ":1: the sampling frequency is -1 Hz, expected a positive number");
  refuses("100 1 360 many\n", ":1: the number of samples is 'many', expected an integer");
  refuses("100 1 360 -5\n", ":1: the number of samples is -5, expected 0 to 1000000000000");
  refuses("100 1 360 9000000000000000000\n", ":1: the number of samples is 9000000000000000000");
  refuses("100 2 360\na 16\n", ":3: the line of signal 1 is missing, 2 signals are announced");
  refuses("100 1 360\na\n", ":2: the format of the signal is missing");
  refuses("100 1 360\na 16bit\n", ":2: the format is '16bit', expected an integer");
  refuses("100 1 360\na 16:-5\n", ":2: the skew is -5, expected 0 or more");
  refuses("100 1 360\na 16+-5\n", ":2: the byte offset is -5, expected 0 to 1000000000000");
  refuses("100 1 360\na 16 high\n", ":2: the gain is 'high', expected a number");
  refuses("100 1 360\na 16 inf\n", ":2: the gain is 'inf', expected a number");
  refuses("100 1 360\na 16 200(1024\n", ":2: ')' is missing after the baseline");
  refuses("100 1 360\na 16 200(x)\n", ":2: the baseline is 'x', expected an integer");
  refuses("100 1 360\na 16 200(1)mV\n",
          ":2: found 'mV' after the gain, expected '/' and the units");
  refuses("100 1 360\na 16 200 x\n", ":2: the ADC resolution is 'x', expected an integer");
  refuses("100 1 360\na 16 200 11 x\n", ":2: the ADC zero is 'x', expected an integer");
  refuses("100 1 360\na 16 200 11 0 x\n", ":2: the initial value is 'x', expected an integer");
  refuses("100 1 360\na 16 200 11 0 0 x\n", ":2: the checksum is 'x', expected an integer");
  refuses("100 1 360\na 16 200 11 0 0 70000\n", ":2: the checksum is 70000, expected 16 bits");
  refuses("100 1 360\na 16 200 11 0 0 1 x\n", ":2: the block size is 'x', expected an integer");
  refuses(std::string("100 1 360\na 16 2\0", 17), ":2: found a zero byte, expected text");
  EXPECT_ERROR(read_wfdb_header(folder_ / "999.hea"),
               "999.hea: cannot open: No such file or directory");
}

// A header cut anywhere, or with any byte changed, is read or refused; the sanitizers see the rest.
TEST_F(WfdbHeaderFile, SurvivesAnyDamage) {
  const std::string whole =
      "100 2 360/1(0) 650000\n100.dat 212+4 200(1024)/mV 11 1024 995 -22131 0 MLII\n"
      "100.dat 212+4 200 11 1024 1011 20052 0 V5\n# 69 M\n";
  int refused = 0;
  const auto attempt = [&](const std::string& text) {
    const std::string error = testing::error_text([&] { read(text); });
    if (error == "[no exception]") return;
    ++refused;
    EXPECT_EQ(error.find((folder_ / "100.hea").string() + ":"), 0u) << error;
  };
  for (std::size_t size = 0; size < whole.size(); ++size) attempt(whole.substr(0, size));
  EXPECT_GT(refused, 80);
  testing::Random random(1);
  for (int round = 0; round < 1000; ++round) {
    std::string damaged = whole;
    damaged[static_cast<std::size_t>(random.integer(0, std::ssize(whole) - 1))] =
        static_cast<char>(random.word());
    attempt(damaged);
  }
}

}  // namespace
}  // namespace ekgine
