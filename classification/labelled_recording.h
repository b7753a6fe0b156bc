// A recording whose beats have been found and labelled: what annotations, tables, findings and the
// page of a recording are made of. Times are samples of the recording, at its own frequency.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/beat.h"

namespace ekgine {

struct LabelledBeat {
  std::int64_t sample = 0;                         // of R
  std::int32_t label = 0;                          // a class, 0 … class_count − 1
  std::array<float, class_count> probabilities{};  // of the classes
};

// The samples begin … end − 1.
struct Stretch {
  std::int64_t begin = 0, end = 0;
  bool operator==(const Stretch&) const = default;
};

struct LabelledRecording {
  std::string name;
  std::string lead;                 // that was read; empty where the file does not say
  double frequency = 0;             // Hz, of the samples
  std::int64_t samples = 0;         // of the lead
  bool inverted = false;            // the lead was turned upside down
  std::vector<LabelledBeat> beats;  // in time order
  std::vector<Stretch> unreadable;  // in time order, apart from each other: not searched for beats
  std::int64_t left_out = 0;  // beats that were found too close to unreadable samples for a label
};

// The interval before each beat, in seconds, as many as there are beats: NaN for the first, and
// where an unreadable stretch lies between a beat and the one before it.
std::vector<double> rr_intervals(const LabelledRecording& recording);

}  // namespace ekgine
