// The median of all of some values.
#pragma once

#include <vector>

namespace ekgine {

// Of an even number of values the mean of the middle two; 0 of none. The values are finite.
double median_of(std::vector<double> values);

}  // namespace ekgine
