// Lines of small text files: RECORDS, ANNOTATORS, SHA256SUMS.txt, headers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ekgine {

struct TextLine {
  std::int64_t number = 0;  // from 1
  std::string_view text;    // of the given text; without spaces, tabs and returns at its end
};

// All lines but the empty ones.
inline std::vector<TextLine> text_lines(std::string_view text) {
  std::vector<TextLine> lines;
  for (std::int64_t number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size() + (line.size() < text.size() ? 1 : 0));
    line = line.substr(0, line.find_last_not_of(" \t\r") + 1);
    if (!line.empty()) lines.push_back({number, line});
  }
  return lines;
}

// Without `blanks` at its beginning and its end.
inline std::string_view trimmed(std::string_view text, std::string_view blanks = " \t\r\n") {
  text = text.substr(0, text.find_last_not_of(blanks) + 1);
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  return text;
}

// The words of a line, which spaces and tabs separate.
inline std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (;;) {
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    if (line.empty()) return words;
    words.push_back(line.substr(0, line.find_first_of(" \t")));
    line.remove_prefix(words.back().size());
  }
}

// The beginning of text that others have written, for a message: printable, of one line.
inline std::string excerpt(std::string_view text) {
  constexpr std::size_t longest = 60;
  std::string shown(text.substr(0, longest));
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
  }
  return text.size() > longest ? shown + "..." : shown;
}

}  // namespace ekgine
