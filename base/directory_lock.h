// One process at a time in a directory.
//
// An flock() on the directory itself: nothing is left behind, and the kernel releases it however
// the process ends, SIGKILL included. A file system without locks is refused: two processes there
// could not tell of each other.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <utility>

#include "base/error.h"

namespace ekgine {

// Another process holds the lock.
class InUse : public Error {
 public:
  // "PLACE: another process is at work there"
  explicit InUse(const std::filesystem::path& place);
};

class DirectoryLock {
 public:
  enum class Wanted { now, wait };

  // Locks an existing directory until the end of the scope. With Wanted::now, throws InUse when
  // another process has it. Locks of one process nest, in any order and on any threads. Errors: no
  // such directory; its file system has no locks. Throws Interrupted while it waits.
  explicit DirectoryLock(const std::filesystem::path& directory, Wanted wanted = Wanted::now);
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;
  ~DirectoryLock();

 private:
  std::pair<dev_t, ino_t> directory_;
};

// Tries to lock an open file or directory, `place` in messages, for this open file alone. False:
// somebody else has it. Errors: the file system has no locks.
bool try_lock(int file, const std::filesystem::path& place);

// Whether `path` still names the open file: another may have renamed or removed it meanwhile, and a
// lock on it then guards nothing.
bool still_at(const std::filesystem::path& path, int file);

}  // namespace ekgine
