// A recording: the leads of an ECG, whatever kind of file they lie in.
//
//   WFDB         a header, NAME.hea, which may be given without its ending, or as NAME.dat or
//                NAME.mat (data/wfdb_header.h), also of several segments (data/wfdb_record.h)
//   EDF, BDF     also EDF+ and BDF+, with gaps (data/edf.h)
//   CSV          columns of numbers (data/sample_table.h): .csv, .tsv, .txt
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "data/edf.h"
#include "data/sample_table.h"
#include "data/wfdb_header.h"
#include "data/wfdb_record.h"

namespace ekgine {

struct RecordingLead {
  std::string name;      // "MLII"; in UTF-8, empty where the file does not say
  double frequency = 0;  // Hz
  std::string units;     // in UTF-8
  // Times of WFDB's annotations count frames.
  int samples_per_frame = 1;
  bool is_voltage = true;  // else it can be listed, not read: respiration, pressure, annotations
};

// What the file does not say.
struct RecordingOptions {
  double rate = 0;  // Hz, of a table's lines; 0: its column of times says it
};

// What is known of a recording before its samples are read.
struct Recording {
  std::filesystem::path path;  // of the file that was opened
  std::string name;            // that file's, without its ending: "100"
  std::vector<RecordingLead> leads;
  std::variant<WfdbHeader, WfdbSegments, EdfHeader, SampleTable> content;
};

// Opens a recording. Errors: those of its kind's reader; no such file, under `path` or with an
// ending that is known; a kind that is not known; no leads; a rate for a file that has its own.
Recording open_recording(const std::filesystem::path& path, const RecordingOptions& options = {});

// Which lead to take: the one called `wanted`, in upper or lower case; else number `wanted`, from
// 0. For an empty text the first that is called MLII, else II, else the first whose name begins
// with ECG or EKG, else the first of all, of those that are voltages. "ECG lead II" and "ECG II"
// are called II, too. Errors name the leads there are: none that is wanted; none of a voltage.
std::size_t choose_lead(const Recording& recording, const std::string& wanted);

// The samples of a lead, in mV at its own frequency, NaN where not measured. Errors: those of its
// kind's reader.
std::vector<float> read_lead(const Recording& recording, std::size_t lead);

}  // namespace ekgine
