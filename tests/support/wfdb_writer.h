// Writes WFDB records for tests, byte by byte from the format's description: what the readers of
// data/ must understand.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace ekgine::testing {

// `samples` of all signals interleaved, in any format but 8 and FLAC's.
std::string encode_wfdb_samples(int format, const std::vector<int>& samples);

// One annotation word, low byte first; code and time (or length, or value) as given.
std::string annotation_word(int code, int low);

struct TestAnnotation {
  std::int64_t sample;
  char symbol;
  int chan = 0;
  int sub = 0;
};

// A note (code 22) with this text, `step` after the annotation before it.
std::string annotation_note(const std::string& text, int step = 0);

// An annotation file with its end mark; long times by SKIP. Symbols: those of MIT-BIH beats, + ~ |.
std::string encode_wfdb_annotations(const std::vector<TestAnnotation>& annotations);

struct TestRecord {
  std::string name = "100";
  int format = 212;
  double frequency = 360;
  int gain = 200, adc_zero = 1024;
  std::vector<std::vector<int>> signals;  // ADC units, all of one length, in one file NAME.dat
  std::vector<TestAnnotation> annotations;
};

// Writes NAME.hea (with initial values and checksums), NAME.dat and NAME.atr.
void write_wfdb_record(const std::filesystem::path& folder, const TestRecord& record);

// A record of `beats` beats, one every 300 samples from sample 150 on, whose symbols are those of
// `symbols` in turn. The signal is noise of ±200 ADC units about the baseline; `seed` chooses it.
TestRecord random_record(const std::string& name, int beats, const std::string& symbols,
                         std::uint64_t seed);

}  // namespace ekgine::testing
