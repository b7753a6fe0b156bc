// Pseudo-records: beats of a record, put together as another patient's might have come. A model
// that sees 22 patients takes what is common to them for what is so: that ectopic beats are rare,
// that the rhythm between them is regular. Training sees these beside the records.
//
// Of a record with intervals before and after its n beats (data/beat_features.h), random numbers a
// function of the seed and the record's number alone:
//
//   dense      every S, with up to w beats before it and 1 to w beats after it, each number
//   uniform;
//              w = 2 and w = 5: two pseudo-records
//   majority   every S, and each N beside one with probability p = 0.05, 0.15, 0.4 and 0.7: four
//   fibrillation  a stretch of 40 % of the beats without its S, in an irregular rhythm: intervals
//              m·u·e^(s·g − s²/2), m their median in the record, u uniform in [0.6, 1.1), s in
//              [0.14, 0.42), g gamma distributed of shape 6 or 30, standardised; times a slow drift
//              of up to a fifth. V keep their own prematurity where it is the shorter interval.
//              What precedes the QRS complex of other beats (a P wave) gives way to the beat
//              before, at its new distance, faded over 5 samples; and all that is not V gets waves
//              of 4.5 to 8 Hz, of 0.01 to 0.07 typical beats
//
// Beats that are cut out take their time with them: the others keep their own intervals. Features
// are measured anew, of what is left. Dense ones and majorities are made of records with at least
// 25 S, and pseudo-records of fewer than `least_beats` are left out.
#pragma once

#include <cstdint>
#include <vector>

#include "data/beat_waves.h"
#include "data/beats.h"

namespace ekgine {

// In BeatUnit::features, of a record in BeatUnit::waves in that; named after it: "209-dense-2".
// `record` has its positions and labels, which are EC57's or the reference's classes; `waves` are
// of its beats.
std::vector<RecordBeats> pseudo_records(const RecordBeats& record, const BeatWaves& waves,
                                        std::uint64_t seed, std::uint32_t number,
                                        std::int64_t least_beats);

}  // namespace ekgine
