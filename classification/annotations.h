// What is written of a labelled recording for other programs: annotations of WFDB, and a table.
#pragma once

#include <string>
#include <vector>

#include "classification/labelled_recording.h"
#include "data/wfdb_annotations.h"

namespace ekgine {

// In time order: every beat with its class as symbol (N, S, V, F, Q); before the first beat of a
// rhythm `+` with its name as text (classification/rhythm.h); around every unreadable stretch `~`
// whose bits say that no signal can be read (sub 0x30), and `~` without any where it can again.
std::vector<WfdbAnnotation> annotations_of(const LabelledRecording& recording);

// A line of names, then one per beat: `sample`, `time` in seconds, `label`, the probabilities
// `N`, `S`, `V`, `F`, `Q`, `rr`, the interval before the beat in seconds, and `rate`, 60 / rr;
// these two are empty where there is no such interval (rr_intervals()).
std::string beat_table(const LabelledRecording& recording);

}  // namespace ekgine
