// Finds and labels the beats of a lead.
//
// The lead is resampled to 360 Hz (data/resample.h). Gaps of up to 0.2 s are bridged by a line;
// longer ones part it into pieces, in which the QRS detector finds the beats. Beats are cut at
// 360 Hz and measured in the model's unit over all of the recording's. The model labels the last
// beat of a sequence of T: before the first beat of a piece stand T − 1 copies of it, so that every
// beat gets a label. A window that leads over an end of the recording goes on at the first or last
// value there; a beat whose window leads out of its piece elsewhere is left out and counted.
// Positions are given at the lead's own rate, as the samples nearest to those at 360 Hz.
//
// A model that labels every beat is given their features instead (data/beat_features.h), measured
// in this lead and a second one, over all of the recording: intervals to beats that are left out
// count, too.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "classification/beat_classifier.h"
#include "classification/labelled_recording.h"

namespace ekgine {

struct LeadSignal {
  std::string recording;      // its name, in errors and in what is made of it
  std::string lead;           // "MLII"; empty where the file does not say
  double frequency = 0;       // Hz, in the range of check_frequency()
  std::vector<float> signal;  // mV, NaN where not measured
  // Reads the same of a second lead, at a rate of its own, for a model that takes features; empty
  // where there is none. Called once, when the memory of finding beats is free again.
  std::function<std::vector<float>()> second;
  double second_frequency = 0;
  bool inverted = false;  // the signal has been turned upside down
};

// `progress` gets the beats that are labelled so far and all there are. The same bits at any number
// of threads. Errors: no beats were found; those of measure_in(). Throws Interrupted on Ctrl-C.
LabelledRecording label_beats(
    LeadSignal lead, BeatClassifier& classifier,
    const std::function<void(std::int64_t done, std::int64_t total)>& progress = {});

}  // namespace ekgine
