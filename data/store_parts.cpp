#include "data/store_parts.h"

#include <set>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json_file.h"
#include "base/record_name.h"
#include "base/sha256.h"
#include "data/beats.h"
#include "data/wfdb_record.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

void add_files(const WfdbHeader& header, std::set<fs::path>& files) {
  files.insert(header.path);
  for (const WfdbSignal& signal : header.signals) {
    if (signal.file == "~") continue;  // of a layout
    check_record_name(signal.file, fmt::format("{}:{}", header.path.string(), signal.line));
    files.insert(header.path.parent_path() / signal.file);
  }
}

}  // namespace

StoreParts::StoreParts(const fs::path& store) : parts_(store, "ekgine store part 1") {}

fs::path StoreParts::store_of(const std::string& record) const {
  return parts_.place_of(record, "record");
}

Json StoreParts::done(const std::string& record, const std::string& inputs) const {
  return parts_.done(record, inputs, store_of(record));
}

void StoreParts::set_done(const std::string& record, const std::string& inputs,
                          const LeftOut& left_out) const {
  parts_.set_done(record, inputs, store_of(record),
                  {{"unmeasured_beats", left_out.unmeasured},
                   {"repeated_annotations", left_out.repeated},
                   {"missed_beats", left_out.missed},
                   {"extra_beats", left_out.extra}});
}

LeftOut StoreParts::left_out(const std::string& record, const Json& done) const {
  const auto count = [&](const char* key) {
    return json_value<std::int64_t>(store_of(record), done, key, "an integer");
  };
  return {count("unmeasured_beats"), count("repeated_annotations"), count("missed_beats"),
          count("extra_beats")};
}

void StoreParts::remove(const std::vector<std::string>& records) const {
  for (const std::string& record : records) {
    parts_.begin(record);
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
