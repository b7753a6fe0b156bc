#include "data/download_units.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/option_error.h"
#include "data/download_lists.h"
#include "data/text_lines.h"

namespace ekgine {

namespace {

constexpr const char* records_file = "RECORDS";
constexpr const char* annotators_file = "ANNOTATORS";

}  // namespace

DownloadUnits DownloadUnits::of_files(const std::string& url, const Checksums& sums,
                                      const std::filesystem::path& folder) {
  DownloadUnits units(url, sums, folder);
  for (const auto& [name, sum] : sums) units.units_.push_back({DownloadUnit::Kind::file, name});
  return units;
}

DownloadUnits DownloadUnits::of_records(const std::string& url, const Checksums& sums,
                                        const std::filesystem::path& folder,
                                        const ReadList& read_list) {
  DownloadUnits units(url, sums, folder);
  if (const std::optional<std::string> list = read_list(annotators_file)) {
    for (const TextLine& line : text_lines(*list)) {
      const std::string_view word = words_of(line.text).front();
      check_inside(word, fmt::format("{}:{}", url + "/" + annotators_file, line.number));
      units.annotators_.emplace_back(word);
    }
  } else {
    units.annotators_ = {"atr"};  // reference annotations are called so
  }

  const std::string source = url + "/" + records_file;
  if (const std::optional<std::string> list = read_list(records_file)) {
    std::set<std::string_view> seen;
    for (const TextLine& line : text_lines(*list)) {
      const std::string where = fmt::format("{}:{}", source, line.number);
      const bool is_folder = line.text.ends_with('/');
      std::string name(line.text.substr(0, line.text.size() - (is_folder ? 1 : 0)));
      check_inside(name, where);
      if (!seen.insert(line.text).second) fail("{}: {} is named twice", where, name);
      units.units_.push_back(
          {is_folder ? DownloadUnit::Kind::folder : DownloadUnit::Kind::record, std::move(name)});
    }
  } else {
    constexpr std::string_view suffix = ".hea";
    for (const auto& [name, sum] : sums) {
      if (!name.ends_with(suffix)) continue;
      units.units_.push_back(
          {DownloadUnit::Kind::record, name.substr(0, name.size() - suffix.size())});
    }
  }
  if (units.units_.empty()) {
    fail_option(
        {"all-files"},
        "{}/{}: lists no records (no RECORDS, no .hea files); fetch all files that there are", url,
        checksums_file);
  }
  return units;
}

std::vector<DownloadUnit> DownloadUnits::chosen(const std::vector<std::string>& names) const {
  if (names.empty()) return units_;
  std::vector<DownloadUnit> chosen;
  std::vector<std::string> missing;
  for (const std::string& name : names) {
    const auto unit = std::ranges::find(units_, name, &DownloadUnit::name);
    if (unit == units_.end()) {
      missing.push_back(name);
    } else {
      chosen.push_back(*unit);
    }
  }
  if (!missing.empty()) {
    fail("{}/{}: record{} {} {} not there", url_, records_file, missing.size() > 1 ? "s" : "",
         fmt::join(missing, ", "), missing.size() > 1 ? "are" : "is");
  }
  return chosen;
}

bool DownloadUnits::visit(const DownloadUnit& unit, const Visit& each) const {
  if (unit.kind == DownloadUnit::Kind::file) return each(unit.name);
  if (unit.kind == DownloadUnit::Kind::record) return visit_record(unit.name, each, false);
  const std::string prefix = unit.name + "/";
  for (auto entry = sums_.lower_bound(prefix);
       entry != sums_.end() && entry->first.starts_with(prefix); ++entry) {
    if (!each(entry->first)) return false;
  }
  return true;
}

bool DownloadUnits::visit_record(const std::string& record, const Visit& each,
                                 bool is_segment) const {
  const std::string header = record + ".hea";
  if (!sums_.contains(header)) {
    fail("{}/{}: does not list {}, the header of record {}", url_, checksums_file, header, record);
  }
  if (!each(header)) return false;
  const HeaderFiles files = read_header(folder_ / header);
  const std::string folder = header.substr(0, header.rfind('/') + 1);
  if (files.segments && is_segment) {
    fail("{}: is a segment that has segments", (folder_ / header).string());
  }
  std::set<std::string> seen;
  for (const std::string& name : files.names) {
    if (!seen.insert(name).second) continue;  // signals share a file, and segments may recur
    const std::string path = folder + name;
    check_inside(path, (folder_ / header).string());
    if (files.segments) {
      if (!visit_record(path, each, true)) return false;
      continue;
    }
    if (!sums_.contains(path)) {
      fail("{}: names {}, which {} does not list", (folder_ / header).string(), path,
           checksums_file);
    }
    if (!each(path)) return false;
  }
  return std::ranges::all_of(annotators_, [&](const std::string& annotator) {
    // Not every record has every kind.
    const std::string name = record + "." + annotator;
    return !sums_.contains(name) || each(name);
  });
}

}  // namespace ekgine
