// A whole recording at a glance, as SVG inside of HTML: its intervals, its signal in rows, its
// hours. Sizes do not grow with the recording: what falls on one point is drawn once.
#pragma once

#include <span>
#include <string>

#include "base/html.h"
#include "classification/findings.h"
#include "classification/labelled_recording.h"

namespace ekgine {

// CSS for them, beyond that of strips.
std::string glance_style();

// Every interval as a point over time, in the colour of its later beat; below them the rhythms.
void add_intervals(Html& html, const LabelledRecording& recording, const Findings& findings);

// The signal (mV, NaN where not measured) in rows, 60 at most, of what lies within each thousandth
// of a row; beats of other classes than N in their colour.
void add_rows(Html& html, const LabelledRecording& recording, std::span<const float> signal);

// Rate, S and V hour by hour. For recordings of two hours or more; nothing for others.
void add_hour_charts(Html& html, const Findings& findings);

}  // namespace ekgine
