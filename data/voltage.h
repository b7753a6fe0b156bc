// Names of units of voltage, as files have them.
#pragma once

#include <optional>
#include <string_view>

namespace ekgine {

// Millivolts per unit: of "mV", "uV" (also with the micro sign or the Greek letter), "nV", "V", in
// upper or lower case but for their first letter's, and of "mv" and so on. None of what is no
// voltage.
std::optional<double> millivolts_per(std::string_view units);

}  // namespace ekgine
