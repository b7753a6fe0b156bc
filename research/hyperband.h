// Hyperband: many configurations for a few epochs, the best of them for more.
//
// Li, Jamieson, DeSalvo, Rostamizadeh, Talwalkar: "Hyperband: a novel bandit-based approach to
// hyperparameter optimization", JMLR 18 (2018). A bracket starts some configurations and repeats:
// train all, keep the best. Brackets differ in how early they choose. The numbers are those of
// KerasTuner's Hyperband, which the reference used.
#pragma once

#include <cstdint>
#include <vector>

namespace ekgine {

struct Round {
  std::int64_t trials;  // configurations in this round: the best of the round before
  std::int64_t epochs;  // each of them has been trained for by its end

  bool operator==(const Round&) const = default;
};

// With R = max_epochs and η = factor: brackets s = ⌊log_η R⌋ … 0, rounds i = 0 … s, of
//   ⌈⌈1 + log_η R⌉/(s + 1) · η^(s−i)⌉ trials and ⌈R/η^(s−i)⌉ epochs.
// Errors: max_epochs below 1, factor below 2.
std::vector<std::vector<Round>> hyperband_brackets(std::int64_t max_epochs, std::int64_t factor);

}  // namespace ekgine
