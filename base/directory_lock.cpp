#include "base/directory_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "base/descriptor.h"
#include "base/interrupt.h"

namespace ekgine {

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
    int file;
    int holders;
  };
  std::mutex mutex;
  std::map<Identity, Lock> locks;
};

Held& held() {
  static Held directories;
  return directories;
}

// Locks the directory and gives what it is; nothing where another process has it.
std::optional<Identity> take(const std::filesystem::path& directory) {
  Held& all = held();
  const std::lock_guard guard(all.mutex);
  for (;;) {
    Descriptor file(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const std::optional<Identity> which = file.get() < 0 ? std::nullopt : identity(file.get());
    if (!which) fail("{}: cannot open the folder: {}", directory.string(), std::strerror(errno));
    if (const auto found = all.locks.find(*which); found != all.locks.end()) {
      ++found->second.holders;
      return which;
    }
    if (!try_lock(file.get(), directory)) return std::nullopt;
    if (!still_at(directory, file.get())) continue;
    all.locks.emplace(*which, Held::Lock{file.get(), 1});
    file.release();
    return which;
  }
}

}  // namespace

InUse::InUse(const std::filesystem::path& place)
    : Error(fmt::format("{}: another process is at work there", place.string())) {}

DirectoryLock::DirectoryLock(const std::filesystem::path& directory, Wanted wanted) {
  // Polled: a blocking flock() would be restarted after Ctrl-C.
  for (;;) {
    if (const std::optional<Identity> taken = take(directory)) {
      directory_ = *taken;
      return;
    }
    throw_if_interrupted();
    if (wanted == Wanted::now) throw InUse(directory);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

DirectoryLock::~DirectoryLock() {
  Held& all = held();
  const std::lock_guard guard(all.mutex);
  const auto found = all.locks.find(directory_);
  if (--found->second.holders > 0) return;
  close(found->second.file);
  all.locks.erase(found);
}

bool try_lock(int file, const std::filesystem::path& place) {
  while (flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK) return false;
    fail("{}: cannot lock: {}; choose a place on a file system with locks", place.string(),
         std::strerror(errno));
  }
  return true;
}

bool still_at(const std::filesystem::path& path, int file) {
  struct stat info {};
  // Not lstat(): a folder may be named by a link to it.
  const std::optional<Identity> named = identity(stat(path.c_str(), &info), info);
  return named && named == identity(file);
}

}  // namespace ekgine
