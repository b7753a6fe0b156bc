// One process at a time in a directory.
//
// An flock() on the directory itself: nothing is left behind, and the kernel releases it however
// the process ends, SIGKILL included. Where the file system does not support it, there is no lock.
#pragma once

#include <filesystem>

#include "base/error.h"

namespace ekgine {

// Another process holds the lock.
class InUse : public Error {
 public:
  using Error::Error;
};

class DirectoryLock {
 public:
  enum class Wanted { now, wait };

  // Locks an existing directory until the end of the scope. With Wanted::now, throws InUse when
  // another process has it: "DIR: another process is at work there". Locks of one process nest.
  // Not for use by several threads at once. Errors: no such directory. Throws Interrupted while
  // it waits.
  explicit DirectoryLock(const std::filesystem::path& directory, Wanted wanted = Wanted::now);
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;
  ~DirectoryLock();

 private:
  int file_ = -1;  // stays −1 in a nested lock
};

}  // namespace ekgine
