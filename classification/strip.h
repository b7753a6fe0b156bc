// Strips of ECG as on paper, as SVG inside of HTML: 25 mm/s and 10 mm/mV, on a grid of 1 mm and
// 5 mm, with the mark of 1 mV, the beats' classes and the intervals between them. Printed at 100 %
// they are to scale. The page's style has their colours (strip_style()).
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/html.h"
#include "classification/labelled_recording.h"

namespace ekgine {

inline constexpr double strip_seconds = 7;  // 175 mm: with the mark, 180 of A4's 210 mm

// CSS for strips, and for the colours of the classes: c0 to c4 fill text, s0 to s4 stroke lines.
std::string strip_style();

// Adds the strip that has sample `middle` in its middle, as far as the recording reaches: one at an
// end begins or ends there. `signal`: the recording's samples in mV, NaN where not measured. Values
// of more than 6 mV in all are cut off.
void add_strip(Html& html, const LabelledRecording& recording, std::span<const float> signal,
               std::int64_t middle);

// A time after the recording's start: "0:12:03", with tenths "0:12:03.4".
std::string time_text(double seconds, bool tenths = false);

}  // namespace ekgine
