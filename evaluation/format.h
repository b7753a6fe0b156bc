// Numbers as the report, the plots and the page print them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "evaluation/bootstrap.h"

namespace ekgine {

// 15573 → "15,573"; count must not be negative.
std::string grouped(std::int64_t count);

// part of whole, one decimal: (1, 3) → "33.3 %"; whole must not be 0.
std::string percent(std::int64_t part, std::int64_t whole);

// The decimals that a figure of this standard deviation is printed with, as the Particle Data Group
// rounds (Review of Particle Physics, introduction, 5.3): two significant digits of it where they
// are 10 to 35, else one; 0.0123 → 3, 0.04 → 2. 1 to 4, and 3 where the deviation is not known.
int decimals(const std::optional<double>& deviation);

// The same of an interval, which is taken for two deviations either way; one without width says
// nothing (a class that is never predicted has recall 0 in every draw).
int decimals(const std::optional<Interval>& interval);

// A figure with the decimals of its interval: (0.87112, {0.86, 0.88}) → "0.871".
std::string figure(double value, const std::optional<Interval>& interval);

// "0.861 to 0.878" with `separator` " to "; `none` where there is no interval.
std::string interval_text(const std::optional<Interval>& interval, const std::string& separator,
                          const std::string& none);

// Of figures that several runs had: "0.87 ± 0.04"; without a deviation, of one run: "0.871".
std::string spread(double mean, const std::optional<double>& deviation);

// About five round numbers from `low` to `high`, for an axis.
std::vector<double> round_ticks(double low, double high);

}  // namespace ekgine
