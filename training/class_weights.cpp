#include "training/class_weights.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace ekgine {

std::vector<float> class_weights(ClassWeighting kind, const ClassCounts& counts) {
  const auto all =
      static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::int64_t{0}));
  const auto present = static_cast<double>(
      std::count_if(counts.begin(), counts.end(), [](std::int64_t n) { return n > 0; }));
  std::vector<float> weights;
  for (const std::int64_t n : counts) {
    const double balanced = n > 0 ? all / (present * static_cast<double>(n)) : 0;
    const double weight = kind == ClassWeighting::balanced ? balanced
                          : kind == ClassWeighting::sqrt   ? std::sqrt(balanced)
                                                           : (n > 0 ? 1 : 0);
    weights.push_back(static_cast<float>(weight));
  }
  return weights;
}

ClassCounts visited_classes(const Dataset& training, const std::vector<Share>& shares) {
  ClassCounts counts = training.class_counts();
  const SequenceIndex& index = training.index();
  std::int64_t begin = 0;
  for (const auto& [records, weight] : shares) {
    const std::int64_t end = begin + records;
    ClassCounts once{};
    for (std::int64_t s = index.first_sequence(begin); s < index.first_sequence(end); ++s) {
      ++once[static_cast<std::size_t>(training.sequence_label(s))];
    }
    for (std::size_t c = 0; c < counts.size(); ++c) {
      counts[c] += visits(weight, once[c]) - once[c];
    }
    begin = end;
  }
  return counts;
}

}  // namespace ekgine
