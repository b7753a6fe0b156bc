#include "base/directory_lock.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "tests/support/expect_error.h"
#include "tests/support/lock_holder.h"
#include "tests/support/temporary_directory.h"

namespace ekgine::testing {
namespace {

TEST(DirectoryLock, KeepsOthersOutUntilTheProcessEnds) {
  const TemporaryDirectory folder;
  LockHolder holder(folder.path());
  EXPECT_ERROR(DirectoryLock{folder.path()},
               folder.path().string() + ": another process is at work there");
  EXPECT_THROW(DirectoryLock{folder.path()}, InUse);
  holder.end();  // by SIGKILL: nothing is cleaned up
  const DirectoryLock lock(folder.path());
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(DirectoryLock, NestsWithinAProcess) {
  const TemporaryDirectory folder;
  {
    const DirectoryLock outer(folder.path());
    { const DirectoryLock inner(folder.path()); }
    // The inner one did not release it.
    const int file = open(folder.path().c_str(), O_RDONLY | O_DIRECTORY);
    EXPECT_EQ(flock(file, LOCK_EX | LOCK_NB), -1);
    close(file);
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
}

}  // namespace
}  // namespace ekgine::testing
