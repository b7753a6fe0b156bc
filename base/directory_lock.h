// One process at a time in a directory, or several that share it.
//
// An flock() on `.ekgine.lock`, a file in the directory that is open for writing. The kernel
// releases it however the process ends, SIGKILL included. Whoever lets go of it removes the file;
// what a kill leaves of it is no lock, and the next to come takes it, and removes it. It is no
// content: who lists or empties a directory that may be locked passes over it. The lock moves with
// the directory where that is renamed.
//
// Why a file: on NFS a lock on a directory, or on a file open for reading, holds among the
// processes of one machine alone, and nobody is told. Since Linux 2.6.12 flock() on a file that is
// open for writing is a byte-range lock there, which the server knows and all its clients see. Why
// not fcntl(): its lock ends when any descriptor of the file is closed; on NFS the two exclude each
// other.
//
// A place where the file cannot be made or locked is refused: a directory without write permission,
// a file system that is read-only or has no locks (ENOLCK, EOPNOTSUPP, ENOSYS). Not covered, since
// locks seem to succeed there: mounts whose locks stay on the machine (NFS with `nolock` or
// `local_lock`, Lustre with `localflock`, most of FUSE, sshfs among them), and a client that lost
// its lease of NFS, or its server's memory of locks, while it held one. Whoever removes the file of
// another process by hand lets a second one in.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <utility>

#include "base/error.h"

namespace ekgine {

// In a directory that is locked, or was when its process was killed.
constexpr const char* lock_file_name = ".ekgine.lock";

// Another process holds the lock.
class InUse : public Error {
 public:
  // "PLACE: another process is at work there"
  explicit InUse(const std::filesystem::path& place);
};

class DirectoryLock {
 public:
  enum class Wanted { now, wait };
  // Shared: with others that share it, and with none that has it alone.
  enum class Kind { alone, shared };

  // Locks an existing directory until the end of the scope. With Wanted::now, throws InUse when
  // another process has it. Locks of one process nest, in any order and on any threads, and are all
  // of the first one's kind. Errors: no such directory; the lock file cannot be made, or is no
  // file; the file system has no locks. Throws Interrupted while it waits.
  explicit DirectoryLock(const std::filesystem::path& directory, Wanted wanted = Wanted::now,
                         Kind kind = Kind::alone);
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;
  // Takes no memory.
  ~DirectoryLock();

 private:
  std::pair<dev_t, ino_t> directory_;
};

// Removes the lock files of this process: for one that ends without running destructors. Takes no
// memory.
void remove_lock_files() noexcept;

// Opens a file of the folder for what try_lock() needs, with `flags` besides; below 0, and errno,
// where that cannot be done. A file that may not be written (another user's, left by a kill) is
// opened for reading: a local file system locks it all the same.
int open_to_lock(int folder, const char* name, int flags);

// Tries to lock an open file, `place` in messages, for this open file alone, or shared with others.
// False: somebody else has it. Errors: the file system has no locks, or wants the file open for
// writing.
bool try_lock(int file, const std::filesystem::path& place,
              DirectoryLock::Kind kind = DirectoryLock::Kind::alone);

// Whether `path` still names the open file: another may have renamed or removed it meanwhile, and a
// lock on it then guards nothing.
bool still_at(const std::filesystem::path& path, int file);

}  // namespace ekgine
