#include "data/wfdb_signal.h"

#include <gtest/gtest.h>

#include <sys/stat.h>

#include <map>

#include "base/atomic_file.h"
#include "tests/cases/random.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/wfdb_writer.h"

namespace ekgine {
namespace {

using ::testing::ElementsAre;
using testing::encode_wfdb_samples;
using ::testing::HasSubstr;
using testing::TemporaryDirectory;
using testing::TestRecord;
using testing::write_bytes;

// Lowest (which marks an unmeasured sample) and highest value of each format.
const std::map<int, std::pair<int, int>> ranges = {
    {212, {-2048, 2047}}, {16, {-32768, 32767}}, {80, {-128, 127}}};

TEST(WfdbSignal, DecodesTheBytesOfTheDescription) {
  // 0x1AB and 0xFED = -19 in 12 bits: low byte, high nibbles, low byte.
  const std::string pair = {'\xAB', '\xF1', '\xED'};
  EXPECT_THAT(decode_wfdb_samples(212, pair, 2), ElementsAre(0x1AB, -19));
  EXPECT_THAT(decode_wfdb_samples(212, pair.substr(0, 2), 1), ElementsAre(0x1AB));
  EXPECT_THAT(decode_wfdb_samples(212, std::string{'\x00', '\x78', '\xFF'}, 2),
              ElementsAre(-2048, 2047));
  EXPECT_THAT(decode_wfdb_samples(16, std::string{'\x01', '\x02', '\xFF', '\xFF'}, 2),
              ElementsAre(0x201, -1));
  EXPECT_THAT(decode_wfdb_samples(80, std::string{'\x00', '\x80', '\xFF'}, 3),
              ElementsAre(-128, 0, 127));
  EXPECT_ERROR(decode_wfdb_samples(61, pair, 1), "signal format 61 is not supported");
}

TEST(WfdbSignal, SurvivesAFileInEveryFormat) {
  const TemporaryDirectory folder;
  testing::Random random(1);
  for (const auto& [format, range] : ranges) {
    for (const std::size_t signals : {1u, 2u, 3u}) {
      for (const std::size_t length : {1u, 2u, 3u, 187u, 1000u}) {
        TestRecord record;
        record.format = format;
        record.signals.assign(signals, std::vector<int>(length));
        for (std::vector<int>& signal : record.signals) {
          for (int& sample : signal) {
            sample = static_cast<int>(random.integer(range.first, range.second));
          }
          signal.back() = range.second;
        }
        write_wfdb_record(folder.path(), record);
        const WfdbHeader header = read_wfdb_header(folder / "100.hea");
        for (std::size_t s = 0; s < signals; ++s) {
          const std::vector<std::int16_t> samples = read_wfdb_signal(header, s);
          EXPECT_EQ(std::vector<int>(samples.begin(), samples.end()), record.signals[s])
              << "format " << format << ", signal " << s << " of " << signals;
        }
      }
    }
  }
}

class WfdbSignalFile : public ::testing::Test {
 protected:
  void write(const std::string& header, const std::string& data) {
    write_bytes(folder_ / "100.hea", header);
    write_bytes(folder_ / "100.dat", data);
  }
  std::vector<double> millivolts(const std::string& header, const std::string& data) {
    write(header, data);
    return read_wfdb_millivolts(read_wfdb_header(folder_ / "100.hea"), 0);
  }
  std::vector<std::int16_t> samples(const std::string& header, const std::string& data,
                                    std::size_t signal = 0) {
    write(header, data);
    return read_wfdb_signal(read_wfdb_header(folder_ / "100.hea"), signal);
  }

