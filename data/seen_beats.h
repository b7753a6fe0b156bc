// Features of beats while their record goes on: of what has been seen of it.
//
// Those of a whole record (data/beat_features.h) know its end. Here the part of it that ends with
// one of its beats is measured as a record of its own:
//   intervals  from columns 0 and 1. What follows the last beat is not known yet: as at the end of
//              a record, the median of the part's intervals, those before its beats, or 0.8 s of
//              none. So is what precedes the first beat of the record, where a median over all of
//              it stands.
//   waves      divided by A of cut_waves() over the beats of the part, within ±1000 again. The unit
//              that they come in is A over the whole record, which this takes out of them: what is
//              left of it is the rounding. The least A is 0.05 of that unit. A second lead that is
//              flat in the median beat of the part counts as not measured.
//
// What still sees beyond the last beat:
//   waves      all samples, the beat's own last 0.44 s among them; and the band-pass runs both
//              ways, so that what comes within a second or two after a sample moves it, ever less;
//   R          its place, by up to 0.13 s, or half the way to the next mark where that is closer;
//   gaps       are bridged by a line to where the signal goes on, and beats beside them left out;
//   the unit   the least and the largest values above count in it; and a second lead that is flat
//              in the median beat of the whole record is nowhere measured;
//   marks      as far as who made them did: ekgine's detector looks 8 s and more ahead, an
//              annotator at everything.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/beat.h"
#include "data/beat_features.h"
#include "data/beat_waves.h"

namespace ekgine {

class SeenBeats {
 public:
  // Of a record's n beats: rows in a unit that has features, of which the intervals are taken, and
  // waves. Errors: of different numbers of beats.
  SeenBeats(const BeatSpan& rows, BeatWaves waves);

  std::int64_t size() const { return waves_.size(); }
  // Rows (end − first, row_width), in the unit of those given, of the beats first ... end − 1, a
  // part that ends with the last of them. 0 ≤ first < end ≤ size(). Any thread may call.
  std::vector<float> measure(std::int64_t first, std::int64_t end) const;

 private:
  BeatIntervals intervals_of(std::int64_t first, std::int64_t end) const;
  BeatWaves waves_of(std::int64_t first, std::int64_t end) const;

  BeatUnit unit_;
  BeatIntervals intervals_;
  BeatWaves waves_;
  std::array<std::vector<double>, wave_leads> ranges_;  // max − min of each wave
};

}  // namespace ekgine
