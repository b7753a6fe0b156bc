// Recordings made of letters, for tests.
#pragma once

#include <cmath>
#include <string_view>

#include "classification/labelled_recording.h"
#include "data/labels.h"

namespace ekgine::testing {

// A beat per letter of class_names, `interval` seconds apart, the first one interval after the
// start; "." is an unreadable stretch of an interval in place of a beat, " " a beat left out.
inline LabelledRecording recording_of_letters(std::string_view letters, double interval = 0.8,
                                              double frequency = 250) {
  LabelledRecording recording;
  recording.name = "made";
  recording.lead = "II";
  recording.frequency = frequency;
  const auto step = std::llround(interval * frequency);
  std::int64_t at = step;
  for (const char letter : letters) {
    if (letter == '.') {
      recording.unreadable.push_back({at - step / 2, at + step / 2});
    } else if (letter != ' ') {
      LabelledBeat beat{.sample = at, .label = 0, .probabilities = {}};
      while (class_names[static_cast<std::size_t>(beat.label)][0] != letter) ++beat.label;
      beat.probabilities[static_cast<std::size_t>(beat.label)] = 1;
      recording.beats.push_back(beat);
    }
    at += step;
  }
  recording.samples = at;
  return recording;
}

}  // namespace ekgine::testing
