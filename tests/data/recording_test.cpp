#include "data/recording.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>

#include <cmath>
#include <limits>

#include "base/atomic_file.h"
#include "data/wfdb_signal.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/wfdb_writer.h"

namespace ekgine {
namespace {

using ::testing::ElementsAre;
using testing::encode_wfdb_samples;
using ::testing::HasSubstr;
using testing::TemporaryDirectory;
using testing::write_bytes;

const std::filesystem::path wfdb_fixtures =
    std::filesystem::path(EKGINE_SOURCE_DIR) / "tests/data/fixtures/wfdb-python";

constexpr float nan_sample = std::numeric_limits<float>::quiet_NaN();

// Equal, with NaN where the other has it.
MATCHER_P(SamplesAre, expected, "") {
  if (arg.size() != expected.size()) {
    *result_listener << "has " << arg.size() << " samples, expected " << expected.size();
    return false;
  }
  for (std::size_t i = 0; i < arg.size(); ++i) {
    if (arg[i] != expected[i] && !(std::isnan(arg[i]) && std::isnan(expected[i]))) {
      *result_listener << "sample " << i << " is " << arg[i] << ", expected " << expected[i];
      return false;
    }
  }
  return true;
}

std::vector<float> samples_of(std::initializer_list<float> values) {
  return values;
}

// Ramps that start again from below, of the fixtures' 499 samples.
std::vector<std::int32_t> ramp(int bits, std::int64_t first, std::int64_t step) {
  const std::int64_t lowest = -(std::int64_t{1} << (bits - 1)) + 1;
  const std::int64_t range = (std::int64_t{1} << bits) - 1;
  std::vector<std::int32_t> samples;
  for (std::int64_t i = 0; i < 499; ++i) {
    samples.push_back(static_cast<std::int32_t>((first - lowest + i * step) % range + lowest));
  }
  return samples;
}

TEST(WfdbFixtures, HaveTheSamplesThatWfdbReads) {
  const WfdbHeader plain = read_wfdb_header(wfdb_fixtures / "binformats.hea");
  const WfdbHeader flac = read_wfdb_header(wfdb_fixtures / "flacformats.hea");
  EXPECT_EQ(read_wfdb_signal(plain, 1), ramp(16, -32766, 524));
  EXPECT_EQ(read_wfdb_signal(plain, 2), ramp(16, -32765, 524));
  EXPECT_EQ(read_wfdb_signal(plain, 3), ramp(8, -124, 14));
  EXPECT_EQ(read_wfdb_signal(plain, 4), ramp(16, -32763, 524));
  EXPECT_EQ(read_wfdb_signal(plain, 5), ramp(12, -2042, 284));
  EXPECT_EQ(read_wfdb_signal(plain, 6), ramp(10, -505, 347));
  EXPECT_EQ(read_wfdb_signal(plain, 7), ramp(10, -504, 347));
  EXPECT_EQ(read_wfdb_signal(plain, 8), ramp(24, -8388599, 65804));
  EXPECT_EQ(read_wfdb_signal(plain, 9), ramp(32, -2147483638, 16843019));
  const std::vector<std::int32_t> differences = read_wfdb_signal(plain, 0);
  ASSERT_EQ(differences.size(), 499u);
  EXPECT_THAT(std::vector(differences.begin(), differences.begin() + 4),
              ElementsAre(-2047, -1920, -1793, -1666));
  EXPECT_THAT(std::vector(differences.end() - 3, differences.end()), ElementsAre(111, -17, 110));
  EXPECT_EQ(read_wfdb_signal(flac, 0), ramp(8, -127, 14));
  EXPECT_EQ(read_wfdb_signal(flac, 1), ramp(16, -32766, 524));
  EXPECT_EQ(read_wfdb_signal(flac, 2), ramp(24, -8388605, 65804));
}

TEST(WfdbFixtures, RefuseFlacThatIsCutOrOfAnotherKind) {
  const TemporaryDirectory folder;
  const std::string whole = read_file(wfdb_fixtures / "flacformats.d1");
  const auto read = [&](const std::string& signal, std::string_view data) {
    write_bytes(folder / "f.hea", "f 1 200 499\n" + signal);
    write_bytes(folder / "f.dat", std::string(data));
    return read_wfdb_signal(read_wfdb_header(folder / "f.hea"), 0);
  };
  const std::string signal = "f.dat 516 200/mV 16 0 -32766 -750 0 II\n";
  EXPECT_EQ(read(signal, whole), ramp(16, -32766, 524));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_ERROR(read(signal, whole.substr(0, length)), "f.dat: ");
  }
  EXPECT_ERROR(read("f.dat 508\n", whole), "has samples of 16 bits, expected 8 or fewer in format");
  EXPECT_ERROR(read("f.dat 516x2\n", whole), "f.dat: truncated: 498 samples of each signal");
  EXPECT_ERROR(read("f.dat 516+1\n", whole), "f.dat: truncated: 498 samples of each signal");
  EXPECT_ERROR(read("f.dat 516\n", "no FLAC at all"), "f.dat: damaged: libFLAC");
}

class RecordingFile : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& content) {
    write_bytes(folder_ / name, content);
  }
  std::vector<float> lead(const std::string& name, std::size_t lead = 0,
                          const RecordingOptions& options = {}) {
    return read_lead(open_recording(folder_ / name, options), lead);
  }
  std::size_t chosen(const std::string& signals, const std::string& wanted = "") {
    const auto count = std::count(signals.begin(), signals.end(), '\n');
    write("r.hea", fmt::format("r {} 360 1\n{}", count, signals));
    return choose_lead(open_recording(folder_ / "r"), wanted);
  }

  TemporaryDirectory folder_;
};

