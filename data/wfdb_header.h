// WFDB record headers (`100.hea`): which signals a record has and how their samples are stored.
//
// The format is described in header(5) of the WFDB Applications Guide (Moody, PhysioNet). A record
// line, then one line per signal, then comments:
//
//   100 2 360 650000
//   100.dat 212 200(1024)/mV 11 1024 995 -22131 0 MLII
//   # 69 M 1085 1629 x1
//
// Optional fields take the defaults of that page. Comments are lines whose first printing character
// is "#", anywhere; what follows the announced signals is not read. What a signal alone uses
// (format, samples per frame, file) is judged when that signal is read (data/wfdb_signal.h).
//
// A record of several segments has a line for each of them instead of signals: the name of its
// header, which is one like the above, and its number of samples (data/wfdb_record.h):
//
//   100/2 2 360 650000
//   100_1 300000
//   ~ 350000
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace ekgine {

struct WfdbSignal {
  std::string file;  // below the folder of the header, as it stands there: not yet checked
  int format = 0;
  int samples_per_frame = 1;
  int skew = 0;  // frames that precede frame 0
  // Of the first sample in `file`; in the formats of FLAC it counts samples of each channel.
  std::int64_t byte_offset = 0;
  double gain = 200;            // ADC units per physical unit; physical = (adc - baseline) / gain
  int baseline = 0;             // ADC value of physical zero
  std::string units = "mV";     // in UTF-8
  int adc_zero = 0;             // ADC value of the middle of the input range
  int initial_value = 0;        // what the first difference of format 8 is added to
  std::optional<int> checksum;  // the samples' sum in 16-bit two's complement
  std::string description;      // the lead: "MLII"; in UTF-8
  int line = 0;                 // where it stands in the header, from 1
};

struct WfdbSegmentLine {
  std::string name;          // of its header, without ".hea": not yet checked; "~" is a gap
  std::int64_t samples = 0;  // frames
  int line = 0;
};

struct WfdbHeader {
  std::filesystem::path path;  // of the .hea file
  std::string record;
  double sampling_frequency = 250;      // Hz: frames a second
  std::optional<std::int64_t> samples;  // frames; absent: as many as the files hold
  std::vector<WfdbSignal> signals;      // none where there are segments
  std::vector<WfdbSegmentLine> segments = {};
  int announced_signals = 0;          // by the record line
  std::vector<std::string> comments;  // without the leading "#"
};

// Reads a .hea file; bytes of descriptions and units that are no UTF-8 are taken as Latin-1. Errors
// name the file and line: missing, truncated (fewer lines of signals or segments than announced),
// a field that is no number.
WfdbHeader read_wfdb_header(const std::filesystem::path& path);

}  // namespace ekgine
