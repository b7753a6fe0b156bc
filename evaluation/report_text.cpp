#include "evaluation/report_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/console.h"

namespace ekgine {

namespace {

constexpr std::size_t report_width = 96;

std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(display_width(text));
}

std::string padded_left(std::string_view text, std::size_t width) {
  return std::string(width - std::min(width, columns(text)), ' ') + std::string(text);
}

}  // namespace

std::string padded_right(std::string_view text, std::size_t width) {
  return std::string(text) + std::string(width - std::min(width, columns(text)), ' ');
}

std::string text_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], columns(row[c]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line = "  ";
    for (std::size_t c = 0; c < row.size(); ++c) {
      line += c == 0 ? padded_right(row[c], widths[c]) : "  " + padded_left(row[c], widths[c]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  return text;
}

std::string wrapped_text(std::string_view first, std::string_view raw_text) {
  const std::string line = printable(raw_text);
  std::string_view text = line;
  const std::string indent(columns(first), ' ');
  std::string result(first);
  std::size_t used = columns(first);
  bool opening = true;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    if (!opening && used + 1 + columns(word) > report_width) {
      result += '\n' + indent;
      used = indent.size();
      opening = true;
    }
    if (!opening) {
      result += ' ';
      ++used;
    }
    result += word;
    used += columns(word);
    opening = false;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result + '\n';
}

std::string text_heading(std::string_view text) {
  return fmt::format("\n{}\n\n", text);
}

}  // namespace ekgine
