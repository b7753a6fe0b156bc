#include "data/gaps.h"

#include <cmath>
#include <span>

namespace ekgine {

namespace {

std::vector<Gap> gaps_of(std::span<const float> signal) {
  std::vector<Gap> gaps;
  for (std::int64_t i = 0; i < std::ssize(signal); ++i) {
    if (!std::isnan(signal[static_cast<std::size_t>(i)])) continue;
    if (gaps.empty() || gaps.back().end != i) gaps.push_back({i, i});
    gaps.back().end = i + 1;
  }
  return gaps;
}

}  // namespace

std::vector<Gap> bridge_gaps(std::vector<float>& signal) {
  std::vector<Gap> gaps = gaps_of(signal);
  const std::int64_t size = std::ssize(signal);
  for (const Gap& gap : gaps) {
    const double after = gap.end < size ? signal[static_cast<std::size_t>(gap.end)] : 0;
    const double before = gap.begin > 0 ? signal[static_cast<std::size_t>(gap.begin - 1)] : after;
    const double step =
        gap.end < size ? (after - before) / static_cast<double>(gap.end - gap.begin + 1) : 0;
    for (std::int64_t i = gap.begin; i < gap.end; ++i) {
      signal[static_cast<std::size_t>(i)] =
          static_cast<float>(before + step * static_cast<double>(i - gap.begin + 1));
    }
  }
  return gaps;
}

}  // namespace ekgine
