#include "classification/labelled_recording.h"

#include <limits>

namespace ekgine {

std::vector<double> rr_intervals(const LabelledRecording& recording) {
  std::vector<double> intervals;
  intervals.reserve(recording.beats.size());
  auto gap = recording.unreadable.begin();  // the first that ends after the beat before
  const LabelledBeat* before = nullptr;
  for (const LabelledBeat& beat : recording.beats) {
    double interval = std::numeric_limits<double>::quiet_NaN();
    if (before != nullptr) {
      while (gap != recording.unreadable.end() && gap->end <= before->sample) ++gap;
      const bool parted = gap != recording.unreadable.end() && gap->begin < beat.sample;
      if (!parted) {
        interval = static_cast<double>(beat.sample - before->sample) / recording.frequency;
      }
    }
    intervals.push_back(interval);
    before = &beat;
  }
  return intervals;
}

}  // namespace ekgine
