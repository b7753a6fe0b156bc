// What the samples of beats are measured in.
//
// How large a beat is in millivolts, and the offset that it stands on, say more about the patient
// and the electrodes than about its class: between the records of MIT-BIH typical beats differ by a
// factor of five. Measured by its own record a beat tells how large it is beside the others of its
// patient.
#pragma once

#include <string_view>

#include "data/beats.h"

namespace ekgine {

enum class Amplitude {
  millivolts,  // "mV": as recorded
  record,      // "record": without the beat's offset, in typical beats of the record
};

// Errors list the names there are.
Amplitude amplitude_from_name(std::string_view name);

// Rewrites record.beats, which are in mV. For `record`, of every beat x (187):
//   y = (x − median(x)) / A,  A = the median over the record's beats of max(x) − min(x)
// Labels are not looked at, beats of all classes count. The median of an even number of values is
// the mean of the middle two. Errors: A is zero.
void measure_in(Amplitude amplitude, RecordBeats& record);

}  // namespace ekgine
