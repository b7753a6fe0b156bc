#include "base/seal.h"

#include <algorithm>

#include "base/error.h"
#include "base/sha256.h"

namespace ekgine {

bool is_seal(std::string_view text) {
  return text.size() == blank_seal.size() && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::string seal_of(std::span<const std::string_view> parts, std::size_t position) {
  const std::string_view first = parts.front();
  Sha256 sum;
  sum.update(first.substr(0, position));
  sum.update(blank_seal);
  sum.update(first.substr(position + blank_seal.size()));
  for (const std::string_view part : parts.subspan(1)) sum.update(part);
  return sum.hex();
}

void set_seal(std::string& content, std::size_t position) {
  const std::string_view whole = content;
  content.replace(position, blank_seal.size(), seal_of(std::span(&whole, 1), position));
}

bool seal_holds(std::string_view content, std::size_t position) {
  return position + blank_seal.size() <= content.size() &&
         content.substr(position, blank_seal.size()) == seal_of(std::span(&content, 1), position);
}

void fail_damaged(std::string_view name) {
  fail("{}: is damaged: its checksum is not that of its bytes", name);
}

}  // namespace ekgine
