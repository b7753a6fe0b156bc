#include "data/store_parts.h"

#include <set>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json_file.h"
#include "base/record_name.h"
#include "base/sha256.h"
#include "data/wfdb_record.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

constexpr const char* part_format = "ekgine store part 1";

fs::path folder_of_parts(const fs::path& store) {
  fs::path folder = behind_links(store);
  folder += ".parts";
  return folder;
}

void add_files(const WfdbHeader& header, std::set<fs::path>& files) {
  files.insert(header.path);
  for (const WfdbSignal& signal : header.signals) {
    if (signal.file == "~") continue;  // of a layout
    check_record_name(signal.file, fmt::format("{}:{}", header.path.string(), signal.line));
    files.insert(header.path.parent_path() / signal.file);
  }
}

}  // namespace

StoreParts::StoreParts(const fs::path& store) : folder_(folder_of_parts(store)) {}

fs::path StoreParts::store_of(const std::string& record) const {
  return folder_ / (record_file_name(record) + "%record");
}

fs::path StoreParts::description_of(const std::string& record) const {
  return folder_ / (record_file_name(record) + "%part.json");
}

std::optional<LeftOut> StoreParts::done(const std::string& record,
                                        const std::string& inputs) const {
  const fs::path path = description_of(record);
  if (!fs::exists(path) || !fs::exists(store_of(record))) return {};
  const Json json = read_json(path, Sealed::required);
  if (json_value<std::string>(path, json, "format", "a text") != part_format) {
    fail("{}: is no part of a store", path.string());
  }
  if (json_value<std::string>(path, json, "inputs", "a text") != inputs) return {};
  const auto count = [&](const char* key) {
    return json_value<std::int64_t>(path, json, key, "an integer");
  };
  return LeftOut{count("unmeasured_beats"), count("repeated_annotations"), count("missed_beats"),
                 count("extra_beats")};
}

void StoreParts::begin(const std::string& record) const {
  fs::remove(description_of(record));
}

void StoreParts::set_done(const std::string& record, const std::string& inputs,
                          const LeftOut& left_out) const {
  write_file(description_of(record), sealed_json({{"format", part_format},
                                                  {"record", record},
                                                  {"inputs", inputs},
                                                  {"unmeasured_beats", left_out.unmeasured},
                                                  {"repeated_annotations", left_out.repeated},
                                                  {"missed_beats", left_out.missed},
                                                  {"extra_beats", left_out.extra}}));
}

void StoreParts::remove(const std::vector<std::string>& records) const {
  for (const std::string& record : records) {
    begin(record);
    remove_flat_folder(store_of(record).c_str());
  }
}

std::string record_inputs(const fs::path& database, const std::string& record,
                          const std::string& annotator, const std::string& options) {
  WfdbHeader header = read_wfdb_header(database / (record + ".hea"));
  std::set<fs::path> files = {database / annotation_file(record, annotator)};
  add_files(header, files);
  if (!header.segments.empty()) {
    for (const WfdbSegment& segment : read_wfdb_segments(std::move(header)).segments) {
      if (segment.header) add_files(*segment.header, files);
    }
  }
  Sha256 sum;
  sum.update(options);
  for (const fs::path& file : files) {
    sum.update(fmt::format("\n{} {}", sha256_of_file(file), fs::relative(file, database).string()));
  }
  return sum.hex();
}

}  // namespace ekgine
