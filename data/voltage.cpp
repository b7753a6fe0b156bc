#include "data/voltage.h"

#include <algorithm>
#include <array>
#include <utility>

namespace ekgine {

std::optional<double> millivolts_per(std::string_view units) {
  constexpr std::array<std::pair<std::string_view, double>, 6> known = {{
      {"m", 1},
      {"u", 1e-3},
      {"\u00B5", 1e-3},  // the micro sign
      {"\u03BC", 1e-3},  // the Greek letter
      {"n", 1e-6},
      {"", 1e3},
  }};
  if (!units.ends_with('V') && !units.ends_with('v')) return {};
  units.remove_suffix(1);
  const auto* const found =
      std::ranges::find(known, units, &std::pair<std::string_view, double>::first);
  if (found == known.end()) return {};
  return found->second;
}

}  // namespace ekgine
