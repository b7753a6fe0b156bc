#include "model/json_text.h"

#include <algorithm>

#include "base/json.h"

namespace ekgine {

std::string brief(const Json& value) {
  constexpr std::size_t longest = 80;
  if (value.is_object()) return "an object";
  const auto is_nested = [](const Json& e) { return e.is_array() || e.is_object(); };
  if (value.is_array() && (value.size() > longest / 4 || std::ranges::any_of(value, is_nested))) {
    return "an array";
  }
  std::string text = value.dump();
  if (text.size() <= longest) return text;
  std::size_t end = longest;
  while ((text[end] & 0xC0) == 0x80) --end;  // not inside a UTF-8 character
  return text.substr(0, end) + "...";
}

}  // namespace ekgine
