// How far apart two models' weights are.
#pragma once

#include <cmath>
#include <vector>

#include "model/state_dict.h"

namespace ekgine::testing {

// Root of the mean squared difference of all weights and running statistics; both have the same
// arrays.
inline double distance(const StateDict& a, const StateDict& b) {
  double sum = 0, count = 0;
  for (const auto& [name, array] : a) {
    const std::vector<float>& other = b.at(name).values;
    for (std::size_t i = 0; i < other.size(); ++i) {
      const double d = static_cast<double>(array.values[i]) - other[i];
      sum += d * d;
      ++count;
    }
  }
  return std::sqrt(sum / count);
}

}  // namespace ekgine::testing
