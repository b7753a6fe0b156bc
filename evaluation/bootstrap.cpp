#include "evaluation/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace ekgine {

namespace {

// Of ascending values, between neighbours in proportion.
double percentile(std::span<const double> sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

std::vector<std::optional<Interval>> bootstrap(std::size_t records, std::size_t figures,
                                               const Statistic& statistic) {
  std::vector<std::optional<Interval>> intervals(figures);
  if (records < 2) return intervals;
  std::vector<std::vector<double>> defined(figures);
  std::vector<double> values(figures);
  std::vector<std::int32_t> draws(records);
  std::mt19937_64 bits(bootstrap_seed);
  for (int resample = 0; resample < bootstrap_resamples; ++resample) {
    std::ranges::fill(draws, 0);
    for (std::size_t i = 0; i < records; ++i) {
      // Not uniform_int_distribution, which libraries implement differently. Records are few beside
      // 2³², so none is drawn noticeably more often.
      ++draws[(bits() >> 32) * records >> 32];
    }
    statistic(draws, values);
    for (std::size_t f = 0; f < figures; ++f) {
      if (!std::isnan(values[f])) defined[f].push_back(values[f]);
    }
  }
  constexpr double tail = (1 - bootstrap_confidence) / 2;
  for (std::size_t f = 0; f < figures; ++f) {
    if (2 * defined[f].size() < bootstrap_resamples) continue;
    std::ranges::sort(defined[f]);
    intervals[f] = {percentile(defined[f], tail), percentile(defined[f], 1 - tail)};
  }
  return intervals;
}

std::vector<std::int64_t> drawn_sum(Draws draws, std::span<const std::int64_t> rows) {
  const std::size_t columns = rows.size() / draws.size();
  std::vector<std::int64_t> sum(columns);
  for (std::size_t r = 0; r < draws.size(); ++r) {
    if (draws[r] == 0) continue;
    for (std::size_t c = 0; c < columns; ++c) sum[c] += draws[r] * rows[r * columns + c];
  }
  return sum;
}

}  // namespace ekgine
