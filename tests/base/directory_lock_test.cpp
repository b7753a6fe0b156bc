#include "base/directory_lock.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include "base/atomic_file.h"
#include "tests/support/expect_error.h"
#include "tests/support/lock_holder.h"
#include "tests/support/temporary_directory.h"

namespace ekgine::testing {
namespace {

namespace fs = std::filesystem;

TEST(DirectoryLock, KeepsOthersOutUntilTheProcessEnds) {
  const TemporaryDirectory folder;
  LockHolder holder(folder.path());
  EXPECT_ERROR(DirectoryLock{folder.path()},
               folder.path().string() + ": another process is at work there");
  EXPECT_THROW(DirectoryLock{folder.path()}, InUse);
  holder.end();  // by SIGKILL: nothing is cleaned up
  EXPECT_TRUE(fs::exists(folder / lock_file_name)) << "left by the kill, and no lock";
  { const DirectoryLock lock(folder.path()); }
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

// What another process could do: its locks are those of open files that are not ours.
bool others_can_lock(const fs::path& folder, int operation = LOCK_EX) {
  const int file = open((folder / lock_file_name).c_str(), O_RDWR);
  EXPECT_GE(file, 0);
  const bool locked = flock(file, operation | LOCK_NB) == 0;
  close(file);
  return locked;
}

// Six processes at once call `holds` so often; in each it is true and throws nothing.
void repeat_in_processes(int times, const std::function<bool()>& holds) {
  std::vector<pid_t> children;
  for (int i = 0; i < 6; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      int status = 0;
      for (int k = 0; k < times && status == 0; ++k) {
        try {
          if (!holds()) status = 2;
        } catch (...) {
          status = 1;
        }
      }
      _exit(status);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
}

// Each takes the place over that another is just leaving, or was killed in.
TEST(DirectoryLock, OfManyProcessesOneIsInside) {
  const TemporaryDirectory folder;
  const fs::path inside = folder / "inside";
  write_bytes(folder / lock_file_name, "");
  repeat_in_processes(2000, [&] {
    try {
      const DirectoryLock lock(folder.path());
      const int file = open(inside.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
      close(file);
      unlink(inside.c_str());
      return file >= 0;
    } catch (const InUse&) {
      return true;
    }
  });
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(DirectoryLock, IsSharedAmongThoseThatShareIt) {
  const TemporaryDirectory folder;
  LockHolder holder(folder.path(), DirectoryLock::Kind::shared);
  {
    const DirectoryLock lock(folder.path(), DirectoryLock::Wanted::now,
                             DirectoryLock::Kind::shared);
    EXPECT_TRUE(others_can_lock(folder.path(), LOCK_SH));
  }
  EXPECT_TRUE(fs::exists(folder / lock_file_name)) << "the other is still there";
  EXPECT_THROW(DirectoryLock{folder.path()}, InUse);
  holder.end();
  {
    const DirectoryLock lock(folder.path(), DirectoryLock::Wanted::now,
                             DirectoryLock::Kind::shared);
  }
  EXPECT_TRUE(fs::is_empty(folder.path()));
  LockHolder alone(folder.path());
  EXPECT_THROW(
      (DirectoryLock{folder.path(), DirectoryLock::Wanted::now, DirectoryLock::Kind::shared}),
      InUse);
}

// They come and go at once, and none is turned away, nor is anybody alone meanwhile.
TEST(DirectoryLock, ManyShareIt) {
  const TemporaryDirectory folder;
  repeat_in_processes(500, [&] {
    const DirectoryLock lock(folder.path(), DirectoryLock::Wanted::now,
                             DirectoryLock::Kind::shared);
    return !others_can_lock(folder.path());
  });
}

TEST(DirectoryLock, MovesWithTheDirectory) {
  const TemporaryDirectory folder;
  const fs::path before = folder / "before", after = folder / "after";
  fs::create_directory(before);
  {
    const DirectoryLock lock(before);
    fs::rename(before, after);
    EXPECT_FALSE(others_can_lock(after));
    fs::create_directory(before);
    LockHolder other(before);  // another folder by now
  }
  EXPECT_TRUE(fs::is_empty(after));
  EXPECT_FALSE(fs::is_empty(before)) << "not ours";
}

TEST(DirectoryLock, NestsWithinAProcess) {
  const TemporaryDirectory folder;
  {
    const DirectoryLock outer(folder.path());
    { const DirectoryLock inner(folder.path()); }
    // The inner one did not release it.
    EXPECT_FALSE(others_can_lock(folder.path()));
  }
  LockHolder holder(folder.path());  // released: another process gets it
}

TEST(DirectoryLock, WaitsWhenAsked) {
  const TemporaryDirectory folder;
  LockHolder holder(folder.path());
  std::atomic<bool> ended = false;
  std::thread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    ended = true;
    holder.end();
  });
  const DirectoryLock lock(folder.path(), DirectoryLock::Wanted::wait);
  EXPECT_TRUE(ended);
  other.join();
}

TEST(DirectoryLock, NeedsADirectory) {
  const TemporaryDirectory folder;
  EXPECT_ERROR(DirectoryLock{folder / "none"},
               (folder / "none").string() + ": cannot open the folder: No such file or directory");
  // Not even root can make a file there.
  EXPECT_ERROR(DirectoryLock{"/proc"},
               "/proc/.ekgine.lock: cannot open the lock file for writing: No such file");
}

// As somebody whom permissions stop, where the tests run as root.
class AsNobody {
 public:
  AsNobody() { EXPECT_TRUE(root_ == (seteuid(65534) == 0)); }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;
  ~AsNobody() { EXPECT_TRUE(!root_ || seteuid(0) == 0); }

 private:
  bool root_ = geteuid() == 0;
};

TEST(DirectoryLock, NeedsToWriteInTheDirectory) {
  const TemporaryDirectory folder;
  fs::permissions(folder.path(), fs::perms(0555));
  {
    const AsNobody nobody;
    EXPECT_ERROR(DirectoryLock{folder.path()},
                 (folder / lock_file_name).string() +
                     ": cannot open the lock file for writing: Permission denied");
  }
  fs::permissions(folder.path(), fs::perms(0777));
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

// Left by a kill of another user's process.
TEST(DirectoryLock, TakesOverAFileThatIsNotItsOwn) {
  const TemporaryDirectory folder;
  write_bytes(folder / lock_file_name, "");
  fs::permissions(folder / lock_file_name, fs::perms(0444));
  fs::permissions(folder.path(), fs::perms(0777));
  {
    const AsNobody nobody;
    const DirectoryLock lock(folder.path());
    const int file = open((folder / lock_file_name).c_str(), O_RDONLY);
    EXPECT_EQ(flock(file, LOCK_EX | LOCK_NB), -1);
    close(file);
  }
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(DirectoryLock, FollowsNoLinkAndLocksFilesAlone) {
  const TemporaryDirectory folder;
  const fs::path name = folder / lock_file_name;
  write_bytes(folder / "victim", "precious");
  fs::create_symlink("victim", name);
  EXPECT_ERROR(DirectoryLock{folder.path()},
               name.string() + ": cannot open the lock file for writing: Too many levels of");
  fs::remove(name);
  fs::create_directory(name);
  EXPECT_ERROR(DirectoryLock{folder.path()},
               name.string() + ": cannot open the lock file for writing: Is a directory");
  fs::remove(name);
  ASSERT_EQ(mkfifo(name.c_str(), 0600), 0);
  EXPECT_ERROR(DirectoryLock{folder.path()}, name.string() + ": is a FIFO, expected a file");
  EXPECT_TRUE(fs::exists(name));
  EXPECT_EQ(read_file(folder / "victim"), "precious");
}

TEST(DirectoryLock, FileCanBeRemovedWhereNoDestructorRuns) {
  const TemporaryDirectory folder;
  const DirectoryLock lock(folder.path());
  remove_lock_files();
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

}  // namespace
}  // namespace ekgine::testing