  TemporaryDirectory folder_;
};

TEST_F(WfdbSignalFile, ConvertsToMillivolts) {
  const std::string data = encode_wfdb_samples(16, {995, 1024, 1031, -5});
  const std::vector<double> expected = {-0.145, 0.0, 0.035, -5.145};
  EXPECT_EQ(millivolts("100 1 360 4\n100.dat 16 200 11 1024\n", data), expected);
  EXPECT_EQ(millivolts("100 1 360 4\n100.dat 16 200(1024)/mV 11 7\n", data), expected);
  EXPECT_THAT(millivolts("100 1 360 4\n100.dat 16 0.2(1024)/uV\n", data),
              ::testing::Pointwise(::testing::DoubleNear(1e-15), expected));
  EXPECT_THAT(millivolts("100 1 360 4\n100.dat 16 2e5(1024)/V\n", data),
              ::testing::Pointwise(::testing::DoubleNear(1e-15), expected));
  EXPECT_ERROR(millivolts("100 1 360 4\n100.dat 16 200/mmHg\n", data),
               "100.hea:2: the units are 'mmHg', expected a voltage (mV, uV, nV, V)");
  // The micro sign, the Greek letter, and the former in Latin-1.
  for (const char* units : {"uV", "uv", "\u00B5V", "\u03BCV", "\xB5V"}) {
    EXPECT_THAT(millivolts("100 1 360 4\n100.dat 16 0.2(1024)/" + std::string(units) + "\n", data),
                ::testing::Pointwise(::testing::DoubleNear(1e-15), expected))
        << units;
  }
  EXPECT_THAT(millivolts("100 1 360 4\n100.dat 16 2e-4(1024)/nV\n", data),
              ::testing::Pointwise(::testing::DoubleNear(1e-15), expected));
  EXPECT_EQ(millivolts("100 1 360 4\n100.dat 16 -200(1024)/mv\n", data),
            (std::vector<double>{0.145, 0.0, -0.035, 5.145}));
  EXPECT_EQ(millivolts("100 1 360 4\n100.dat 16 0(1024)\n", data), expected) << "0 means 200";
  EXPECT_ERROR(millivolts("100 1 360 4\n100.dat 16 200/MV\n", data), "the units are 'MV'");
  EXPECT_ERROR(millivolts("100 1 360 4\n100.dat 16 200/\n", data), "the units are ''");
  EXPECT_ERROR(millivolts("100 1 360 4\n100.dat 16 1e-320 11 1024 995 0 0 MLII\n",
                          encode_wfdb_samples(16, {995, -995, 30000, -30000})),
               HasSubstr("100.hea:2: the gain 1e-320 makes sample 0 of signal MLII infinite"));
}

TEST_F(WfdbSignalFile, ReadsBehindAnOffsetAndFromSeveralFiles) {
  const std::string header =
      "100 3 360 3\n100.dat 16+5\nother.dat 80 200 8 0 1 6 0 B\n100.dat 16+5\n";
  write_bytes(folder_ / "other.dat", encode_wfdb_samples(80, {1, 2, 3}));
  const std::string data = "12345" + encode_wfdb_samples(16, {10, 20, 11, 21, 12, 22});
  EXPECT_THAT(samples(header, data, 0), ElementsAre(10, 11, 12));
  EXPECT_THAT(samples(header, data, 1), ElementsAre(1, 2, 3));
  EXPECT_THAT(samples(header, data, 2), ElementsAre(20, 21, 22));
  EXPECT_ERROR(samples(header, data, 3), "100.hea: signal 3 is missing, the record has 3");
}

TEST_F(WfdbSignalFile, CountsSamplesWhereTheHeaderDoesNot) {
  EXPECT_EQ(samples("100 2 360\n100.dat 212\n100.dat 212\n",
                    encode_wfdb_samples(212, {1, 2, 3, 4, 5, 6})),
            (std::vector<std::int16_t>{1, 3, 5}));
  EXPECT_EQ(samples("100 1\n100.dat 80\n", "\x80\x81"), (std::vector<std::int16_t>{0, 1}));
  EXPECT_ERROR(samples("100 1\n100.dat 16\n", "abc"),
               "100.dat: too long: 3 bytes, expected 2 (1 samples of 1 signals in format 16");
  EXPECT_ERROR(samples("100 1\n100.dat 16\n", ""), "100.dat: holds no samples");
  EXPECT_ERROR(samples("100 1\n100.dat 16+9\n", "abc"), "100.dat: holds no samples");
}

TEST_F(WfdbSignalFile, AcceptsTheThirdByteOfAnOddSample) {
  const std::string header = "100 1 360 3\n100.dat 212\n";
  const std::string data = encode_wfdb_samples(212, {1, -2, 3});
  EXPECT_EQ(samples(header, data), (std::vector<std::int16_t>{1, -2, 3}));
  EXPECT_EQ(samples(header, data + '\0'), (std::vector<std::int16_t>{1, -2, 3}));
  EXPECT_ERROR(samples(header, data + "xx"), "100.dat: too long: 7 bytes, expected 5");
}

TEST_F(WfdbSignalFile, RefusesEveryTruncation) {
  for (const auto& [format, range] : ranges) {
    TestRecord record;
    record.format = format;
    record.signals = {{1, 2, 3, 4, 5, 6, 7}, {-1, -2, -3, -4, -5, -6, -7}};
    write_wfdb_record(folder_.path(), record);
    const std::string whole = read_file(folder_ / "100.dat");
    const WfdbHeader header = read_wfdb_header(folder_ / "100.hea");
    for (std::size_t size = 0; size < whole.size(); ++size) {
      write_bytes(folder_ / "100.dat", std::string_view(whole).substr(0, size));
      EXPECT_ERROR(
          read_wfdb_signal(header, 0),
          fmt::format("100.dat: truncated: {} bytes, expected {} (7 samples of 2 signals in format "
                      "{}, says {})",
                      size, whole.size(), format, (folder_ / "100.hea").string()));
    }
  }
}

TEST_F(WfdbSignalFile, RefusesAHeaderThatDisagrees) {
  const std::string data = encode_wfdb_samples(16, {1, 2, 3, 4});
  EXPECT_ERROR(samples("100 1 360 3\n100.dat 16\n", data),
               "100.dat: too long: 8 bytes, expected 6 (3 samples of 1 signals in format 16");
  EXPECT_ERROR(samples("100 1 360 4\n100.dat 212\n", data),
               "100.dat: too long: 8 bytes, expected 6 (4 samples of 1 signals in format 212");
  EXPECT_ERROR(samples("100 1 360 1000000000000\n100.dat 16\n", data),
               "100.dat: truncated: 8 bytes, expected 2000000000000");
  EXPECT_ERROR(samples("100 1 360 4\n100.dat 16 200 16 0 1 11 0 II\n", data),
               HasSubstr("100.dat: the checksum of signal II is 10, "));
  EXPECT_ERROR(samples("100 1 360 4\n100.dat 16 200 16 0 1 11 0 II\n", data), "100.hea:2 says 11");
  // The checksum of a signal that was not asked for counts too: it tells that the file is damaged.
  EXPECT_ERROR(
      samples("100 2 360 2\n100.dat 16 200 16 0 1 4 0 I\n100.dat 16 200 16 0 2 7 0 II\n", data),
      "the checksum of signal II is 6");
  EXPECT_ERROR(samples("100 2 360 2\n100.dat 16\n100.dat 80\n", data),
               "100.hea:3: format 80 disagrees with 16 of the same file 100.dat (line 2)");
  EXPECT_ERROR(samples("100 2 360 2\n100.dat 16\n100.dat 16+2\n", data),
               "100.hea:3: byte offset 2 disagrees with 0 of the same file 100.dat (line 2)");
  EXPECT_ERROR(samples("100 1 360 2\nabsent.dat 16\n", data),
               "absent.dat: cannot open: No such file or directory");
}

TEST_F(WfdbSignalFile, AcceptsChecksumsInEitherSign) {
  const std::string data = encode_wfdb_samples(16, {-1, -2});
  EXPECT_EQ(samples("100 1 360 2\n100.dat 16 200 16 0 -1 -3\n", data).size(), 2u);
  EXPECT_EQ(samples("100 1 360 2\n100.dat 16 200 16 0 -1 65533\n", data).size(), 2u);
}

TEST_F(WfdbSignalFile, MarksUnmeasuredSamples) {
  for (const auto& [format, range] : ranges) {
    const std::string header = fmt::format("100 1 360 3\n100.dat {} 200 8 0 1\n", format);
    EXPECT_THAT(
        millivolts(header, encode_wfdb_samples(format, {range.first, 100, range.first + 1})),
        ElementsAre(::testing::IsNan(), 0.5, (range.first + 1) / 200.0));
  }
}

// header(5): without a number of samples checksums are not verified, and 0 takes their place; the
// initial value counts in formats that store differences.
TEST_F(WfdbSignalFile, TakesPlaceholders) {
  const std::string data = encode_wfdb_samples(16, {1, 2, 3, 4});
  EXPECT_THAT(
      samples("100 2 360\n100.dat 16 200 16 0 0 0 0 I\n100.dat 16 200 16 0 9 77 0 II\n", data),
      ElementsAre(1, 3));
  EXPECT_THAT(samples("100 1 360 4\n100.dat 16 200 16 0 7 10 0 II\n", data),
              ElementsAre(1, 2, 3, 4));
  EXPECT_ERROR(samples("100 1 360 4\n100.dat 16 200 16 0 7 0 0 II\n", data),
               "the checksum of signal II is 10, ");
}

// header(5): the skew is the number of samples that precede sample 0; the checksum has them all.
TEST_F(WfdbSignalFile, ShiftsASkewedSignal) {
  const std::string data = encode_wfdb_samples(16, {1, 10, 2, 20, 3, 30, 4, 40});
  const std::string header =
      "100 2 360 4\n100.dat 16:1 200 16 0 0 10 0 I\n100.dat 16:3 200 16 0 0 100 0 II\n";
  EXPECT_THAT(samples(header, data, 0), ElementsAre(2, 3, 4, -32768));
  EXPECT_THAT(samples(header, data, 1), ElementsAre(40, -32768, -32768, -32768));
  EXPECT_THAT(samples("100 2 360 4\n100.dat 16\n100.dat 16:3\n", data), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(samples("100 1 360 2\n100.dat 80:2000000000\n", "ab"), ElementsAre(-128, -128));
}

TEST_F(WfdbSignalFile, AsksOfOtherFilesNothing) {
  const std::string data = encode_wfdb_samples(16, {1, 2});
  EXPECT_THAT(samples("100 3 360 2\n100.dat 16\nb 310x4:9 0/mmHg\n/dev/zero 8\n", data),
              ElementsAre(1, 2));
  EXPECT_ERROR(samples("100 1 360 2\n100.dat 310\n", data),
               "100.hea:2: format 310 is not supported (212, 16, 80 are)");
  EXPECT_ERROR(samples("100 2 360 1\n100.dat 16\n100.dat 16x2\n", data),
               "100.hea:3: 2 samples per frame are not supported (1 is)");
}

TEST_F(WfdbSignalFile, StaysInItsFolder) {
  std::filesystem::create_directory(folder_ / "sub");
  write_bytes(folder_ / "secret.dat", "ab");
  for (const char* file : {"/dev/zero", "../secret.dat", "x/../../secret.dat", "..", "a//b", "/"}) {
    write_bytes(folder_ / "sub/100.hea", fmt::format("100 1 360\n{} 80\n", file));
    EXPECT_ERROR(
        read_wfdb_signal(read_wfdb_header(folder_ / "sub/100.hea"), 0),
        fmt::format("sub/100.hea:2: '{}' is refused, expected the path of a file inside", file));
  }
  write_bytes(folder_ / "100.hea", "100 1 360\nsub/a.dat 80\n");
  write_bytes(folder_ / "sub/a.dat", "\x81");
  EXPECT_THAT(read_wfdb_signal(read_wfdb_header(folder_ / "100.hea"), 0), ElementsAre(1));
}

// None of these is opened: a pipe would wait for a writer.
TEST_F(WfdbSignalFile, ReadsRegularFilesOnly) {
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  write_bytes(folder_ / "100.hea", "100 1 360\npipe 16\n");
  EXPECT_ERROR(read_wfdb_signal(read_wfdb_header(folder_ / "100.hea"), 0),
               "pipe: is no regular file");
  std::filesystem::create_directory(folder_ / "folder");
  write_bytes(folder_ / "100.hea", "100 1 360\nfolder 16\n");
  EXPECT_ERROR(read_wfdb_signal(read_wfdb_header(folder_ / "100.hea"), 0),
               "folder: is no regular file");
}

// The size alone decides, before memory is taken for what the header claims.
TEST_F(WfdbSignalFile, TakesNoMemoryForClaims) {
  const std::filesystem::path sparse = folder_ / "sparse.dat";
  write_bytes(sparse, "");
  std::filesystem::resize_file(sparse, std::uintmax_t{1} << 40);
  write_bytes(folder_ / "100.hea", "100 1 360 4\nsparse.dat 16\n");
  EXPECT_ERROR(read_wfdb_signal(read_wfdb_header(folder_ / "100.hea"), 0),
               "sparse.dat: too long: 1099511627776 bytes, expected 8");
}

}  // namespace
}  // namespace ekgine
