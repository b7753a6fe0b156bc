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
using ::testing::ElementsAreArray;
using testing::encode_wfdb_samples;
using ::testing::HasSubstr;
using testing::TemporaryDirectory;
using testing::TestRecord;
using testing::write_bytes;

// Lowest (which marks an unmeasured sample) and highest value of each format.
const std::map<int, std::pair<int, int>> ranges = {
    {16, {-32768, 32767}}, {24, {-8388608, 8388607}}, {32, {-2147483647 - 1, 2147483647}},
    {61, {-32768, 32767}}, {80, {-128, 127}},         {160, {-32768, 32767}},
    {212, {-2048, 2047}},  {310, {-512, 511}},        {311, {-512, 511}}};

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
          const std::vector<std::int32_t> samples = read_wfdb_signal(header, s);
          EXPECT_EQ(samples, record.signals[s])
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
  std::vector<float> millivolts(const std::string& header, const std::string& data) {
    write(header, data);
    return read_wfdb_millivolts(read_wfdb_header(folder_ / "100.hea"), 0);
  }
  std::vector<std::int32_t> samples(const std::string& header, const std::string& data,
                                    std::size_t signal = 0) {
    write(header, data);
    return read_wfdb_signal(read_wfdb_header(folder_ / "100.hea"), signal);
  }

  TemporaryDirectory folder_;
};

TEST_F(WfdbSignalFile, ConvertsToMillivolts) {
  const std::string data = encode_wfdb_samples(16, {995, 1024, 1031, -5});
  const std::vector<float> expected = {-0.145f, 0, 0.035f, -5.145f};
  EXPECT_EQ(millivolts("100 1 360 4\n100.dat 16 200 11 1024\n", data), expected);
  EXPECT_EQ(millivolts("100 1 360 4\n100.dat 16 200(1024)/mV 11 7\n", data), expected);
  EXPECT_THAT(millivolts("100 1 360 4\n100.dat 16 0.2(1024)/uV\n", data),
              ElementsAreArray(expected));
  EXPECT_THAT(millivolts("100 1 360 4\n100.dat 16 2e5(1024)/V\n", data),
              ElementsAreArray(expected));
  EXPECT_ERROR(millivolts("100 1 360 4\n100.dat 16 200/mmHg\n", data),
               "100.hea:2: the units are 'mmHg', expected a voltage (mV, uV, nV, V)");
  // The micro sign, the Greek letter, and the former in Latin-1.
  for (const char* units : {"uV", "uv", "\u00B5V", "\u03BCV", "\xB5V"}) {
    EXPECT_THAT(millivolts("100 1 360 4\n100.dat 16 0.2(1024)/" + std::string(units) + "\n", data),
                ElementsAreArray(expected))
        << units;
  }
  EXPECT_THAT(millivolts("100 1 360 4\n100.dat 16 2e-4(1024)/nV\n", data),
              ElementsAreArray(expected));
  EXPECT_EQ(millivolts("100 1 360 4\n100.dat 16 -200(1024)/mv\n", data),
            (std::vector<float>{0.145f, 0, -0.035f, 5.145f}));
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
            (std::vector<std::int32_t>{1, 3, 5}));
  EXPECT_EQ(samples("100 1\n100.dat 80\n", "\x80\x81"), (std::vector<std::int32_t>{0, 1}));
  EXPECT_ERROR(samples("100 1\n100.dat 16\n", "abc"),
               "100.dat: too long: 3 bytes, expected 2 (1 samples of 1 signals in format 16");
  EXPECT_ERROR(samples("100 1\n100.dat 16\n", ""), "100.dat: holds no samples");
  EXPECT_ERROR(samples("100 1\n100.dat 16+9\n", "abc"), "100.dat: holds no samples");
}

