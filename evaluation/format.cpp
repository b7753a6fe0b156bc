#include "evaluation/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ekgine {

std::string grouped(std::int64_t count) {
  const std::string digits = fmt::format("{}", count);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string percent(std::int64_t part, std::int64_t whole) {
  return fmt::format("{:.1f} %", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

int decimals(const std::optional<double>& deviation) {
  constexpr int unknown = 3, least = 1, most = 4;
  if (!deviation || !std::isfinite(*deviation)) return unknown;
  if (!(*deviation > 0)) return most;
  // 0.0123 has its first digit at 10⁻², and two that count.
  const double first = std::floor(std::log10(*deviation) + 1e-9);
  const double three_digits = std::round(*deviation * std::pow(10, 2 - first));
  const int digits = three_digits < 355 || three_digits >= 950 ? 2 : 1;
  const int carried = three_digits >= 950 ? 1 : 0;  // 0.0096 is rounded to 0.010
  return std::clamp(digits - 1 - carried - static_cast<int>(first), least, most);
}

int decimals(const std::optional<Interval>& interval) {
  constexpr double deviations = 4;
  const bool known = interval && interval->high > interval->low;
  return decimals(known ? std::optional((interval->high - interval->low) / deviations)
                        : std::nullopt);
}

std::string figure(double value, const std::optional<Interval>& interval) {
  return fmt::format("{:.{}f}", value, decimals(interval));
}

std::string interval_text(const std::optional<Interval>& interval, const std::string& separator,
                          const std::string& none) {
  if (!interval) return none;
  return figure(interval->low, interval) + separator + figure(interval->high, interval);
}

std::string spread(double mean, const std::optional<double>& deviation) {
  const int places = decimals(deviation);
  return fmt::format("{:.{}f}", mean, places) +
         (deviation ? fmt::format(" ± {:.{}f}", *deviation, places) : "");
}

std::vector<double> round_ticks(double low, double high) {
  const double raw = (high - low) / 4;
  if (!(raw > 0)) return {low};
  const double power = std::pow(10, std::floor(std::log10(raw)));
  const double step = (raw / power > 5   ? 10
                       : raw / power > 2 ? 5
                       : raw / power > 1 ? 2
                                         : 1) *
                      power;
  std::vector<double> ticks;
  // Adding 0 makes the zero that is rounded up to a positive one.
  for (double i = std::ceil(low / step - 1e-9) + 0.0; i * step <= high * (1 + 1e-9); ++i) {
    ticks.push_back(i * step);
  }
  return ticks;
}

}  // namespace ekgine
