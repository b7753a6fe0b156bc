#include "base/seal.h"

#include <algorithm>

#include "base/error.h"
#include "base/sha256.h"

namespace ekgine {

namespace {

constexpr std::string_view seal_line_begin = "# sha256 ";

bool is_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

}  // namespace

bool is_seal(std::string_view text) {
  return text.size() == blank_seal.size() && std::ranges::all_of(text, is_digit);
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

std::string with_seal_line(std::string_view text) {
  std::string sealed = fmt::format("{}{}\n{}", seal_line_begin, blank_seal, text);
  set_seal(sealed, seal_line_begin.size());
  return sealed;
}

void check_seal_line(std::string_view text, std::string_view name) {
  const std::size_t digits_end = seal_line_begin.size() + blank_seal.size();
  if (text.size() <= digits_end) return;
  int differences = text[digits_end] == '\n' ? 0 : 1;
  for (std::size_t i = 0; i < digits_end; ++i) {
    const bool as_expected =
        i < seal_line_begin.size() ? text[i] == seal_line_begin[i] : is_digit(text[i]);
    differences += as_expected ? 0 : 1;
  }
  if (differences > 1 || (differences == 0 && seal_holds(text, seal_line_begin.size()))) return;
  fail(
      "{}: is damaged: its checksum (the first line) is not that of its bytes; if it was changed "
      "on "
      "purpose, remove that line",
      name);
}

void fail_damaged(std::string_view name) {
  fail("{}: is damaged: its checksum is not that of its bytes", name);
}

}  // namespace ekgine