TEST_F(WfdbSignalFile, AcceptsTheThirdByteOfAnOddSample) {
  const std::string header = "100 1 360 3\n100.dat 212\n";
  const std::string data = encode_wfdb_samples(212, {1, -2, 3});
  EXPECT_EQ(samples(header, data), (std::vector<std::int32_t>{1, -2, 3}));
  EXPECT_EQ(samples(header, data + '\0'), (std::vector<std::int32_t>{1, -2, 3}));
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
  EXPECT_ERROR(samples("100 1 360 200000000\n100.dat 16\n", data),
               "100.dat: truncated: 8 bytes, expected 400000000");
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

// What follows the samples that a header counts is no matter where their checksums are right.
TEST_F(WfdbSignalFile, ReadsTheBeginningThatChecksumsVouchFor) {
  const std::string data = encode_wfdb_samples(16, {1, 2, 3, 4, 5});
  EXPECT_THAT(samples("100 2 360 2\n100.dat 16 200 16 0 1 4\n100.dat 16 200 16 0 2 6\n", data, 1),
              ElementsAre(2, 4));
  EXPECT_ERROR(samples("100 2 360 2\n100.dat 16 200 16 0 1 4\n100.dat 16 200 16 0 2\n", data),
               "100.dat: too long: 10 bytes, expected 8");
  EXPECT_ERROR(samples("100 2 360 2\n100.dat 16 200 16 0 1 4\n100.dat 16 200 16 0 2 7\n", data),
               "the checksum of signal  is 6");
}

// Memory is taken for what is there alone.
TEST_F(WfdbSignalFile, RefusesMoreThanCanBeRead) {
  EXPECT_ERROR(samples("100 1 360 1000000000000\n100.dat 16x1000000\n", "ab"),
               "100.hea: a signal has 1e+18 samples, more than the 250000000 that can be read");
  EXPECT_ERROR(samples("100 1 360 250000000\n100.dat 16\n", "ab"), "100.dat: truncated: 2 bytes");
}

TEST_F(WfdbSignalFile, AcceptsChecksumsInEitherSign) {
  const std::string data = encode_wfdb_samples(16, {-1, -2});
  EXPECT_EQ(samples("100 1 360 2\n100.dat 16 200 16 0 -1 -3\n", data).size(), 2u);
  EXPECT_EQ(samples("100 1 360 2\n100.dat 16 200 16 0 -1 65533\n", data).size(), 2u);
}

// header(5): differences begin at the initial value, 0 where there is none.
TEST_F(WfdbSignalFile, AddsUpDifferences) {
  const std::string data = {1, 10, 2, -20, -128, 127};
  const std::string header = "100 2 360 3\n100.dat 8 200 12 0 -7 -142\n100.dat 8\n";
  EXPECT_THAT(samples(header, data, 0), ElementsAre(-6, -4, -132));
  EXPECT_THAT(samples(header, data, 1), ElementsAre(10, -10, 117));
  // Each goes on from the sample before it, in whichever frame.
  EXPECT_THAT(samples("100 2 360 2\n100.dat 8x2 200 12 0 5\n100.dat 8\n", data, 0),
              ElementsAre(6, 16, -4, -132));
}

TEST_F(WfdbSignalFile, ReadsFramesOfSeveralSamples) {
  const std::string data = encode_wfdb_samples(212, {1, 2, 3, -1, 4, 5, 6, -2, 7, 8, 9, -3});
  const std::string header =
      "100 2 360 3\n100.dat 212x3 200 12 0 1 45\n100.dat 212 200 12 0 0 -6\n";
  EXPECT_THAT(samples(header, data, 0), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9));
  EXPECT_THAT(samples(header, data, 1), ElementsAre(-1, -2, -3));
  // Skew counts frames.
  EXPECT_THAT(samples("100 2 360 3\n100.dat 212x3:2\n100.dat 212:1\n", data, 0),
              ElementsAre(7, 8, 9, -2048, -2048, -2048, -2048, -2048, -2048));
  EXPECT_THAT(samples("100 2 360\n100.dat 212x3:2\n100.dat 212:1\n", data, 1),
              ElementsAre(-2, -3, -2048));
}

// Longer than a piece that is in memory at a time, in frames that no piece's size is a multiple of.
TEST_F(WfdbSignalFile, ReadsPieceByPiece) {
  std::vector<int> all(700'007);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i * 31 % 1021) - 510;
  for (const int format : {80, 212, 310, 311, 24}) {
    std::vector<int> some = all;
    if (format == 80) {
      for (int& s : some) s /= 4;
    }
    const std::string data = encode_wfdb_samples(format, some);
    const std::string header = fmt::format("100 2 360\n100.dat {0}x3:2\n100.dat {0}x4\n", format);
    std::vector<std::int32_t> expected;
    for (std::size_t i = 3; i < some.size(); i += 7) {
      expected.insert(expected.end(), some.begin() + static_cast<std::ptrdiff_t>(i),
                      some.begin() + static_cast<std::ptrdiff_t>(i) + 4);
    }
    EXPECT_TRUE(samples(header, data, 1) == expected) << format;
    const std::vector<std::int32_t> skewed = samples(header, data, 0);
    ASSERT_EQ(skewed.size(), some.size() / 7 * 3) << format;
    for (std::size_t i = 0; i + 6 < skewed.size(); ++i) {
      ASSERT_EQ(skewed[i], some[(i / 3 + 2) * 7 + i % 3]) << format << ' ' << i;
    }
  }
}

TEST_F(WfdbSignalFile, MarksUnmeasuredSamples) {
  for (const auto& [format, range] : ranges) {
    const std::string header = fmt::format("100 1 360 3\n100.dat {} 200 8 0 1\n", format);
    EXPECT_THAT(
        millivolts(header, encode_wfdb_samples(format, {range.first, 100, range.first + 1})),
        ElementsAre(::testing::IsNan(), 0.5f, static_cast<float>((range.first + 1) / 200.0)));
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
  EXPECT_ERROR(
      samples("100 1 360 2\n100.dat 9\n", data),
      "100.hea:2: format 9 is not supported (8, 16, 24, 32, 61, 80, 160, 212, 310, 311, 508, "
      "516, 524 are)");
  for (const char* count : {"0", "-1", "1048577", "2147483647"}) {
    EXPECT_ERROR(samples(fmt::format("100 2 360 1\n100.dat 16\n100.dat 16x{}\n", count), data),
                 fmt::format("100.hea:3: a frame has {} samples, expected 1 to 1048576", count));
  }
  EXPECT_ERROR(samples("100 2 360 1\n100.dat 16x1048576\n100.dat 16\n", data),
               "100.hea:2: the frames of 100.dat have 1048577 samples, expected 1048576 or fewer");
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
               "pipe: is a FIFO, expected a file");
  std::filesystem::create_directory(folder_ / "folder");
  write_bytes(folder_ / "100.hea", "100 1 360\nfolder 16\n");
  EXPECT_ERROR(read_wfdb_signal(read_wfdb_header(folder_ / "100.hea"), 0),
               "folder: is a folder, expected a file");
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
