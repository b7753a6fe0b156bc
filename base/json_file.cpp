#include "base/json_file.h"

#include <set>

#include "base/atomic_file.h"
#include "base/console.h"
#include "base/seal.h"

namespace ekgine {

namespace {

constexpr const char* seal_key = "sha256";

}  // namespace

template <class Json>
Json parse_json(std::string_view text, const std::string& source) {
  using Event = typename Json::parse_event_t;
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  const auto watch = [&](int depth, Event event, Json& parsed) {
    if (event == Event::object_start || event == Event::array_start) {
      if (depth >= deepest_json) fail("{}: is nested deeper than {} levels", source, deepest_json);
      if (event == Event::object_start) keys.emplace_back();
    } else if (event == Event::object_end) {
      keys.pop_back();
    } else if (event == Event::key) {
      const auto& key = parsed.template get_ref<const std::string&>();
      if (!keys.back().insert(key).second) fail("{}: '{}' is given twice", source, key);
    }
    return true;
  };
  try {
    return Json::parse(text, watch);
  } catch (const typename Json::parse_error& error) {
    if (error.byte > text.size()) {
      fail("{}: not JSON: it ends too early, after {} bytes", source, text.size());
    }
    fail("{}: not JSON: unexpected at byte {} of {}", source, error.byte, text.size());
  } catch (const typename Json::exception&) {  // a number beyond double
    fail("{}: not JSON: holds a number that is too large", source);
  }
}

template <class Json>
Json read_json(const std::filesystem::path& path, Sealed sealed) {
  const std::string text = read_file(path);
  Json json = parse_json<Json>(text, path.string());
  if (!json.is_object()) {
    fail("{}: expected a JSON object, found {}", path.string(), json.type_name());
  }
  const auto entry = json.find(seal_key);
  if (entry == json.end()) {
    if (sealed == Sealed::required) {
      fail("{}: has no checksum ('{}'): damaged, or changed by hand", path.string(), seal_key);
    }
    notice(fmt::format("{}: has no checksum; taken as it is", path.string()));
    return json;
  }
  const std::string digits = entry->is_string() ? entry->template get<std::string>() : "";
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

std::string json_text(const nlohmann::ordered_json& json, int indent) {
  return json.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string sealed_json(nlohmann::ordered_json json) {
  json[seal_key] = blank_seal;
  std::string text = json_text(json, 2) + "\n";
  seal_json_text(text);
  return text;
}

void seal_json_text(std::string& text) {
  set_seal(text, text.rfind(blank_seal));
}

template nlohmann::json parse_json(std::string_view, const std::string&);
template nlohmann::ordered_json parse_json(std::string_view, const std::string&);
template nlohmann::json read_json(const std::filesystem::path&, Sealed);
template nlohmann::ordered_json read_json(const std::filesystem::path&, Sealed);

}  // namespace ekgine
