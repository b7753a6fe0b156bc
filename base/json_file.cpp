#include "base/json_file.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/atomic_file.h"
#include "base/console.h"
#include "base/seal.h"

namespace ekgine {

namespace {

constexpr const char* seal_key = "sha256";

}  // namespace

Json read_json(const std::filesystem::path& path, Sealed sealed) {
  const std::string text = read_file(path);
  Json json = parse_json(text, path.string());
  if (!json.is_object()) {
    fail("{}: expected a JSON object, found {}", path.string(), json.type_name());
  }
  const Json* entry = json.find(seal_key);
  if (entry == nullptr) {
    if (sealed == Sealed::required) {
      fail("{}: has no checksum ('{}'): damaged, or changed by hand", path.string(), seal_key);
    }
    notice(fmt::format("{}: has no checksum; taken as it is", path.string()));
    return json;
  }
  const std::string digits = entry->is_string() ? entry->text() : "";
  const std::size_t position = text.rfind(digits);
  if (!is_seal(digits) || position == std::string::npos || !seal_holds(text, position)) {
    fail(
        "{}: is damaged: its checksum ('{}') is not that of its bytes; if it was changed on "
        "purpose, remove that key",
        path.string(), seal_key);
  }
  json.erase(seal_key);
  return json;
}

std::string json_text(const Json& json, int indent) {
  return json.dump(indent, JsonText::replaced);
}

std::string sealed_json(Json json) {
  json[seal_key] = blank_seal;
  std::string text = json_text(json, 2) + "\n";
  seal_json_text(text);
  return text;
}

void seal_json_text(std::string& text) {
  set_seal(text, text.rfind(blank_seal));
}

void check_keys(const std::filesystem::path& source, const Json& json,
                std::initializer_list<std::string_view> known) {
  for (const auto& [key, value] : json.items()) {
    if (std::ranges::find(known, key) == known.end()) {
      fail("{}: '{}' is not known ({} are)", source.string(), key, fmt::join(known, ", "));
    }
  }
}

}  // namespace ekgine
