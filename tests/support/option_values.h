// Values to try an option with, from its row (base/option.h).
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "base/json.h"
#include "base/option.h"

namespace ekgine::testing {

// One that the option can have, other than `value`.
template <class Options, class T>
T other_value(const Option<Options, T>& option, const T& value) {
  if constexpr (NamedChoice<T>) {
    const auto choices = choices_of(T{});
    return choices[0].value == value ? choices[1].value : choices[0].value;
  } else if constexpr (std::is_same_v<T, bool>) {
    return !value;
  } else if constexpr (std::is_same_v<T, std::int64_t>) {
    // What is odd stays it, where there is room.
    return static_cast<double>(value) + 2 > option.range.high ? value - 1 : value + 2;
  } else if constexpr (std::is_integral_v<T>) {
    return value + 2;
  } else if constexpr (std::is_floating_point_v<T>) {
    const double end = value > option.range.low ? option.range.low : option.range.high;
    return (value + end) / 2;
  } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
    return {std::string("of ") + option.name};
  } else if constexpr (std::is_same_v<T, std::vector<std::filesystem::path>>) {
    return {"other"};
  } else if constexpr (std::is_same_v<T, std::vector<double>>) {
    return {(option.range.low + option.range.high) / 2};
  } else if constexpr (std::is_same_v<T, std::string>) {
    return "AttentionOnly";
  } else {
    return "other";
  }
}

// Those next to what it can have; none where it can have any.
template <class Options, class T>
std::vector<Json> values_out_of_range(const Option<Options, T>& option) {
  if constexpr (NamedChoice<T> || std::is_same_v<T, std::string>) {
    return {"no such"};
  } else if constexpr (std::is_same_v<T, std::uint64_t>) {
    return {std::uint64_t{1} << 63};
  } else if constexpr (std::is_same_v<T, std::vector<double>>) {
    return {Json::array({option.range.low / 2}), Json::array({1.0, option.range.high + 1})};
  } else if constexpr (std::is_same_v<T, std::int64_t> || std::is_same_v<T, double>) {
    const auto [low, high, below_high] = option.range;
    return {static_cast<T>(low - 1), static_cast<T>(below_high ? high : high + 1)};
  } else {
    return {};
  }
}

}  // namespace ekgine::testing
