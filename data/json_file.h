// JSON files, read strictly: every error is one line that names the file and the key.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"

namespace ekgine {

// Reads a file that holds one JSON object. Errors: unreadable, not JSON (with its byte), another
// kind of value.
nlohmann::json read_json(const std::filesystem::path& path);

// The value of `key` in the object `json` of the file `path`. Errors: missing; not a T.
template <class T>
T json_value(const std::filesystem::path& path, const nlohmann::json& json, const char* key,
             const char* expected) {
  if (!json.is_object() || !json.contains(key)) fail("{}: '{}' is missing", path.string(), key);
  try {
    return json.at(key).get<T>();
  } catch (const nlohmann::json::exception&) {
    fail("{}: '{}' is not {}", path.string(), key, expected);
  }
}

}  // namespace ekgine
