#include "engine/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace ekgine {

bool PlateauSchedule::observe(double loss) {
  if (loss < best - min_delta) {
    best = loss;
    wait = 0;
    return false;
  }
  if (++wait < patience || rate <= min_rate) return false;
  rate = std::max(rate * factor, min_rate);
  wait = 0;
  return true;
}

double cosine_rate(double initial, std::int64_t step, std::int64_t steps) {
  const double progress = static_cast<double>(std::min(step, steps)) / static_cast<double>(steps);
  return initial * (1 + std::cos(std::numbers::pi * progress)) / 2;
}

double warm_up_factor(std::int64_t step, std::int64_t steps) {
  return step + 1 >= steps ? 1 : static_cast<double>(step + 1) / static_cast<double>(steps);
}

bool EarlyStopping::observe(std::int64_t epoch, double value) {
  // Written so that NaN never counts as an improvement.
  if (value < best) {
    best = value;
    best_epoch = epoch;
    wait = 0;
    return true;
  }
  ++wait;
  return false;
}

}  // namespace ekgine
