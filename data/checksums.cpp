#include "data/checksums.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "data/text_lines.h"

namespace ekgine {

namespace {

constexpr std::size_t checksum_digits = 64;

bool is_hexadecimal(std::string_view text) {
  return std::ranges::all_of(text,
                             [](char c) { return std::isxdigit(static_cast<unsigned char>(c)); });
}

bool has_files_in(const Checksums& files, const std::string& folder) {
  const auto first = files.lower_bound(folder + "/");
  return first != files.end() && first->first.starts_with(folder + "/");
}

}  // namespace

bool names(const Checksums& files, const std::string& name) {
  return files.contains(name) || has_files_in(files, name);
}

Checksums parse_checksums(std::string_view text, const std::string& source) {
  Checksums files;
  for (const TextLine& line : text_lines(text)) {
    const std::string where = fmt::format("{}:{}", source, line.number);
    const std::string_view sum = line.text.substr(0, checksum_digits);
    std::string_view name = line.text.substr(sum.size());
    const bool spaced = name.starts_with(' ');
    if (spaced) name.remove_prefix(name.starts_with("  ") || name.starts_with(" *") ? 2 : 1);
    if (sum.size() != checksum_digits || !is_hexadecimal(sum) || !spaced || name.empty()) {
      fail("{}: found '{}', expected a SHA-256 of 64 hexadecimal digits, a space and a file name",
           where, excerpt(line.text));
    }
    check_inside(name, where);
    std::string lower(sum);
    std::ranges::transform(lower, lower.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const auto [entry, added] = files.try_emplace(std::string(name), lower);
    if (!added && entry->second != lower) fail("{}: {} has another SHA-256 above", where, name);
  }
  for (const auto& [name, sum] : files) {
    if (has_files_in(files, name)) {
      fail("{}: lists {} as a file and as a folder", source, name);
    }
  }
  if (files.empty()) fail("{}: is empty, expected a line per file of the database", source);
  return files;
}

void check_inside(std::string_view name, std::string_view where) {
  bool inside = !name.empty();
  for (std::string_view rest = name; inside;) {
    const std::size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    inside = !part.empty() && part != "." && part != "..";  // no part: "/x", "x//y", "x/"
    if (slash == std::string_view::npos) break;
    rest.remove_prefix(slash + 1);
  }
  const auto control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; };
  if (!inside || std::ranges::any_of(name, control) || name.find('\\') != std::string_view::npos) {
    fail("{}: '{}' is refused, expected the path of a file inside the database", where,
         excerpt(name));
  }
}

}  // namespace ekgine
