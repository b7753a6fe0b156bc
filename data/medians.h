// Medians of the windows around each of some values.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace ekgine {

// An odd number of values in ascending order.
class SortedWindow {
 public:
  explicit SortedWindow(std::vector<double> values);

  // Puts another value in the place of one that is there.
  void replace(double old, double value);

  double ranked(std::int64_t rank) const { return values_[static_cast<std::size_t>(rank)]; }
  double median() const { return ranked(std::ssize(values_) / 2); }
  // The median of the absolute differences from the median.
  double deviation() const;

 private:
  std::vector<double> values_;
};

// Calls take(i, window) for each value, in order: the window holds values i − half ... i + half.
// Beyond the ends the values are mirrored, x[−k] = x[k], where there are more than `half` of them;
// else the first and the last one go on. half ≥ 1.
void for_each_window(std::span<const double> values, std::int64_t half,
                     const std::function<void(std::int64_t, const SortedWindow&)>& take);

}  // namespace ekgine
