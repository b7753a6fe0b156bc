#include "data/download_lists.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/atomic_file.h"
#include "base/error.h"
#include "data/text_lines.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t largest_list = std::int64_t{1} << 28;

}  // namespace

void check_list_size(const std::string& name, std::int64_t size) {
  if (size > largest_list) {
    fail("{}: has more than {} bytes, too many for a list", name, largest_list);
  }
}

std::string read_list_file(const fs::path& path) {
  std::error_code none;  // no such file: reading it says so
  check_list_size(path.string(), static_cast<std::int64_t>(fs::file_size(path, none)));
  return read_file(path);
}

bool is_web_page(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of("\xef\xbb\xbf \t\r\n"), text.size()));
  std::string start(text.substr(0, std::string_view("<!doctype html").size()));
  std::ranges::transform(start, start.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return start == "<!doctype html" || start.starts_with("<html");
}

// The first word of each line is enough here. What else a header must be, its readers check: it may
// be of a kind that ekgine itself does not read.
HeaderFiles read_header(const fs::path& path) {
  const std::string text = read_list_file(path);
  HeaderFiles files;
  std::size_t expected = 0;
  bool first = true;
  for (const TextLine& line : text_lines(text)) {
    const std::vector<std::string_view> words = words_of(line.text);
    if (words.front().starts_with('#')) continue;
    if (first) {
      first = false;
      // NAME SIGNALS ..., or NAME/SEGMENTS SIGNALS ...
      const std::size_t slash = words[0].find('/');
      files.segments = slash != std::string_view::npos;
      std::string_view count = files.segments     ? words[0].substr(slash + 1)
                               : words.size() > 1 ? words[1]
                                                  : std::string_view();
      const auto [end, error] =
          std::from_chars(count.data(), count.data() + count.size(), expected);
      if (error != std::errc() || end != count.data() + count.size()) {
        fail("{}:{}: found '{}', expected a record's name and its number of signals", path.string(),
             line.number, excerpt(line.text));
      }
      continue;
    }
    if (files.names.size() == expected) break;
    files.names.emplace_back(words.front());
  }
  if (first || files.names.size() < expected) {
    fail("{}: ends after {} lines of signals or segments, expected {}", path.string(),
         files.names.size(), expected);
  }
  // "~" stands for no file: a gap, or signals that are only described.
  std::erase(files.names, "~");
  return files;
}

}  // namespace ekgine
