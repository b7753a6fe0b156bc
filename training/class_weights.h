// Weights of the classes in the loss.
#pragma once

#include <vector>

#include "base/choice.h"
#include "data/dataset.h"
#include "data/sampler.h"

namespace ekgine {

enum class ClassWeighting { none, balanced, sqrt };
constexpr auto choices_of(ClassWeighting) {
  using enum ClassWeighting;
  return std::to_array<Choice<ClassWeighting>>(
      {{none, "none"}, {balanced, "balanced"}, {sqrt, "sqrt"}});
}

// One weight per class from the number of its training sequences in an epoch, with n of all:
//   none      1
//   balanced  n / (C·n_c), as scikit-learn's "balanced" and the reference: rare classes count as
//   much as
//             frequent ones
//   sqrt      √(n / (C·n_c)): rare classes are lifted without drowning the others
// C counts the classes that occur; those that do not get 0.
std::vector<float> class_weights(ClassWeighting kind, const ClassCounts& counts);

// Sequences per class that an epoch visits, on average, where the records have these shares of it.
ClassCounts visited_classes(const Dataset& training, const std::vector<Share>& shares);

}  // namespace ekgine
