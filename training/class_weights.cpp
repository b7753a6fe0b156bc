#include "training/class_weights.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace ekgine {

std::vector<float> class_weights(const std::string& kind, const ClassCounts& counts) {
  const auto all =
      static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::int64_t{0}));
  const auto present = static_cast<double>(
      std::count_if(counts.begin(), counts.end(), [](std::int64_t n) { return n > 0; }));
  std::vector<float> weights;
  for (const std::int64_t n : counts) {
    const double balanced = n > 0 ? all / (present * static_cast<double>(n)) : 0;
    const double weight = kind == "balanced" ? balanced
                          : kind == "sqrt"   ? std::sqrt(balanced)
                          : kind == "none"   ? (n > 0 ? 1 : 0)
                                             : std::nan("");
    if (std::isnan(weight)) fail("class weights '{}' are unknown (none, balanced, sqrt are)", kind);
    weights.push_back(static_cast<float>(weight));
  }
  return weights;
}

}  // namespace ekgine
