#include "data/subjects.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>

#include "base/console.h"

namespace ekgine {

namespace {

constexpr std::array<std::array<std::string_view, 2>, 1> shared = {{{"201", "202"}}};

// The record that an excerpt is of, or the record itself.
std::string_view source_of(std::string_view record) {
  constexpr std::string_view selected = "sel";
  if (record.starts_with(selected) && record.size() > selected.size()) {
    return record.substr(selected.size());
  }
  for (const std::string_view source : {"118", "119"}) {
    if (record.starts_with(source) && record.substr(source.size()).starts_with('e')) return source;
  }
  return record;
}

// The first of the subject's records, or the record itself.
std::string_view subject_of(std::string_view record) {
  record = source_of(record);
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

std::vector<std::string> of_same_subjects(const std::vector<std::string>& records,
                                          const std::vector<std::string>& others) {
  const auto subject = [](std::string_view record) {
    return subject_of(record.substr(record.rfind('/') + 1));  // npos + 1 is 0
  };
  std::set<std::string_view> subjects;
  for (const std::string& record : others) subjects.insert(subject(record));
  std::vector<std::string> same;
  for (const std::string& record : records) {
    if (subjects.contains(subject(record))) same.push_back(record);
  }
  return same;
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
