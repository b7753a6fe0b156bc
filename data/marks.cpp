#include "data/marks.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>

#include "base/beat.h"
#include "data/beats.h"
#include "detection/qrs_detector.h"

namespace ekgine {

static_assert(detection_frequency == beat_frequency);

namespace {

// Appends the line from the piece's last sample to `next`, which is `gap` + 1 samples away.
void bridge(std::vector<float>& signal, std::int64_t gap, float next) {
  const double last = signal.back();
  for (std::int64_t k = 1; k <= gap; ++k) {
    const double share = static_cast<double>(k) / static_cast<double>(gap + 1);
    signal.push_back(static_cast<float>(last + (next - last) * share));
  }
}

}  // namespace

std::vector<SignalPiece> pieces_of(std::span<const float> signal) {
  std::vector<SignalPiece> pieces;
  std::int64_t gap = 0;  // unmeasured samples before this one
  for (std::int64_t i = 0; i < std::ssize(signal); ++i) {
    const float x = signal[static_cast<std::size_t>(i)];
    if (std::isnan(x)) {
      ++gap;
      continue;
    }
    if (pieces.empty() || gap > longest_bridge) {
      pieces.push_back({.begin = i, .signal = {}});
    } else {
      bridge(pieces.back().signal, gap, x);
    }
    pieces.back().signal.push_back(x);
    gap = 0;
  }
  std::erase_if(pieces,
                [](const SignalPiece& piece) { return std::ssize(piece.signal) < shortest_piece; });
  return pieces;
}

std::vector<std::int64_t> detected_positions(std::span<const float> signal) {
  std::vector<std::int64_t> positions;
  for (const SignalPiece& piece : pieces_of(signal)) {
    for (const std::int64_t at : detect_beats(piece.signal)) positions.push_back(piece.begin + at);
  }
  return positions;
}

MovedMarks move_marks(std::span<const std::int64_t> positions,
                      std::span<const WfdbAnnotation> annotations, const LabelMap& map) {
  // Pairs that could be, the nearest first; of equals the earlier.
  struct Pair {
    std::int64_t distance;
    std::size_t annotation, position;
  };
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < annotations.size(); ++i) {
    if (map.label(annotations[i].symbol) < 0) continue;
    const std::int64_t sample = annotations[i].sample;
    for (auto at = std::ranges::lower_bound(positions, sample - same_beat);
         at != positions.end() && *at <= sample + same_beat; ++at) {
      pairs.push_back({.distance = std::abs(*at - sample),
                       .annotation = i,
                       .position = static_cast<std::size_t>(at - positions.begin())});
    }
  }
  std::ranges::stable_sort(pairs, {}, &Pair::distance);
  std::map<std::size_t, std::size_t> position_of;  // of an annotation
  std::vector<bool> taken(positions.size());
  for (const Pair& pair : pairs) {
    if (taken[pair.position] || position_of.contains(pair.annotation)) continue;
    taken[pair.position] = true;
    position_of[pair.annotation] = pair.position;
  }
  MovedMarks moved;
  for (std::size_t i = 0; i < annotations.size(); ++i) {
    const auto found = position_of.find(i);
    if (found == position_of.end()) {
      if (map.label(annotations[i].symbol) >= 0) {
        ++moved.missed;
      } else {
        moved.annotations.push_back(annotations[i]);
      }
      continue;
    }
    moved.annotations.push_back(annotations[i]);
    moved.annotations.back().sample = positions[found->second];
  }
  std::ranges::stable_sort(moved.annotations, {}, &WfdbAnnotation::sample);
  moved.extra = std::ssize(positions) - std::ssize(position_of);
  return moved;
}

}  // namespace ekgine
