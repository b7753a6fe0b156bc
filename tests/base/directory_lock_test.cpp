#include "base/directory_lock.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <thread>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace ekgine::testing {
namespace {

// A process that holds the lock until it is killed.
class Holder {
 public:
  explicit Holder(const std::filesystem::path& folder) {
    int ready[2];
    EXPECT_EQ(pipe(ready), 0);
    child_ = fork();
    if (child_ == 0) {
      const DirectoryLock lock(folder);
      [[maybe_unused]] const auto written = write(ready[1], "x", 1);
      for (;;) pause();
    }
    char byte = 0;
    EXPECT_EQ(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
  }
  ~Holder() { end(); }
  void end() {
    if (child_ <= 0) return;
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
    child_ = 0;
  }

 private:
  pid_t child_;
};

TEST(DirectoryLock, KeepsOthersOutUntilTheProcessEnds) {
  const TemporaryDirectory folder;
  Holder holder(folder.path());
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
  Holder holder(folder.path());  // released: another process gets it
}

TEST(DirectoryLock, WaitsWhenAsked) {
  const TemporaryDirectory folder;
  Holder holder(folder.path());
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
