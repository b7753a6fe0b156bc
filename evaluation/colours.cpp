#include "evaluation/colours.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ekgine {

namespace {

double relative_luminance(Colour colour) {
  const auto linear = [](std::uint8_t channel) {
    const double share = channel / 255.0;
    return share <= 0.04045 ? share / 12.92 : std::pow((share + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * linear(colour[0]) + 0.7152 * linear(colour[1]) + 0.0722 * linear(colour[2]);
}

}  // namespace

std::string hex(Colour colour) {
  return fmt::format("#{:02X}{:02X}{:02X}", colour[0], colour[1], colour[2]);
}

double contrast(Colour a, Colour b) {
  const auto [darker, lighter] = std::minmax({relative_luminance(a), relative_luminance(b)});
  return (lighter + 0.05) / (darker + 0.05);
}

Colour mixed(Colour from, Colour to, double share) {
  Colour result{};
  for (std::size_t i = 0; i < result.size(); ++i) {
    result[i] = static_cast<std::uint8_t>(std::lround(from[i] + share * (to[i] - from[i])));
  }
  return result;
}

Colour ink_on(Colour ground) {
  constexpr Colour black = rgb(0x000000), white = rgb(0xFFFFFF);
  return contrast(black, ground) >= contrast(white, ground) ? black : white;
}

}  // namespace ekgine
