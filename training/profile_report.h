// What a profile (engine/profile.h) tells a reader, a program and a trace viewer.
#pragma once

#include <string>

#include "base/json.h"
#include "engine/profile.h"

namespace ekgine {

// A line per op and phase, the longest first: calls, seconds, milliseconds per step, GFLOP/s and
// GB/s of what the op's contract says it must do at least ("-" where that is unknown), and its
// share of the whole. `title` stands above it: what was run.
std::string profile_table(const Profile& profile, const std::string& title);

// The same as an object: steps, warm_up_steps (not counted), seconds, ms_per_step, and ops, each
// with op, phase, calls, seconds, ms_per_step, gflop_per_second, gb_per_second (null where unknown)
// and share (0 to 1).
Json profile_json(const Profile& profile);

// Every span of the first Profile::traced_steps steps in the Trace Event Format of Chrome, which
// chrome://tracing and ui.perfetto.dev draw.
std::string chrome_trace(const Profile& profile);

}  // namespace ekgine
