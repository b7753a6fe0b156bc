#include "data/splits.h"

#include <fmt/ranges.h>

#include <set>
#include <utility>

#include "base/atomic_file.h"
#include "base/console.h"
#include "base/error.h"
#include "base/json_file.h"
#include "data/subjects.h"

namespace ekgine {

namespace {

void refuse_duplicates(const std::vector<std::string>& records, const std::string& where) {
  std::set<std::string_view> seen;
  for (const std::string& record : records) {
    if (record.empty()) fail("{}: found an empty record name", where);
    if (record.find(',') != std::string::npos) {
      fail("{}: '{}' holds a comma, which separates records", where, printable(record));
    }
    if (!seen.insert(record).second) fail("{}: record {} is named twice", where, record);
  }
}

}  // namespace

Split read_split(const std::filesystem::path& path) {
  const Json json = read_json(path, Sealed::if_present);
  Split split;
  const std::pair<const char*, std::vector<std::string>*> keys[] = {
      {"train_records", &split.train},
      {"validation_records", &split.validation},
      {"test_records", &split.test},
      {"kfold_records", &split.train},
      {"final_test_records", &split.test}};
  for (const auto& [name, value] : json.items()) {
    bool known = false;
    for (const auto& [key, list] : keys) {
      if (name != key) continue;
      known = true;
      if (!list->empty()) {
        fail("{}: '{}' is given twice, once in the reference's form", path.string(), key);
      }
      *list = json_value<std::vector<std::string>>(path, json, key, "a list of record names");
    }
    if (!known) {
      fail(
          "{}: '{}' is not known (train_records, validation_records, test_records, kfold_records, "
          "final_test_records are)",
          path.string(), name);
    }
  }
  check_split(split, path.string());
  return split;
}

void write_split(const std::filesystem::path& path, const Split& split) {
  Json json = Json::object();
  json["train_records"] = split.train;
  json["validation_records"] = split.validation;
  json["test_records"] = split.test;
  write_file(path, sealed_json(std::move(json)));
}

void check_split(const Split& split, const std::string& where) {
  const std::pair<const char*, const std::vector<std::string>*> lists[] = {
      {"training", &split.train}, {"validation", &split.validation}, {"test", &split.test}};
  for (const auto& [role, list] : lists) {
    refuse_duplicates(*list, fmt::format("{}: {} records", where, role));
  }
  for (std::size_t a = 0; a < 3; ++a) {
    for (std::size_t b = a + 1; b < 3; ++b) {
      const std::set<std::string> first(lists[a].second->begin(), lists[a].second->end());
      std::vector<std::string> both;
      for (const std::string& record : *lists[b].second) {
        if (first.contains(record)) both.push_back(record);
      }
      if (!both.empty()) {
        fail("{}: record{} {} {} among both the {} and the {} records", where,
             both.size() > 1 ? "s" : "", fmt::join(both, ", "), both.size() > 1 ? "are" : "is",
             lists[a].first, lists[b].first);
      }
    }
  }
  tell_parted_subjects(split);
}

std::vector<std::string> parse_records(std::string_view list, const std::string& where) {
  std::vector<std::string> records;
  for (;;) {
    const std::size_t comma = list.find(',');
    std::string_view name = list.substr(0, comma);
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    records.emplace_back(name);
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  refuse_duplicates(records, where);
  return records;
}

}  // namespace ekgine
