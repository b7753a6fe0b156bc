#include "data/download.h"

#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "base/atomic_file.h"
#include "base/directory_lock.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/option_error.h"
#include "base/sha256.h"
#include "data/checksums.h"
#include "data/download_lists.h"
#include "data/download_server.h"
#include "data/download_units.h"
#include "data/part_file.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

// NAME or NAME/VERSION; the version may be empty.
struct DatabaseName {
  std::string name, version;
};

DatabaseName database_name(const std::string& text) {
  const std::size_t slash = text.find('/');
  DatabaseName database{text.substr(0, slash), {}};
  if (slash != std::string::npos) database.version = text.substr(slash + 1);
  const auto is_usual = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
  };
  if (database.name.empty() || database.name.starts_with('.') ||
      database.version.starts_with('.') ||
      !std::ranges::all_of(database.name + database.version, is_usual)) {
    fail("'{}' is no name of a database, expected NAME or NAME/VERSION", without_secrets(text));
  }
  return database;
}

// A file as it was when its checksum was: another one in its place, or other bytes, are noticed.
struct FileState {
  dev_t device;
  ino_t number;
  off_t size;
  std::int64_t changed_s, changed_ns;

  bool operator==(const FileState&) const = default;
};
std::optional<FileState> state_of(const fs::path& path) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  return FileState{info.st_dev, info.st_ino, info.st_size, info.st_mtim.tv_sec,
                   info.st_mtim.tv_nsec};
}

class Download {
 public:
  Download(const DownloadOptions& options,
           const std::function<void(const DownloadProgress&)>& progress,
           const std::function<void(const std::string&)>& say)
      : options_(options), progress_(progress), server_(options, say) {}

  DownloadResult run();

 private:
  void keep_sums(const std::string& text) const;
  DownloadUnits find_units();
  std::vector<DownloadUnit> incomplete_of(const std::vector<DownloadUnit>& units);
  void fetch_units(const std::vector<DownloadUnit>& units);
  std::optional<std::string> read_list(const std::string& name);
  bool have(const std::string& name);
  void fetch(const std::string& name);
  fs::path part_of(const std::string& name) const;
  void commit(const PartFile& part, const std::string& name);
  void check_unchanged() const;
  void report();

  fs::path path_of(const std::string& name) const { return options_.output / name; }
  std::string url_of(const std::string& name) const {
    return result_.source + "/" + url_path(name);
  }

  const DownloadOptions& options_;
  const std::function<void(const DownloadProgress&)>& progress_;
  DownloadServer server_;
  Checksums sums_;
  std::optional<DownloadUnits> units_;
  std::map<std::string, FileState> verified_;
  DownloadResult result_;
  DownloadProgress status_;
  // For the estimate of what is to come.
  std::int64_t complete_units_ = 0, complete_bytes_ = 0;
  std::int64_t unit_start_ = 0, unit_size_ = 0;  // received before this unit; told of this unit
};

// RECORDS or ANNOTATORS, kept in the folder too. Where SHA256SUMS.txt lists it, it is verified;
// none where the database has no such file.
std::optional<std::string> Download::read_list(const std::string& name) {
  if (sums_.contains(name)) {
    fetch(name);
    return read_list_file(path_of(name));
  }
  check_place(options_.output, name);
  std::optional<std::string> text = server_.get_text(url_of(name));
  if (text && !(fs::exists(path_of(name)) && read_file(path_of(name)) == *text)) {
    write_file(path_of(name), *text);
  }
  return text;
}

// Whether the file is there and is what it should be.
bool Download::have(const std::string& name) {
  if (verified_.contains(name)) return true;
  throw_if_interrupted();
  check_place(options_.output, name);
  const fs::path path = path_of(name);
  const std::optional<FileState> state = state_of(path);
  if (!state || sha256_of_file(path) != sums_.find(name)->second) return false;
  verified_.emplace(name, *state);
  ++result_.files;
  result_.bytes += state->size;
  return true;
}

// Beside the file, under a name that no file or folder of the database has.
fs::path Download::part_of(const std::string& name) const {
  std::string part = name + ".part";
  while (names(sums_, part)) part += ".part";
  return path_of(part);
}

void Download::commit(const PartFile& part, const std::string& name) {
  replace_file(part.path(), path_of(name));
  const std::optional<FileState> state = state_of(path_of(name));
  if (!state) fail("{}: is not there any more", path_of(name).string());
  verified_.emplace(name, *state);
  ++result_.files;
  ++result_.fetched_files;
  result_.bytes += part.size();
}

