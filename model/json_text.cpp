#include "model/json_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace ekgine {

std::string brief(const nlohmann::json& value) {
  constexpr std::size_t longest = 80;
  if (value.is_object()) return "an object";
  const bool flat =
      std::ranges::none_of(value, [](const auto& element) { return element.is_structured(); });
  // dump() recurses: a value from a hostile file could be nested deeper than the stack is.
  if (value.is_array() && (!flat || value.size() > longest / 4)) return "an array";
  std::string text = value.dump();
  if (text.size() <= longest) return text;
  std::size_t end = longest;
  while ((text[end] & 0xC0) == 0x80) --end;  // not inside a UTF-8 character
  return text.substr(0, end) + "...";
}

}  // namespace ekgine
