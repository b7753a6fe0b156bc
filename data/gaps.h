// Samples that were not measured, and a line in their place.
#pragma once

#include <cstdint>
#include <vector>

namespace ekgine {

// The samples begin ... end - 1, none of which was measured.
struct Gap {
  std::int64_t begin = 0, end = 0;
};

// Draws a line across each gap of NaN, from the sample before to the one after it; level where it
// has only one of them, and zero where nothing was measured at all. Returns the gaps, in order.
std::vector<Gap> bridge_gaps(std::vector<float>& signal);

}  // namespace ekgine