// Two names may be one file, where the file system takes upper and lower case for the same, and
// others may write into the folder: what is reported as verified is still there.
void Download::check_unchanged() const {
  for (const auto& [name, state] : verified_) {
    if (state_of(path_of(name)) != state) {
      fail("{}: was changed after it had been verified; the same command checks it again",
           path_of(name).string());
    }
  }
}

void Download::fetch(const std::string& name) {
  if (have(name)) return;
  const fs::path path = path_of(name);
  const OutputDirectory folder(path.has_parent_path() ? path.parent_path() : fs::path("."));
  PartFile part(part_of(name));
  const std::string& expected = sums_.find(name)->second;
  // A kill may have come between the last byte and the new name.
  if (part.size() == 0 || part.sha256() != expected) {
    server_.fetch(url_of(name), expected, part,
                  {.begins =
                       [this](std::int64_t bytes) {
                         unit_size_ = std::max(unit_size_, status_.bytes - unit_start_ + bytes);
                       },
                   .arrives =
                       [this](std::int64_t bytes) {
                         result_.received_bytes += bytes;
                         status_.bytes = result_.received_bytes;
                         report();
                       }});
  }
  commit(part, name);
}

void Download::report() {
  if (!progress_ || status_.units == 0) return;  // no units yet: it is their list that is fetched
  const std::int64_t of_a_unit =
      complete_units_ > 0 ? complete_bytes_ / complete_units_ : unit_size_;
  status_.expected_bytes =
      std::max(status_.bytes, unit_start_ + of_a_unit * (status_.units - status_.units_done));
  progress_(status_);
}

// Those of the units of which something is missing or not as it should be.
std::vector<DownloadUnit> Download::incomplete_of(const std::vector<DownloadUnit>& units) {
  std::vector<DownloadUnit> incomplete;
  status_.checking = true;
  status_.units = std::ssize(units);
  const std::int64_t lists = result_.bytes;
  for (const DownloadUnit& unit : units) {
    const std::int64_t before = result_.bytes;
    status_.unit = unit.name;
    if (units_->visit(unit, [this](const std::string& file) { return have(file); })) {
      ++complete_units_;
      complete_bytes_ += result_.bytes - before;
    } else {
      incomplete.push_back(unit);
    }
    ++status_.units_done;
    status_.bytes = result_.bytes - lists;
    if (progress_) progress_(status_);
  }
  return incomplete;
}

void Download::fetch_units(const std::vector<DownloadUnit>& units) {
  status_ = DownloadProgress();
  status_.units = std::ssize(units);
  status_.bytes = result_.received_bytes;
  for (const DownloadUnit& unit : units) {
    const std::int64_t before = result_.bytes;
    status_.unit = unit.name;
    unit_start_ = status_.bytes;
    unit_size_ = 0;
    units_->visit(unit, [this](const std::string& file) {
      fetch(file);
      return true;
    });
    ++complete_units_;
    complete_bytes_ += result_.bytes - before;
    ++status_.units_done;
    unit_start_ = status_.bytes;
    report();
  }
}

// Keeps the list of checksums in the folder, which is of one database alone.
void Download::keep_sums(const std::string& text) const {
  const fs::path kept = path_of(checksums_file);
  check_place(options_.output, checksums_file);
  if (!fs::exists(kept)) {
    write_file(kept, text);
  } else if (read_file(kept) != text) {
    fail_option(
        {"output"},
        "{}: is not the one of {}: the folder holds another database or version; choose another "
        "folder",
        kept.string(), result_.source);
  }
}

DownloadUnits Download::find_units() {
  if (options_.all_files) {
    return DownloadUnits::of_files(result_.source, sums_, options_.output);
  }
  return DownloadUnits::of_records(result_.source, sums_, options_.output,
                                   [this](const std::string& name) { return read_list(name); });
}

DownloadResult Download::run() {
  const DatabaseName database = database_name(options_.database);
  const OutputDirectory output(options_.output);
  const DirectoryLock lock(options_.output);

  DownloadServer::Source source = server_.find(database.name, database.version);
  result_.database = database.name;
  result_.version = std::move(source.version);
  result_.source = std::move(source.url);
  sums_ = parse_checksums(source.sums, result_.source + "/" + checksums_file);
  keep_sums(source.sums);

  units_.emplace(find_units());
  const std::vector<DownloadUnit> units =
      options_.all_files ? units_->all() : units_->chosen(options_.records);
  fetch_units(incomplete_of(units));
  check_unchanged();
  result_.records = options_.all_files ? 0 : std::ssize(units);
  return result_;
}

}  // namespace

DownloadResult download(const DownloadOptions& options,
                        const std::function<void(const DownloadProgress&)>& progress,
                        const std::function<void(const std::string&)>& say) {
  return Download(options, progress, say).run();
}

}  // namespace ekgine
