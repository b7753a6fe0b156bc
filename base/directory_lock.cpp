#include "base/directory_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "base/descriptor.h"
#include "base/interrupt.h"
#include "base/regular_file.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

using Identity = std::pair<dev_t, ino_t>;

std::optional<Identity> identity(int result, const struct stat& info) {
  if (result != 0) return std::nullopt;
  return Identity{info.st_dev, info.st_ino};
}

std::optional<Identity> identity(int file) {
  struct stat info {};
  return identity(fstat(file, &info), info);
}

// Directories locked by this process: flock() would take a second lock of its own for a stranger's.
struct Held {
  struct Lock {
    Descriptor folder, file;  // by the first the file is found under any name of the directory
    DirectoryLock::Kind kind = DirectoryLock::Kind::alone;
    int holders = 0;
  };
  std::mutex mutex;
  std::map<Identity, Lock> locks;
};

std::atomic<Held*> all_held = nullptr;  // with the first lock, and never destroyed

Held& held() {
  static Held* const directories = all_held = new Held;
  return *directories;
}

[[noreturn]] void fail_to_open(const fs::path& directory, int error) {
  fail("{}: cannot open the lock file for writing: {}", (directory / lock_file_name).string(),
       std::strerror(error));
}

// The lock file of a directory, open and not locked, and whether it was made; nothing where the
// directory has been removed meanwhile.
std::optional<std::pair<Descriptor, bool>> open_lock_file(int folder, const fs::path& directory) {
  for (;;) {
    Descriptor made(open_to_lock(folder, lock_file_name, O_CREAT | O_EXCL));
    if (made.get() >= 0) return std::pair(std::move(made), true);
    if (errno == ENOENT || errno == ESTALE) return {};
    if (errno != EEXIST) fail_to_open(directory, errno);
    Descriptor found(open_to_lock(folder, lock_file_name, 0));
    if (found.get() < 0 && errno == ENOENT) continue;  // gone meanwhile
    if (found.get() < 0) fail_to_open(directory, errno);
    struct stat info {};
    if (fstat(found.get(), &info) == 0 && !S_ISREG(info.st_mode)) {
      fail("{}: is {}, expected a file", (directory / lock_file_name).string(),
           kind_of_file(info.st_mode));
    }
    return std::pair(std::move(found), false);
  }
}

// Of those that share it the last one removes the file: it alone gets it for itself.
void remove_lock_file(const Held::Lock& lock) noexcept {
  const bool shared = lock.kind == DirectoryLock::Kind::shared;
  // An error may pass; where it stays, so does the file, until somebody locks it again.
  for (int attempt = 1; shared && flock(lock.file.get(), LOCK_EX | LOCK_NB) != 0; ++attempt) {
    if (errno == EWOULDBLOCK || attempt == 2) return;
  }
  struct stat info {};
  const int found = fstatat(lock.folder.get(), lock_file_name, &info, AT_SYMLINK_NOFOLLOW);
  const std::optional<Identity> named = identity(found, info);
  if (named && named == identity(lock.file.get())) {
    unlinkat(lock.folder.get(), lock_file_name, 0);
  }
}

// Locks the directory and gives what it is; nothing where another process has it.
std::optional<Identity> take(const fs::path& directory, DirectoryLock::Kind kind) {
  Held& all = held();
  const std::lock_guard guard(all.mutex);
  for (;;) {
    Descriptor folder(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const std::optional<Identity> which = folder.get() < 0 ? std::nullopt : identity(folder.get());
    if (!which) fail("{}: cannot open the folder: {}", directory.string(), std::strerror(errno));
    if (const auto found = all.locks.find(*which); found != all.locks.end()) {
      ++found->second.holders;
      return which;
    }
    auto opened = open_lock_file(folder.get(), directory);
    if (!opened) {
      struct stat info {};
      // Still there: no file can be made in it, as in /proc.
      if (identity(stat(directory.c_str(), &info), info) == which) fail_to_open(directory, ENOENT);
      continue;
    }
    bool locked = false;
    const bool made = opened->second;
    std::map<Identity, Held::Lock> taken;
    Held::Lock& lock = taken[*which];
    lock = {std::move(folder), std::move(opened->first), kind, 1};
    try {
      locked = try_lock(lock.file.get(), directory, kind);
      if (!locked) return std::nullopt;
      // Whoever had it may have removed it, or the directory may be another by now.
      if (!still_at(directory / lock_file_name, lock.file.get())) continue;
    } catch (...) {
      // Where locks fail nobody has this one.
      if (!locked && made) unlinkat(lock.folder.get(), lock_file_name, 0);
      if (locked) remove_lock_file(lock);
      throw;
    }
    all.locks.merge(taken);  // takes no memory
    return which;
  }
}

}  // namespace

InUse::InUse(const fs::path& place)
    : Error(fmt::format("{}: another process is at work there", place.string())) {}

DirectoryLock::DirectoryLock(const fs::path& directory, Wanted wanted, Kind kind) {
  // Polled: a blocking flock() would be restarted after Ctrl-C. The last of those that share it has
  // it alone for a moment, while it removes the file: no reason to turn one away.
  using Clock = std::chrono::steady_clock;
  const auto patience = std::chrono::milliseconds(kind == Kind::shared ? 500 : 0);
  const Clock::time_point start = Clock::now();
  for (;;) {
    if (const std::optional<Identity> taken = take(directory, kind)) {
      directory_ = *taken;
      return;
    }
    throw_if_interrupted();
    if (wanted == Wanted::now && Clock::now() - start >= patience) throw InUse(directory);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

DirectoryLock::~DirectoryLock() {
  Held& all = held();
  const std::lock_guard guard(all.mutex);
  const auto found = all.locks.find(directory_);
  if (--found->second.holders > 0) return;
  remove_lock_file(found->second);
  all.locks.erase(found);
}

void remove_lock_files() noexcept {
  Held* const all = all_held;
  if (all == nullptr) return;
  // Where it is taken the process ends while a lock is: left as by a kill.
  const std::unique_lock guard(all->mutex, std::try_to_lock);
  if (!guard.owns_lock()) return;
  for (const auto& [which, lock] : all->locks) remove_lock_file(lock);
}

int open_to_lock(int folder, const char* name, int flags) {
  const int always = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  const int file = openat(folder, name, O_RDWR | flags | always, 0666);
  if (file >= 0 || errno != EACCES || (flags & O_CREAT) != 0) return file;
  return openat(folder, name, O_RDONLY | flags | always);
}

bool try_lock(int file, const fs::path& place, DirectoryLock::Kind kind) {
  const int operation = kind == DirectoryLock::Kind::alone ? LOCK_EX : LOCK_SH;
  while (flock(file, operation | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK) return false;
    fail("{}: cannot lock: {}; choose a place on a file system with locks", place.string(),
         std::strerror(errno));
  }
  return true;
}

bool still_at(const fs::path& path, int file) {
  struct stat info {};
  // Opened, so that a client of NFS asks its server what the folder has now, not its own memory.
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const Descriptor asked(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::optional<Identity> named = identity(lstat(path.c_str(), &info), info);
  return named && named == identity(file);
}

}  // namespace ekgine
