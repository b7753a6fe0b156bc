#include "data/download.h"

#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <thread>
#include <utility>

#include "base/atomic_file.h"
#include "base/directory_lock.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/sha256.h"
#include "data/checksums.h"
#include "data/download_lists.h"
#include "data/part_file.h"
#include "data/text_lines.h"

namespace ekgine {

namespace fs = std::filesystem;
using Outcome = TransferResult::Outcome;
using std::chrono::milliseconds;

namespace {

constexpr const char* sums_file = "SHA256SUMS.txt";
constexpr milliseconds longest_delay{60'000};

// The version that the documentation and the results of this project are about.
constexpr std::string_view default_database = "mitdb", default_version = "1.0.0";

// Why there is none, where the answer was a page or an error.
std::string wanted_login(const std::string& url, const TransferResult& got) {
  if (got.final_url == url) {
    return fmt::format("{}: is a web page, expected a list; the database may want a login", url);
  }
  return fmt::format("{}: leads to a web page, {}: the database wants a login", url, got.final_url);
}
std::string refusal(const TransferResult& got) {
  const bool login = got.reason == "HTTP 401" || got.reason == "HTTP 403";
  return got.reason + (login ? ": the database wants a login that is allowed to read it" : "");
}

TransferOptions transfer_options(const DownloadOptions& options, const Address& mirror) {
  TransferOptions transfer = options.transfer;
  transfer.user = mirror.user;
  transfer.password = mirror.password;
  return transfer;
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
      : options_(options),
        mirror_(split_credentials(options.mirror)),
        progress_(progress),
        say_(say),
        transfer_(transfer_options(options, mirror_)) {}

  DownloadResult run();

 private:
  struct Unit {
    enum class Kind { record, folder, file };
    Kind kind;
    std::string name;
  };
  using Visit = std::function<bool(const std::string& file)>;

  void check_options() const;
  std::string find_source(std::string& sums);
  std::string latest_version();
  std::vector<Unit> list_units();
  std::vector<Unit> incomplete_of(const std::vector<Unit>& units);
  void fetch_units(const std::vector<Unit>& units);
  bool visit(const Unit& unit, const Visit& each) const;
  bool visit_record(const std::string& record, const Visit& each, bool is_segment) const;
  bool have(const std::string& name);
  void fetch(const std::string& name);
  fs::path part_of(const std::string& name) const;
  void commit(const PartFile& part, const std::string& name);
  void check_unchanged() const;
  std::optional<std::string> get_text(const std::string& url);
  std::optional<std::string> read_list(const std::string& name);
  TransferResult retried(const std::string& url, const std::function<TransferResult()>& attempt,
                         const std::function<std::int64_t()>& arrived);
  void report();

  fs::path path_of(const std::string& name) const { return options_.output / name; }
  std::string url_of(const std::string& name) const {
    return result_.source + "/" + url_path(name);
  }

  const DownloadOptions& options_;
  const Address mirror_;
  const std::function<void(const DownloadProgress&)>& progress_;
  const std::function<void(const std::string&)>& say_;
  Transfer transfer_;
  Checksums sums_;
  std::vector<std::string> annotators_;
  std::map<std::string, FileState> verified_;
  DownloadResult result_;
  DownloadProgress status_;
  // For the estimate of what is to come.
  std::int64_t complete_units_ = 0, complete_bytes_ = 0;
  std::int64_t unit_start_ = 0, unit_size_ = 0;  // received before this unit; told of this unit
};

void Download::check_options() const {
  if (result_.database.empty() || result_.database.starts_with('.') ||
      result_.version.starts_with('.')) {
    fail("'{}' is no name of a database, expected NAME or NAME/VERSION",
         without_secrets(options_.database));
  }
  for (const char c : result_.database + result_.version) {
    const auto u = static_cast<unsigned char>(c);
    if (std::isalnum(u) == 0 && c != '-' && c != '_' && c != '.') {
      fail("'{}' is no name of a database, expected NAME or NAME/VERSION",
           without_secrets(options_.database));
    }
  }
  const std::string& mirror = mirror_.url;
  if (mirror.empty()) return;
  const bool known = mirror.starts_with("https://") || mirror.starts_with("http://") ||
                     mirror.starts_with("file:///");
  if (!known || mirror.find_first_of("?# ") != std::string::npos) {
    fail("--mirror: '{}' is no https, http or file URL of a folder (file:///home/me/mitdb, say)",
         mirror);
  }
}

// The version that PhysioNet's page of the database leads to.
std::string Download::latest_version() {
  const std::string page = fmt::format("{}/content/{}/", options_.site, result_.database);
  const TransferResult found = retried(
      page,
      [&] {
        return transfer_.get(
            page, 0, [](auto, auto) {}, [](auto) {});
      },
      [] { return std::int64_t{0}; });
  if (found.outcome == Outcome::absent) {
    fail("{}: {}; there is no database of this name", page, found.reason);
  }
  if (found.outcome != Outcome::complete) fail("{}: {}", page, found.reason);
  std::string_view version = found.final_url;
  if (version.starts_with(page)) {
    version.remove_prefix(page.size());
    version = version.substr(0, version.find('/'));
  } else {
    version = {};
  }
  if (version.empty()) {
    fail("{}: leads to {}, expected the page of a version; name it: {}/VERSION", page,
         found.final_url, result_.database);
  }
  return std::string(version);
}

// The URL of the folder with the database; `sums` becomes the text of its checksums.
std::string Download::find_source(std::string& sums) {
  const auto has_sums = [&](const std::string& folder) {
    std::optional<std::string> text = get_text(folder + "/" + sums_file);
    if (text) sums = std::move(*text);
    return text.has_value();
  };
  const bool is_default = result_.database == default_database && result_.version.empty();
  if (!options_.mirror.empty()) {
    std::string folder = mirror_.url;
    while (folder.ends_with('/')) folder.pop_back();
    if (has_sums(folder)) return folder;
    if (is_default) result_.version = default_version;
    if (result_.version.empty()) {
      fail("{}/{}: not found; for a mirror laid out as PhysioNet name the version: {}/VERSION",
           folder, sums_file, result_.database);
    }
    const std::string inner = fmt::format("{}/{}/{}", folder, result_.database, result_.version);
    if (has_sums(inner)) return inner;
    fail("{}/{}: not found, nor {}/{}; expected a folder with a database", folder, sums_file, inner,
         sums_file);
  }
  if (is_default) result_.version = default_version;
  if (result_.version.empty()) result_.version = latest_version();
  const std::string folder =
      fmt::format("{}/files/{}/{}", options_.site, result_.database, result_.version);
  if (!has_sums(folder)) {
    fail("{}/{}: not found; is there a database {} of version {}?", folder, sums_file,
         result_.database, result_.version);
  }
  return folder;
}

TransferResult Download::retried(const std::string& url,
                                 const std::function<TransferResult()>& attempt,
                                 const std::function<std::int64_t()>& arrived) {
  std::int64_t most = 0;
  for (int failures = 0;;) {
    TransferResult result = attempt();
    if (result.outcome != Outcome::temporary) return result;
    // A long file over a bad line is no reason to give up as long as more of it arrives.
    if (arrived() > most) {
      most = arrived();
      failures = 0;
    }
    ++failures;
    if (failures > options_.retries) {
      fail("{}: {}, {} attempts in a row; the same command goes on with what has arrived", url,
           result.reason, failures);
    }
    milliseconds delay = options_.first_delay * (1LL << std::min(failures - 1, 20));
    if (result.retry_after) delay = std::max<milliseconds>(delay, *result.retry_after);
    delay = std::min(delay, longest_delay);
    if (say_) {
      say_(fmt::format("{}: {}; again in {:.0f} s", url, result.reason,
                       std::chrono::duration<double>(delay).count()));
    }
    const auto until = std::chrono::steady_clock::now() + delay;
    while (std::chrono::steady_clock::now() < until) {
      throw_if_interrupted();
      std::this_thread::sleep_for(std::min(delay, milliseconds(50)));
    }
  }
}

// The content of a small file; none where there is no such file.
std::optional<std::string> Download::get_text(const std::string& url) {
  std::string text;
  const TransferResult got = retried(
      url,
      [&] {
        text.clear();
        return transfer_.get(
            url, 0, [&](auto, auto size) { check_list_size(url, size.value_or(0)); },
            [&](std::span<const char> bytes) {
              check_list_size(url, std::ssize(text) + std::ssize(bytes));
              text.append(bytes.data(), bytes.size());
            });
      },
      [] { return std::int64_t{0}; });
  if (got.outcome == Outcome::absent) return std::nullopt;
  if (got.outcome != Outcome::complete) fail("{}: {}", url, refusal(got));
  if (is_web_page(text)) fail("{}", wanted_login(url, got));
  return text;
}

// RECORDS or ANNOTATORS, kept in the folder too. Where SHA256SUMS.txt lists it, it is verified;
// none where the database has no such file.
std::optional<std::string> Download::read_list(const std::string& name) {
  if (sums_.contains(name)) {
    fetch(name);
    return read_list_file(path_of(name));
  }
  check_place(options_.output, name);
  std::optional<std::string> text = get_text(url_of(name));
  if (text && !(fs::exists(path_of(name)) && read_file(path_of(name)) == *text)) {
    write_file(path_of(name), *text);
  }
  return text;
}

std::vector<Download::Unit> Download::list_units() {
  std::vector<Unit> units;
  if (options_.all_files) {
    for (const auto& [name, sum] : sums_) units.push_back({Unit::Kind::file, name});
    return units;
  }

  if (const std::optional<std::string> list = read_list("ANNOTATORS")) {
    for (const TextLine& line : text_lines(*list)) {
      const std::string_view word = words_of(line.text).front();
      check_inside(word, fmt::format("{}:{}", url_of("ANNOTATORS"), line.number));
      annotators_.emplace_back(word);
    }
  } else {
    annotators_ = {"atr"};  // reference annotations are called so
  }

  const std::string source = url_of("RECORDS");
  if (const std::optional<std::string> list = read_list("RECORDS")) {
    std::set<std::string_view> seen;
    for (const TextLine& line : text_lines(*list)) {
      const std::string where = fmt::format("{}:{}", source, line.number);
      const bool folder = line.text.ends_with('/');
      std::string name(line.text.substr(0, line.text.size() - (folder ? 1 : 0)));
      check_inside(name, where);
      if (!seen.insert(line.text).second) fail("{}: {} is named twice", where, name);
      units.push_back({folder ? Unit::Kind::folder : Unit::Kind::record, std::move(name)});
    }
  } else {
    constexpr std::string_view suffix = ".hea";
    for (const auto& [name, sum] : sums_) {
      if (!name.ends_with(suffix)) continue;
      units.push_back({Unit::Kind::record, name.substr(0, name.size() - suffix.size())});
    }
  }
  if (units.empty()) {
    fail("{}/{}: lists no records (no RECORDS, no .hea files); --all-files fetches what there is",
         result_.source, sums_file);
  }
  if (options_.records.empty()) return units;

  std::vector<Unit> chosen;
  std::vector<std::string> missing;
  for (const std::string& name : options_.records) {
    const auto unit = std::ranges::find(units, name, &Unit::name);
    if (unit == units.end()) {
      missing.push_back(name);
    } else {
      chosen.push_back(*unit);
    }
  }
  if (!missing.empty()) {
    fail("{}: record{} {} {} not there", source, missing.size() > 1 ? "s" : "",
         fmt::join(missing, ", "), missing.size() > 1 ? "are" : "is");
  }
  return chosen;
}

// Calls `each` for the unit's files, until it answers false; says whether all were visited. A
// header is visited before it is read.
bool Download::visit(const Unit& unit, const Visit& each) const {
  if (unit.kind == Unit::Kind::file) return each(unit.name);
  if (unit.kind == Unit::Kind::record) return visit_record(unit.name, each, false);
  const std::string prefix = unit.name + "/";
  for (auto entry = sums_.lower_bound(prefix);
       entry != sums_.end() && entry->first.starts_with(prefix); ++entry) {
    if (!each(entry->first)) return false;
  }
  return true;
}

bool Download::visit_record(const std::string& record, const Visit& each, bool is_segment) const {
  const std::string header = record + ".hea";
  if (!sums_.contains(header)) {
    fail("{}/{}: does not list {}, the header of record {}", result_.source, sums_file, header,
         record);
  }
  if (!each(header)) return false;
  const HeaderFiles files = read_header(path_of(header));
  const std::string folder = header.substr(0, header.rfind('/') + 1);
  if (files.segments && is_segment) {
    fail("{}: is a segment that has segments", path_of(header).string());
  }
  std::set<std::string> seen;
  for (const std::string& name : files.names) {
    if (!seen.insert(name).second) continue;  // signals share a file, and segments may recur
    const std::string path = folder + name;
    check_inside(path, path_of(header).string());
    if (files.segments) {
      if (!visit_record(path, each, true)) return false;
      continue;
    }
    if (!sums_.contains(path)) {
      fail("{}: names {}, which SHA256SUMS.txt does not list", path_of(header).string(), path);
    }
    if (!each(path)) return false;
  }
  return std::ranges::all_of(annotators_, [&](const std::string& annotator) {
    // Not every record has every kind.
    const std::string name = record + "." + annotator;
    return !sums_.contains(name) || each(name);
  });
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
  const std::string url = url_of(name);
  const std::string& expected = sums_.find(name)->second;
  // A kill may have come between the last byte and the new name.
  if (part.size() > 0 && part.sha256() == expected) {
    commit(part, name);
    return;
  }
  std::optional<std::int64_t> told;
  bool page = false;
  const auto attempt = [&] {
    return transfer_.get(
        url, part.size(),
        [&](std::int64_t offset, std::optional<std::int64_t> size) {
          if (offset != part.size()) part.start_over();
          told = size;
          if (told) check_room(part.path(), *told - offset);
          unit_size_ =
              std::max(unit_size_, status_.bytes - unit_start_ + size.value_or(0) - offset);
        },
        [&](std::span<const char> bytes) {
          if (part.size() + std::ssize(bytes) > told.value_or(options_.largest_untold)) {
            part.start_over();
            fail(
                "{}: more arrives than {} bytes, {}", url, told.value_or(options_.largest_untold),
                told ? "the size that was announced" : "the most of a file whose size is not told");
          }
          if (part.size() == 0) page = is_web_page({bytes.data(), bytes.size()});
          part.append(bytes);
          result_.received_bytes += std::ssize(bytes);
          status_.bytes = result_.received_bytes;
          report();
        });
  };
  for (const bool last : {false, true}) {
    TransferResult got = retried(url, attempt, [&] { return part.size(); });
    if (got.outcome == Outcome::bad_range && part.size() > 0) {
      // What is there is longer than the file: not a part of it.
      part.start_over();
      got = retried(url, attempt, [&] { return part.size(); });
    }
    if (got.outcome == Outcome::absent) {
      fail("{}: not found ({}), though SHA256SUMS.txt lists it", url, got.reason);
    }
    if (got.outcome != Outcome::complete) fail("{}: {}", url, refusal(got));
    const std::string found = part.sha256();
    if (found == expected) {
      commit(part, name);
      return;
    }
    part.start_over();
    if (page && got.final_url != url) fail("{}", wanted_login(url, got));
    if (last) {
      fail("{}: has SHA-256 {}, expected {} (SHA256SUMS.txt), also when fetched again", url, found,
           expected);
    }
    if (say_) {
      say_(fmt::format("{}: has another SHA-256 than SHA256SUMS.txt lists; again from its start",
                       url));
    }
  }
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
std::vector<Download::Unit> Download::incomplete_of(const std::vector<Unit>& units) {
  std::vector<Unit> incomplete;
  status_.checking = true;
  status_.units = std::ssize(units);
  const std::int64_t lists = result_.bytes;
  for (const Unit& unit : units) {
    const std::int64_t before = result_.bytes;
    status_.unit = unit.name;
    if (visit(unit, [this](const std::string& file) { return have(file); })) {
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

void Download::fetch_units(const std::vector<Unit>& units) {
  status_ = DownloadProgress();
  status_.units = std::ssize(units);
  status_.bytes = result_.received_bytes;
  for (const Unit& unit : units) {
    const std::int64_t before = result_.bytes;
    status_.unit = unit.name;
    unit_start_ = status_.bytes;
    unit_size_ = 0;
    visit(unit, [this](const std::string& file) {
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

DownloadResult Download::run() {
  const std::size_t slash = options_.database.find('/');
  result_.database = options_.database.substr(0, slash);
  if (slash != std::string::npos) result_.version = options_.database.substr(slash + 1);
  check_options();
  const OutputDirectory output(options_.output);
  const DirectoryLock lock(options_.output);

  std::string sums;
  result_.source = find_source(sums);
  sums_ = parse_checksums(sums, result_.source + "/" + sums_file);
  const fs::path kept = path_of(sums_file);
  check_place(options_.output, sums_file);
  if (!fs::exists(kept)) {
    write_file(kept, sums);
  } else if (read_file(kept) != sums) {
    fail(
        "{}: is not the one of {}: the folder holds another database or version; choose another "
        "--output",
        kept.string(), result_.source);
  }

  const std::vector<Unit> units = list_units();
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
