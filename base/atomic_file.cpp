#include "base/atomic_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <system_error>
#include <utility>

#include "base/descriptor.h"
#include "base/error.h"
#include "base/regular_file.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

std::string reason() {
  return std::strerror(errno);
}

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

// Makes the temporary file of `path` anew and locks it. One that stands there and is locked belongs
// to a process at work; one that is not was left by a kill. The lock comes after the name: between
// the two another process may take the file for one that was left. Whoever has the lock of what the
// name still stands for goes on.
int create_locked(const fs::path& temporary, const fs::path& path) {
  for (;;) {
    Descriptor made(
        ::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (made.get() >= 0) {
      try {
        if (!try_lock(made.get(), path)) throw InUse(path);
      } catch (const InUse&) {
        throw;
      } catch (...) {
        ::unlink(temporary.c_str());
        throw;
      }
      if (still_at(temporary, made.get())) return made.release();
      continue;
    }
    if (errno != EEXIST) fail("{}: cannot write: {}", path.string(), reason());
    struct stat info {};
    if (::lstat(temporary.c_str(), &info) != 0) {
      if (errno == ENOENT) continue;  // gone meanwhile
      fail("{}: cannot write: {}", path.string(), reason());
    }
    if (!S_ISREG(info.st_mode)) {
      fail("{}: cannot write: {} is {}", path.string(), temporary.string(),
           kind_of_file(info.st_mode));
    }
    const Descriptor left(open_to_lock(AT_FDCWD, temporary.c_str(), 0));
    if (left.get() < 0 && errno == ENOENT) continue;
    if (left.get() < 0) {
      fail("{}: cannot write: {}: {}", path.string(), temporary.string(), reason());
    }
    if (!try_lock(left.get(), path)) throw InUse(path);
    if (still_at(temporary, left.get()) && ::unlink(temporary.c_str()) != 0) {
      fail("{}: cannot write: {}: {}", path.string(), temporary.string(), reason());
    }
  }
}

}  // namespace

// Removed with the last AtomicFile that shares it.
struct AtomicFile::Temporary {
  fs::path target, path;
  int file = -1;  // holds the lock; -1: closed
  bool committed = false;

