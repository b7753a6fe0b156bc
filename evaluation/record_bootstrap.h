// How far a figure over records would move with other records: a bootstrap over whole records,
// since the beats of one resemble each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

namespace ekgine {

struct Interval {
  double low = 0, high = 0;

  bool operator==(const Interval&) const = default;
};

// A figure of the records with these indices, which may repeat; none where it is not defined.
using RecordStatistic = std::function<std::optional<double>(std::span<const std::size_t>)>;

inline constexpr int bootstrap_draws = 2000;

// The percentile interval of 95 %: the quantiles 0.025 and 0.975 (interpolated as numpy.quantile
// does) of the statistic over draws of `records` records out of as many, with replacement. Draws in
// which it is not defined are left out. None where there are fewer than two records, or no draw is
// left. The same seed gives the same draws, on any machine and for any statistic.
std::optional<Interval> record_bootstrap(std::size_t records, const RecordStatistic& statistic,
                                         std::uint64_t seed = 0, int draws = bootstrap_draws);

}  // namespace ekgine
