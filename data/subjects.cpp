#include "data/subjects.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

#include "base/console.h"

namespace ekgine {

namespace {

constexpr std::array<std::array<std::string_view, 2>, 1> shared = {{{"201", "202"}}};

// The first of the subject's records, or the record itself.
std::string_view subject_of(std::string_view record) {
  for (const auto& records : shared) {
    if (std::ranges::find(records, record) != records.end()) return records.front();
  }
  return record;
}

}  // namespace

std::vector<std::size_t> subjects_of(const std::vector<std::string>& records) {
  std::map<std::string_view, std::size_t> numbers;
  std::vector<std::size_t> subjects;
  subjects.reserve(records.size());
  for (const std::string& record : records) {
    subjects.push_back(numbers.try_emplace(subject_of(record), numbers.size()).first->second);
  }
  return subjects;
}

void tell_parted_subjects(const Split& split) {
  for (const auto& records : shared) {
    std::vector<std::string_view> found;
    std::size_t lists = 0;
    for (const auto* list : {&split.train, &split.validation, &split.test}) {
      const std::size_t before = found.size();
      for (const std::string_view record : records) {
        if (std::ranges::find(*list, record) != list->end()) found.push_back(record);
      }
      if (found.size() > before) ++lists;
    }
    if (lists < 2) continue;
    notice(fmt::format("records {} are of one patient and stand on both sides of the split",
                       fmt::join(found, " and ")));
  }
}

}  // namespace ekgine
