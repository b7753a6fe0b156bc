#include "base/directory_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <set>
#include <thread>
#include <utility>

#include "base/interrupt.h"

namespace ekgine {

namespace {

using Identity = std::pair<dev_t, ino_t>;

Identity identity(int file) {
  struct stat info {};
  fstat(file, &info);
  return {info.st_dev, info.st_ino};
}

// Directories locked by this process: flock() would take a second lock of its own for a stranger's.
std::set<Identity>& held() {
  static std::set<Identity> directories;
  return directories;
}

}  // namespace

DirectoryLock::DirectoryLock(const std::filesystem::path& directory, Wanted wanted) {
  file_ = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file_ < 0) fail("{}: cannot open the folder: {}", directory.string(), std::strerror(errno));
  if (held().contains(identity(file_))) {
    close(file_);
    file_ = -1;
    return;
  }
  // Polled: a blocking flock() would be restarted after Ctrl-C.
  while (flock(file_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    if (wanted == Wanted::now || interrupted()) {
      close(file_);
      file_ = -1;
      throw_if_interrupted();
      throw InUse(fmt::format("{}: another process is at work there", directory.string()));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  held().insert(identity(file_));
}

DirectoryLock::~DirectoryLock() {
  if (file_ < 0) return;
  held().erase(identity(file_));
  close(file_);
}

}  // namespace ekgine
