#include "base/record_parts.h"

#include <fmt/ranges.h>
#include <unistd.h>

#include <utility>

#include "base/error.h"
#include "base/json_file.h"
#include "base/record_name.h"
#include "base/sha256.h"

namespace ekgine {

namespace fs = std::filesystem;

RecordParts::RecordParts(const fs::path& output, std::string format)
    : folder_(behind_links(output)), format_(std::move(format)) {
  folder_ += ".parts";
}

fs::path RecordParts::place_of(const std::string& record, const std::string& ending) const {
  return folder_ / (record_file_name(record) + "%" + ending);
}

fs::path RecordParts::note_of(const std::string& record) const {
  return place_of(record, "part.json");
}

Json RecordParts::done(const std::string& record, const std::string& inputs,
                       const fs::path& result) const {
  const fs::path path = note_of(record);
  if (!fs::exists(path) || !fs::exists(result)) return {};
  Json json = read_json(path, Sealed::required);
  if (json_value<std::string>(path, json, "format", "a text") != format_) {
    fail("{}: is no {}", path.string(), format_);
  }
  if (json_value<std::string>(path, json, "inputs", "a text") != inputs) return {};
  if (!fs::is_directory(result) &&
      json_value<std::string>(path, json, "checksum", "a text") != sha256_of_file(result)) {
    return {};
  }
  return json;
}

AtomicFile RecordParts::hold(const std::string& record) const {
  return AtomicFile(note_of(record));
}

void RecordParts::begin(const std::string& record) const {
  fs::remove(note_of(record));
}

void RecordParts::set_done(const std::string& record, const std::string& inputs,
                           const fs::path& result, const Json& facts) const {
  Json json = {{"format", format_}, {"record", record}, {"inputs", inputs}};
  if (!fs::is_directory(result)) json["checksum"] = sha256_of_file(result);
  json.update(facts);
  write_file(note_of(record), sealed_json(std::move(json)));
}

std::unique_ptr<DirectoryLock> RecordParts::lock() const {
  if (!fs::is_directory(folder_)) {
    fail("{}: does not exist: no part was made of it", folder_.string());
  }
  return std::make_unique<DirectoryLock>(folder_);
}

std::vector<Json> RecordParts::all_done(
    const std::vector<std::string>& records,
    const std::function<Json(const std::string&)>& done_of) const {
  std::vector<Json> all;
  std::vector<std::string> missing;
  for (const std::string& record : records) {
    if (Json done = done_of(record); !done.is_null()) {
      all.push_back(std::move(done));
    } else {
      missing.push_back(record);
    }
  }
  if (!missing.empty()) fail_missing(folder_, missing, records.size());
  return all;
}

void RecordParts::remove_folder(std::unique_ptr<DirectoryLock> lock) const {
  lock.reset();
  ::rmdir(folder_.c_str());
}

void fail_missing(const fs::path& folder, const std::vector<std::string>& missing,
                  std::size_t records) {
  fail("{}: {} of {} records are not done, or of other files or options: {}", folder.string(),
       missing.size(), records, fmt::join(missing, ", "));
}

}  // namespace ekgine
