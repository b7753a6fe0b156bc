#include "data/json_file.h"

#include "base/atomic_file.h"

namespace ekgine {

nlohmann::json read_json(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  try {
    nlohmann::json json = nlohmann::json::parse(text);
    if (!json.is_object()) {
      fail("{}: expected a JSON object, found {}", path.string(), json.type_name());
    }
    return json;
  } catch (const nlohmann::json::parse_error& error) {
    if (error.byte > text.size()) {
      fail("{}: not JSON: it ends too early, after {} bytes", path.string(), text.size());
    }
    fail("{}: not JSON: unexpected at byte {} of {}", path.string(), error.byte, text.size());
  }
}

}  // namespace ekgine
