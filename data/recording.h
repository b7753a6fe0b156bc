// A recording: the leads of an ECG, whatever kind of file they lie in.
//
//   WFDB   a header, NAME.hea, which may be given without its ending (data/wfdb_header.h)
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/wfdb_header.h"

namespace ekgine {

struct RecordingLead {
  std::string name;      // "MLII"; in UTF-8, empty where the file does not say
  double frequency = 0;  // Hz
};

// What is known of a recording before its samples are read.
struct Recording {
  std::filesystem::path path;  // of the file that was opened
  std::string name;            // that file's, without its ending: "100"
  std::vector<RecordingLead> leads;
  WfdbHeader header;
};

// Opens a recording. Errors: those of its kind's reader; no such file, under `path` or with an
// ending that is known; no leads.
Recording open_recording(const std::filesystem::path& path);

// Which lead to take: the one called `wanted`, in upper or lower case; else number `wanted`, from
// 0; for an empty text the first that is called MLII, else II, else the first of all. Errors name
// the leads there are.
std::size_t choose_lead(const Recording& recording, const std::string& wanted);

// The samples of a lead, in mV at its own frequency, NaN where not measured. Errors: those of its
// kind's reader.
std::vector<float> read_lead(const Recording& recording, std::size_t lead);

}  // namespace ekgine
