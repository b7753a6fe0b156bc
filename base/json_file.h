// JSON, read strictly: every error is one line that names the file and the key or byte.
//
// Texts of others are not trusted: nesting is limited, since values are destroyed and printed
// recursively, and a key that an object has twice is an error, since readers differ in which of the
// two they take.
//
// Files that ekgine writes are sealed (base/seal.h): the last key of the object is "sha256".
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
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

// The value of `key` in the object `json` of the file `path`. Errors: missing; not a T.
template <class T, class Json>
T json_value(const std::filesystem::path& path, const Json& json, const char* key,
             const char* expected) {
  if (!json.is_object() || !json.contains(key)) fail("{}: '{}' is missing", path.string(), key);
  try {
    return json.at(key).template get<T>();
  } catch (const nlohmann::json::exception&) {
    fail("{}: '{}' is not {}", path.string(), key, expected);
  }
}

}  // namespace ekgine
