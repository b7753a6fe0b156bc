// Files that are JSON (base/json.h), and what is asked of their values: every error is one line
// that names the file and the key or byte.
//
// Files that ekgine writes are sealed (base/seal.h): the last key of the object is "sha256".
#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace ekgine {

enum class Sealed {
  required,    // a file of ekgine alone: without a seal it is an error
  if_present,  // may come from elsewhere: without a seal it is read, and a notice says so
};

// Reads a file that holds one JSON object, and takes the seal out of it. Errors: unreadable, those
// of parse_json(), another kind of value, a seal that does not hold or is missing.
Json read_json(const std::filesystem::path& path, Sealed sealed);

// The object as text, indented, with its seal; ends with a newline. Bytes that are no UTF-8 become
// U+FFFD.
std::string sealed_json(Json json);

// Seals a text that is a JSON object with `"sha256": "000...0"` (blank_seal) as its last key: for
// those that lay out their lines themselves.
void seal_json_text(std::string& text);

// json.dump() of any value: never throws for bytes that are no UTF-8, which become U+FFFD.
std::string json_text(const Json& json, int indent = -1);

// The value as a T, or nothing where it is of another kind: 1.0 or true for an integer, an integer
// that T does not hold, a number that is not finite. T: bool, an integer, double, std::string, a
// Json or a vector of those.
template <class T>
std::optional<T> json_as(const Json& value) {
  if constexpr (std::is_same_v<T, Json>) {
    return value;
  } else if constexpr (std::is_same_v<T, bool>) {
    if (value.is_boolean()) return value.get<bool>();
  } else if constexpr (std::is_integral_v<T>) {
    if (value.is_number_unsigned()) {
      const auto number = value.get<std::uint64_t>();
      if (std::in_range<T>(number)) return static_cast<T>(number);
    } else if (value.is_number_integer()) {
      const auto number = value.get<std::int64_t>();
      if (std::in_range<T>(number)) return static_cast<T>(number);
    }
  } else if constexpr (std::is_floating_point_v<T>) {
    if (value.is_number() && std::isfinite(value.get<T>())) return value.get<T>();
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (value.is_string()) return value.get<std::string>();
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
template <class T>
T json_value(const std::filesystem::path& source, const Json& json, const char* key,
             const char* expected) {
  if (!json.is_object() || !json.contains(key)) fail("{}: '{}' is missing", source.string(), key);
  std::optional<T> value = json_as<T>(json.at(key));
  if (!value) fail("{}: '{}' is not {}", source.string(), key, expected);
  return std::move(*value);
}

// The same, and the number must be `low` to `high`.
template <class T>
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
void check_keys(const std::filesystem::path& source, const Json& json,
                std::initializer_list<std::string_view> known);

}  // namespace ekgine