TEST_F(RecordingFile, IsFoundByNameOrFile) {
  std::filesystem::create_directory(folder_ / "p1");
  write("p1/r.hea", "r 1 90.5 2\nr.dat 80x4 200 8 0 0 0 0 II\n");
  write("p1/r.dat", std::string(8, '\x80'));
  for (const char* path : {"p1/r", "p1/r.hea", "p1/r.dat"}) {
    const Recording recording = open_recording(folder_ / path);
    EXPECT_EQ(recording.name, "r") << path;
    EXPECT_EQ(recording.path, folder_ / "p1/r.hea") << path;
    ASSERT_EQ(recording.leads.size(), 1u) << path;
    EXPECT_EQ(recording.leads[0].name, "II") << path;
    EXPECT_EQ(recording.leads[0].frequency, 362) << path;
    EXPECT_EQ(recording.leads[0].samples_per_frame, 4) << path;
    EXPECT_EQ(read_lead(recording, 0).size(), 8u) << path;
  }
  EXPECT_ERROR(open_recording(folder_ / "p1/x"),
               "p1/x: does not exist, nor with .hea, .edf, .bdf or .csv");
  EXPECT_ERROR(open_recording(folder_ / "p1/x.hea"), "p1/x.hea: cannot open: No such file");
  EXPECT_ERROR(open_recording(folder_ / "p1"), "p1: is a folder, expected a file");
  write("other.dat", "abc");
  EXPECT_ERROR(open_recording(folder_ / "other.dat"),
               "other.dat: is no recording that is known (a header of WFDB, EDF, BDF, CSV)");
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  EXPECT_ERROR(open_recording(folder_ / "pipe"), "pipe: is a FIFO, expected a file");
  write("none.hea", "none 0 360\n");
  EXPECT_ERROR(open_recording(folder_ / "none"), "none.hea: has no signals");
  EXPECT_ERROR(open_recording(folder_ / "p1/r", {.rate = 100}),
               "r.hea: says its rate itself; one is given for tables alone");
}

TEST_F(RecordingFile, ReadsALeadByName) {
  const auto signal = [](const std::string& name, const std::string& units = "mV") {
    return "r.dat 16 200/" + units + " 16 0 0 0 0 " + name + "\n";
  };
  EXPECT_EQ(chosen(signal("V5") + signal("II") + signal("MLII")), 2u);
  EXPECT_EQ(chosen(signal("V5") + signal("ii") + signal("V1")), 1u);
  EXPECT_EQ(chosen(signal("V5") + signal("III") + signal("V1")), 0u);
  EXPECT_EQ(chosen(signal("ABP", "mmHg") + signal("V5") + signal("V1")), 1u);
  EXPECT_EQ(chosen(signal("II", "mmHg") + signal("V5") + signal("ECG lead II")), 2u);
  EXPECT_EQ(chosen(signal("EEG Fpz") + signal("EKG 1")), 1u);
  EXPECT_EQ(chosen(signal("V5") + signal("MLII"), "v5"), 0u);
  EXPECT_EQ(chosen(signal("V5") + signal("MLII"), "1"), 1u);
  EXPECT_EQ(chosen(signal("1") + signal("0"), "1"), 0u) << "a name is sought first";
  EXPECT_EQ(chosen(signal("V5") + signal("ECG_V1"), "V1"), 1u);
  for (const char* wanted : {"V9", "2", "-1", "MLII "}) {
    EXPECT_ERROR(chosen(signal("MLII") + signal("V5", "mmHg"), wanted),
                 fmt::format("r.hea: has no lead {} (has 0 MLII, 1 V5 in 'mmHg')", wanted));
  }
  EXPECT_ERROR(chosen(signal("ABP", "mmHg") + signal("Resp", "NU")),
               "r.hea: has no lead of an ECG, in a unit of voltage (has 0 ABP in 'mmHg', 1 Resp in "
               "'NU')");
  EXPECT_ERROR(lead("r", 1), "r.hea:3: the units are 'NU', expected a voltage");
}

// ---- Segments.

