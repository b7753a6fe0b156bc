// Where beats are said to be: where somebody marked them, or where the detector finds them.
//
// A model that is to label recordings without annotations sees beats where the detector puts them.
// Trained on these, it sees then what it was trained on.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/choice.h"
#include "data/labels.h"
#include "data/wfdb_annotations.h"

namespace ekgine {

enum class BeatMarks {
  annotated,  // the annotations' own
  detected,   // detection/qrs_detector.h's, with the annotations' symbols
};
constexpr auto choices_of(BeatMarks) {
  return std::to_array<Choice<BeatMarks>>(
      {{BeatMarks::annotated, "annotated"}, {BeatMarks::detected, "detected"}});
}

// A part of a signal in which beats are searched for.
struct SignalPiece {
  std::int64_t begin = 0;
  std::vector<float> signal;

  std::int64_t end() const { return begin + std::ssize(signal); }
};

constexpr std::int64_t longest_bridge = 72;   // samples: 0.2 s
constexpr std::int64_t shortest_piece = 360;  // a second

// The pieces of a signal in mV at 360 Hz, NaN where not measured. Gaps of up to 0.2 s are bridged
// by a line; longer ones part the signal, and a piece shorter than a second is none.
std::vector<SignalPiece> pieces_of(std::span<const float> signal);

// Positions of the beats in the pieces of such a signal, ascending.
std::vector<std::int64_t> detected_positions(std::span<const float> signal);

struct MovedMarks {
  std::vector<WfdbAnnotation> annotations;  // in time order
  std::int64_t missed = 0;                  // annotated beats without a detected one: left out
  std::int64_t extra = 0;                   // detected beats without an annotated one: likewise
};

// Moves the annotations of beats (those with a label in `map`) to the detected positions, each to
// the nearest that is within 150 ms and no other's; where two want one, the nearer gets it. Others
// stay.
MovedMarks move_marks(std::span<const std::int64_t> positions,
                      std::span<const WfdbAnnotation> annotations, const LabelMap& map);

}  // namespace ekgine
