#include "base/record_name.h"

#include "base/console.h"
#include "base/error.h"

namespace ekgine {

namespace {

constexpr std::string_view slash = "%2F", percent = "%25";

bool stays_inside(std::string_view name) {
  for (;;) {
    const std::size_t end = name.find('/');
    const std::string_view part = name.substr(0, end);
    if (part.empty() || part == "." || part == "..") return false;  // empty: "/x", "x//y", "x/"
    if (end == std::string_view::npos) return true;
    name.remove_prefix(end + 1);
  }
}

}  // namespace

void check_record_name(std::string_view name, std::string_view where) {
  if (!stays_inside(name)) {
    fail("{}: '{}' is no name of a record, expected one inside the database", where,
         printable(name));
  }
  if (printable(name) != name || name.find_first_of("\t\\") != std::string_view::npos) {
    fail("{}: '{}' is no name of a record, expected printable UTF-8 without '\\'", where,
         printable(name));
  }
}

std::string record_file_name(std::string_view name) {
  std::string file_name;
  for (const char c : name) {
    if (c == '/') {
      file_name += slash;
    } else if (c == '%') {
      file_name += percent;
    } else {
      file_name += c;
    }
  }
  return file_name;
}

std::string record_of_file_name(std::string_view file_name) {
  std::string name;
  while (!file_name.empty()) {
    const bool coded = file_name.starts_with(slash) || file_name.starts_with(percent);
    name += !coded ? file_name.front() : file_name.starts_with(slash) ? '/' : '%';
    file_name.remove_prefix(coded ? slash.size() : 1);
  }
  return name;
}

}  // namespace ekgine
