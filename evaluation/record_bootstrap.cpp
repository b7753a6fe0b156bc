#include "evaluation/record_bootstrap.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace ekgine {

namespace {

// Of values in order, of which there is one at least.
double quantile_of(const std::vector<double>& values, double share) {
  const double position = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return std::lerp(values[below], values[above], position - static_cast<double>(below));
}

}  // namespace

std::optional<Interval> record_bootstrap(std::size_t records, const RecordStatistic& statistic,
                                         std::uint64_t seed, int draws) {
  if (records < 2) return {};
  // No std::uniform_int_distribution: its numbers are another library's in another build.
  std::mt19937_64 random(seed);
  std::vector<std::size_t> drawn(records);
  std::vector<double> values;
  for (int i = 0; i < draws; ++i) {
    for (std::size_t& index : drawn) index = (random() >> 32) * records >> 32;
    if (const std::optional<double> value = statistic(drawn)) values.push_back(*value);
  }
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  return Interval{quantile_of(values, 0.025), quantile_of(values, 0.975)};
}

}  // namespace ekgine
