// WFDB records whose samples lie in several segments, one after another, each a record of its own
// beside the header that lists them. There are two layouts:
//   fixed      every segment has the same signals in the same order
//   variable   the first segment has no samples; its header, the layout, describes all signals that
//              there are (their file is "~"), and each other segment has some of them, by name
// A segment called "~" is a gap. What a segment does not have was not measured.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "data/wfdb_header.h"

namespace ekgine {

struct WfdbSegment {
  std::int64_t samples = 0;          // frames
  std::optional<WfdbHeader> header;  // none for a gap
};

struct WfdbSegments {
  WfdbHeader header;                // the one that lists them
  std::vector<WfdbSignal> signals;  // the layout's, or those of the first segment that is no gap
  bool by_name = false;             // the layout is variable
  std::vector<WfdbSegment> segments;
};

// Reads the headers of the segments that `header` lists. Errors: those of headers; a name that
// leads out of the folder; a segment with segments of its own, with another sampling frequency, or
// with fewer samples than are listed; a fixed layout whose segments differ in their number of
// signals; segments that add up to another length than the header says, or to more than can be read
// (most_lead_samples).
WfdbSegments read_wfdb_segments(WfdbHeader header);

// A signal in millivolts, NaN where not measured. Errors: those of read_wfdb_millivolts; a segment
// with other samples per frame.
std::vector<float> read_wfdb_millivolts(const WfdbSegments& record, std::size_t signal);

}  // namespace ekgine