  explicit Temporary(fs::path final_path) : target(std::move(final_path)), path(target) {
    path += ".partial";
    file = create_locked(path, target);
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary() {
    if (!committed) ::unlink(path.c_str());
    if (file >= 0) ::close(file);
  }

  // Those of this process, by what they are for.
  struct Registry {
    std::mutex mutex;
    std::map<fs::path, std::weak_ptr<Temporary>> all;
  };
  static inline std::atomic<Registry*> made = nullptr;  // with the first, and never destroyed
  static Registry& registry() {
    static Registry* const registry = made = new Registry;
    return *registry;
  }

  // That of `target`, shared with those there are.
  static std::shared_ptr<Temporary> of(const fs::path& target) {
    auto& [mutex, all] = registry();
    const std::lock_guard lock(mutex);
    std::erase_if(all, [](const auto& entry) { return entry.second.expired(); });
    if (const auto found = all.find(target); found != all.end()) {
      if (auto shared = found->second.lock(); shared && !shared->committed) return shared;
    }
    auto temporary = std::make_shared<Temporary>(target);
    all[target] = temporary;
    return temporary;
  }
};

namespace {

// Removes the files in a folder but its lock file.
void empty_flat_folder(const char* folder) noexcept {
  const Descriptor directory(::open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (directory.get() < 0) return;
  alignas(dirent64) std::array<char, 4096> entries{};
  for (;;) {  // readdir() would take memory
    const long size = ::syscall(SYS_getdents64, directory.get(), entries.data(), entries.size());
    if (size <= 0) break;
    for (long at = 0; at < size;) {
      const auto* const entry = reinterpret_cast<const dirent64*>(entries.data() + at);
      if (std::strcmp(entry->d_name, lock_file_name) != 0) {
        ::unlinkat(directory.get(), entry->d_name, 0);
      }
      at += entry->d_reclen;
    }
  }
}

}  // namespace

void remove_flat_folder(const char* folder, std::optional<DirectoryLock>* lock) noexcept {
  empty_flat_folder(folder);
  if (lock != nullptr) {
    lock->reset();
  } else {
    const Descriptor directory(::open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (directory.get() >= 0) ::unlinkat(directory.get(), lock_file_name, 0);
  }
  ::rmdir(folder);
}

namespace {

std::mutex folders_mutex;
TemporaryFolder* first_folder = nullptr;

}  // namespace

TemporaryFolder::TemporaryFolder(fs::path folder, std::optional<DirectoryLock>* lock)
    : folder_(std::move(folder)), lock_(lock) {
  const std::lock_guard guard(folders_mutex);
  next_ = std::exchange(first_folder, this);
}

TemporaryFolder::~TemporaryFolder() {
  const std::lock_guard lock(folders_mutex);
  TemporaryFolder** link = &first_folder;
  while (*link != this) link = &(*link)->next_;
  *link = next_;
  if (!kept_) remove_flat_folder(folder_.c_str(), lock_);
}

void remove_temporary_files() noexcept {
  // Where a lock is taken the process ends while one is made: left as by a kill.
  if (auto* const registry = AtomicFile::Temporary::made.load()) {
    const std::unique_lock lock(registry->mutex, std::try_to_lock);
    if (lock.owns_lock()) {
      for (const auto& [target, temporary] : registry->all) {
        const auto held = temporary.lock();
        if (held && !held->committed) ::unlink(held->path.c_str());
      }
    }
  }
  {
    const std::unique_lock lock(folders_mutex, std::try_to_lock);
    if (!lock.owns_lock()) return;
    for (const TemporaryFolder* folder = first_folder; folder != nullptr; folder = folder->next_) {
      if (!folder->kept_) remove_flat_folder(folder->folder_.c_str());
    }
  }
  remove_lock_files();
}

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)) {
  const fs::path target = behind_links(path_);
  const fs::path folder = folder_of(target);
  if (!fs::is_directory(folder))
    fail("{}: the folder {} does not exist", path_.string(), folder.string());
  if (::access(folder.c_str(), W_OK) != 0) {
    fail("{}: cannot write in {}: {}", path_.string(), folder.string(), reason());
  }
  // Whose name a file cannot take.
  struct stat info {};
  if (::lstat(target.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    fail("{}: is {}, expected a file", path_.string(), kind_of_file(info.st_mode));
  }
  temporary_ = Temporary::of(target);
}

AtomicFile::~AtomicFile() = default;

const fs::path& AtomicFile::temporary_path() const {
  return temporary_->path;
}

void AtomicFile::commit() {
  replace_file(temporary_->path, temporary_->target);
  temporary_->committed = true;
}

void AtomicWriter::write(std::string_view piece) {
  while (!piece.empty()) {
    const ssize_t n = ::write(file_.temporary_->file, piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("{}: cannot write: {}", file_.path_.string(), reason());
    piece.remove_prefix(static_cast<std::size_t>(n));
  }
}

void AtomicWriter::close() {
  int& file = file_.temporary_->file;
  if (::fsync(file) != 0) fail("{}: cannot write: {}", file_.path_.string(), reason());
  ::close(std::exchange(file, -1));
}

void replace_file(const fs::path& temporary, const fs::path& path) {
  {
    const Descriptor file(::open(temporary.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (file.get() < 0 || ::fsync(file.get()) != 0) {
      fail("{}: cannot write: {}", path.string(), reason());
    }
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    fail("{}: cannot replace: {}", path.string(), reason());
  }
  sync_directory(folder_of(path));
}

void sync_directory(const fs::path& folder) {
  const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() >= 0) ::fsync(directory.get());
}

fs::path behind_links(const fs::path& path) {
  constexpr int most_links = 40;  // as the kernel follows
  // "folder/" names the same as "folder".
  fs::path place = path.has_filename() ? path : path.parent_path();
  std::error_code error;
  for (int i = 0; fs::is_symlink(fs::symlink_status(place, error)); ++i) {
    if (i == most_links) fail("{}: too many symbolic links", path.string());
    const fs::path next = fs::read_symlink(place, error);
    if (error) fail("{}: cannot read the symbolic link: {}", path.string(), error.message());
    place = folder_of(place) / next;  // the second alone, where it is absolute
    if (!place.has_filename()) place = place.parent_path();
  }
  return place;
}

void write_file(const fs::path& path, std::span<const std::string_view> parts) {
  AtomicWriter file(path);
  for (const std::string_view part : parts) file.write(part);
  file.commit();
}

void write_file(const fs::path& path, std::string_view content) {
  write_file(path, std::span(&content, 1));
}

std::string read_file(const fs::path& path, std::int64_t most) {
  RegularFile file(path);
  if (file.size() > most) {
    fail("{}: has {} bytes, expected at most {}", path.string(), file.size(), most);
  }
  std::string content(static_cast<std::size_t>(file.size()), '\0');
  file.read(content);
  char beyond = 0;
  file.read({&beyond, 1});  // fails unless this is the end
  return content;
}

void make_directory(const fs::path& path) {
  std::error_code error;
  fs::create_directories(behind_links(path), error);
  if (error || !fs::is_directory(path)) {
    fail("{}: cannot create the folder: {}", path.string(),
         error ? error.message() : std::string("a file of that name exists"));
  }
  if (::access(path.c_str(), W_OK) != 0)
    fail("{}: cannot write in this folder: {}", path.string(), reason());
}

OutputDirectory::OutputDirectory(const fs::path& path, DirectoryLock::Kind kind) {
  constexpr int most_attempts = 100;  // some milliseconds
  const fs::path place = behind_links(path);
  // Another process may remove what it has made, a parent or the folder itself, between any two of
  // these steps, and make it again. An error is one when it stays: until then the folder, which is
  // not locked, may be another's, and must not be removed.
  for (int attempt = 1;; ++attempt) {
    std::vector<fs::path> made;
    // What cannot be told, a name too long for one, is found when the folder is made.
    std::error_code untold;
    for (fs::path folder = place; !folder.empty() && !fs::exists(folder, untold);
         folder = folder.parent_path()) {
      made.push_back(folder);
    }
    if (made.size() > made_.size()) made_ = std::move(made);
    try {
      make_directory(place);
      lock_.emplace(place, DirectoryLock::Wanted::now, kind);
      return;
    } catch (const InUse&) {
      throw InUse(path);
    } catch (const Error&) {
      if (attempt == most_attempts) {
        remove_what_is_empty();
        throw;
      }
    }
  }
}

OutputDirectory::~OutputDirectory() {
  // Its file is in the folder. Another process may lock that from here on, and keeps it then.
  lock_.reset();
  remove_what_is_empty();
}

void OutputDirectory::remove_what_is_empty() noexcept {
  // Removing a folder fails when something is in it, which is the point. Those above it are left,
  // too, where another process has been quicker; not where the name could never be made.
  for (const fs::path& folder : made_) {
    if (::rmdir(folder.c_str()) != 0 && errno != ENAMETOOLONG) break;
  }
}

}  // namespace ekgine
