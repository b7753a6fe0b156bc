// JSON, read strictly: every error is one line that names the file and the key or byte.
//
// Texts of others are not trusted: nesting is limited, since values are destroyed and printed
// recursively, and a key that an object has twice is an error, since readers differ in which of the
// two they take.
//
// Files that ekgine writes are sealed (base/seal.h): the last key of the object is "sha256".
#pragma once

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.h"

namespace ekgine {

// Objects and lists within each other, at most.
inline constexpr int deepest_json = 64;

// The value that `text` is. `source` names it in errors: not JSON (with its byte), nested too deep,
// a key twice. Json: nlohmann::json, or nlohmann::ordered_json, which keeps the order of keys.
template <class Json = nlohmann::json>
Json parse_json(std::string_view text, const std::string& source);

enum class Sealed {
  required,    // a file of ekgine alone: without a seal it is an error
  if_present,  // may come from elsewhere: without a seal it is read, and a notice says so
};

// Reads a file that holds one JSON object, and takes the seal out of it. Errors: unreadable, those
// of parse_json(), another kind of value, a seal that does not hold or is missing.
template <class Json = nlohmann::json>
Json read_json(const std::filesystem::path& path, Sealed sealed);

// The object as text, indented, with its seal; ends with a newline. Bytes that are no UTF-8 become
// U+FFFD.
std::string sealed_json(nlohmann::ordered_json json);

// Seals a text that is a JSON object with `"sha256": "000...0"` (blank_seal) as its last key: for
// those that lay out their lines themselves.
void seal_json_text(std::string& text);

// json.dump() of any value: never throws for bytes that are no UTF-8, which become U+FFFD.
std::string json_text(const nlohmann::ordered_json& json, int indent = -1);

// The value as a T, or nothing where it is of another kind: 1.0 or true for an integer, an integer
// that T does not hold, a number that is not finite. T: bool, an integer, double, std::string, a
// Json or a vector of those.
template <class T, class Json>
std::optional<T> json_as(const Json& value) {
  if constexpr (std::is_same_v<T, nlohmann::json> || std::is_same_v<T, nlohmann::ordered_json>) {
    return std::optional<T>(std::in_place, value);  // up to 3.10, values convert to any optional
  } else if constexpr (std::is_same_v<T, bool>) {
    if (value.is_boolean()) return value.template get<bool>();
  } else if constexpr (std::is_integral_v<T>) {
    if (value.is_number_unsigned()) {
      const auto number = value.template get<std::uint64_t>();
      if (std::in_range<T>(number)) return static_cast<T>(number);
    } else if (value.is_number_integer()) {
      const auto number = value.template get<std::int64_t>();
      if (std::in_range<T>(number)) return static_cast<T>(number);
    }
  } else if constexpr (std::is_floating_point_v<T>) {
    if (value.is_number() && std::isfinite(value.template get<T>())) return value.template get<T>();
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (value.is_string()) return value.template get<std::string>();
  } else {
    if (!value.is_array()) return std::nullopt;
    T list;
    for (const Json& element : value) {
      auto item = json_as<typename T::value_type>(element);
      if (!item) return std::nullopt;
      list.push_back(std::move(*item));
    }
    return list;
  }
  return std::nullopt;
}

// The value of `key` in the object `json` that `source` names. Errors: missing; not a T (see
// json_as()), which `expected` calls "an integer".
template <class T, class Json>
T json_value(const std::filesystem::path& source, const Json& json, const char* key,
             const char* expected) {
  if (!json.is_object() || !json.contains(key)) fail("{}: '{}' is missing", source.string(), key);
  std::optional<T> value = json_as<T>(json.at(key));
  if (!value) fail("{}: '{}' is not {}", source.string(), key, expected);
  return std::move(*value);
}

// The same, and the number must be `low` to `high`.
template <class T, class Json>
T json_number(const std::filesystem::path& source, const Json& json, const char* key, T low,
              T high) {
  const T value =
      json_value<T>(source, json, key, std::is_integral_v<T> ? "an integer" : "a number");
  if (!(value >= low && value <= high)) {
    fail("{}: '{}' is {}, expected {} to {}", source.string(), key, value, low, high);
  }
  return value;
}

// Fails where the object `json` has a key that is not among `known`: among others what a damaged
// "sha256" would be.
template <class Json>
void check_keys(const std::filesystem::path& source, const Json& json,
                std::initializer_list<std::string_view> known) {
  for (const auto& [key, value] : json.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      fail("{}: '{}' is not known ({} are)", source.string(), key, fmt::join(known, ", "));
    }
  }
}

}  // namespace ekgine
