// What the samples of beats are measured in.
//
// The offset that a beat stands on says nothing of its class, but where and when it was recorded;
// and since a beat's transform ends where the beat does, an offset is a step at both ends that
// large scales carry all over the scalogram. How large a beat is in millivolts tells patients
// apart, too: between the records of MIT-BIH typical beats differ by a factor of five. Measured by
// its own record a beat tells how large it is beside the others of its patient. And beats of one
// class differ more between patients than those of two classes do within one: a bundle branch block
// makes all normal beats as wide as ventricular ones. How a beat deviates from the typical one of
// its record is free of that, as far as most of the record's beats are of one kind, and normal.
#pragma once

#include <span>
#include <vector>

#include "base/beat.h"
#include "data/beats.h"

namespace ekgine {

// Rewrites record.beats, which must be in mV, beat by beat (187), and says so in record.unit and,
// of `deviation`, in record.typical:
//   centred    y = x − median(x)
//   record     y = (x − median(x)) / A,  A = the median over the record's beats of max(x) − min(x)
//   deviation  y[t] = z[t] − the median over the record's beats of z[t],  z = y of `record`
//   features   the record's features instead of its samples
//   waves      the same, and behind them the samples of its waves
// Labels are not looked at, beats of all classes count. The median of an even number of values is
// the mean of the middle two. Errors: the beats are not in mV; A is zero; no features
// or waves are known.
void measure_in(BeatUnit unit, RecordBeats& record);

// Rows of BeatUnit::waves, of the features (n, 48) and the waves of the same n beats.
std::vector<float> feature_rows(std::span<const float> features, const BeatWaves& waves);

}  // namespace ekgine