class SegmentedRecord : public RecordingFile {
 protected:
  void SetUp() override {
    write("a.hea", "a 2 100 3\na.dat 16 100/mV 16 0 1 6 0 II\na.dat 16 100/uV 16 0 9 24 0 V\n");
    write("a.dat", encode_wfdb_samples(16, {1, 9, 2, 8, 3, 7}));
    write("b.hea", "b 2 100\nb.dat 80 10(-5) 8 0 1 0 0 V\nb.dat 80 1/mmHg 8 0 0 0 0 ABP\n");
    write("b.dat", encode_wfdb_samples(80, {0, 1, -128, 2, 5, 3}));
    write("layout.hea",
          "layout 3 100 0\n~ 0 1/mV 0 0 0 0 0 II\n~ 0 1/mV 0 0 0 0 0 V\n"
          "~ 0 1/mmHg 0 0 0 0 0 ABP\n");
  }
};

TEST_F(SegmentedRecord, OfAFixedLayout) {
  write("r.hea", "r/3 2 100 7\na 3\n~ 2\na 2\n");
  EXPECT_THAT(lead("r", 0),
              SamplesAre(samples_of({.01f, .02f, .03f, nan_sample, nan_sample, .01f, .02f})));
  EXPECT_THAT(lead("r", 1),
              SamplesAre(samples_of({9e-5f, 8e-5f, 7e-5f, nan_sample, nan_sample, 9e-5f, 8e-5f})));
  const Recording recording = open_recording(folder_ / "r");
  ASSERT_EQ(recording.leads.size(), 2u);
  EXPECT_EQ(recording.leads[1].name, "V");
  EXPECT_EQ(recording.leads[1].frequency, 100);
}

TEST_F(SegmentedRecord, OfAVariableLayout) {
  write("r.hea", "r/5 3 100\nlayout 0\n~ 1\na 3\nb 3\n~ 1\n");
  const Recording recording = open_recording(folder_ / "r");
  ASSERT_EQ(recording.leads.size(), 3u);
  EXPECT_EQ(choose_lead(recording, ""), 0u);
  const float n = nan_sample;
  EXPECT_THAT(read_lead(recording, 0), SamplesAre(samples_of({n, .01f, .02f, .03f, n, n, n, n})));
  EXPECT_THAT(read_lead(recording, 1),
              SamplesAre(samples_of({n, 9e-5f, 8e-5f, 7e-5f, .5f, n, 1, n})));
  EXPECT_ERROR(read_lead(recording, 2), "b.hea:3: the units are 'mmHg', expected a voltage");
  write("gaps.hea", "gaps/2 3 100\nlayout 0\n~ 4\n");
  EXPECT_THAT(lead("gaps", 1), SamplesAre(samples_of({n, n, n, n})));
}

TEST_F(SegmentedRecord, NamesWhatIsWrong) {
  const auto refuses = [&](const std::string& header, const std::string& expected) {
    write("r.hea", header);
    EXPECT_ERROR(lead("r", 0), expected);
  };
  refuses("r/2 2 100\na 3\n",
          "r.hea:3: the line of segment 1 is missing, 2 segments are announced");
  refuses("r/0 2 100\na 3\n", "r.hea:1: the number of segments is 0, expected 1 to 1000000");
  refuses("r/99999999999999999999 2 100\na 3\n", "r.hea:1: the number of segments is '9999");
  refuses("r/1 2 100\na\n", "r.hea:2: the number of samples of segment a is missing");
  refuses("r/1 2 100\na x\n", "r.hea:2: the number of samples is 'x', expected an integer");
  refuses("r/1 2 100\na -3\n", "r.hea:2: the number of samples is -3");
  refuses("r/2 2 100 7\na 3\n~ 3\n", "r.hea: the segments have 6 samples, the record 7");
  refuses("r/1 2 100\nr 3\n", "r.hea: is a segment of ");
  refuses("r/1 2 100\nx 3\n", "x.hea: cannot open: No such file or directory");
  refuses("r/1 2 100\n../a 3\n", "r.hea:2: '../a' is refused, expected the path of a file inside");
  refuses("r/1 2 100\n/etc/a 3\n", "r.hea:2: '/etc/a' is refused");
  refuses("r/1 2 125\na 3\n", "a.hea: the sampling frequency is 100 Hz, expected that of ");
  refuses("r/1 3 100\na 3\n", "a.hea: has 2 signals, ");
  refuses("r/1 2 100\na 4\n", "a.hea: has 3 samples, ");
}

TEST_F(SegmentedRecord, TakesNoMemoryForClaims) {
  write("r.hea", "r/2 2 100\na 3\n~ 1000000000000\n");
  EXPECT_ERROR(open_recording(folder_ / "r"), "more than the 250000000 samples that can be read");
  write("r.hea", "r/2 2 100\na 3\n~ 100000001\n");
  EXPECT_ERROR(lead("r"), "r.hea: 100000001 samples of signal II were not measured, more than");
  write("long.hea", "long 2 100\na.dat 16\na.dat 16\n");
  write("r.hea", "r/1 2 100\nlong 200000000\n");
  EXPECT_ERROR(lead("r"), "long.hea: signal  has 3 samples, expected 200000000");
}

}  // namespace
}  // namespace ekgine
