#include "data/medians.h"

#include <algorithm>

namespace ekgine {

namespace {

// The number of the value that stands at place i of a sequence of n, as for_each_window() goes on.
std::int64_t place_within(std::int64_t i, std::int64_t n, std::int64_t half) {
  if (n <= half) return std::clamp<std::int64_t>(i, 0, n - 1);
  if (i < 0) return -i;
  return i < n ? i : 2 * (n - 1) - i;
}

}  // namespace

SortedWindow::SortedWindow(std::vector<double> values) : values_(std::move(values)) {
  std::ranges::sort(values_);
}

void SortedWindow::replace(double old, double value) {
  const auto from = std::ranges::lower_bound(values_, old);
  // Those between the two places move up or down by one.
  if (value > old) {
    const auto to = std::lower_bound(from + 1, values_.end(), value);
    *std::move(from + 1, to, from) = value;
  } else {
    const auto to = std::upper_bound(values_.begin(), from, value);
    std::move_backward(to, from, from + 1);
    *to = value;
  }
}

double SortedWindow::deviation() const {
  const std::int64_t half = std::ssize(values_) / 2;
  const double middle = ranked(half);
  // Differences in ascending order, from the middle outwards: as many as are below the median.
  std::int64_t left = half - 1, right = half + 1;
  double difference = 0;
  for (std::int64_t k = 0; k < half; ++k) {
    const bool goes_left =
        left >= 0 && (right > 2 * half || middle - ranked(left) < ranked(right) - middle);
    difference = goes_left ? middle - ranked(left--) : ranked(right++) - middle;
  }
  return difference;
}

void for_each_window(std::span<const double> values, std::int64_t half,
                     const std::function<void(std::int64_t, const SortedWindow&)>& take) {
  const std::int64_t n = std::ssize(values);
  if (n == 0) return;
  const auto value = [&](std::int64_t i) {
    return values[static_cast<std::size_t>(place_within(i, n, half))];
  };
  std::vector<double> first;
  for (std::int64_t i = -half; i <= half; ++i) first.push_back(value(i));
  SortedWindow window(std::move(first));
  for (std::int64_t i = 0; i < n; ++i) {
    if (i > 0) window.replace(value(i - 1 - half), value(i + half));
    take(i, window);
  }
}

}  // namespace ekgine
