// A directory that another process has locked, for tests.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "base/directory_lock.h"

namespace ekgine::testing {

// A process that holds the lock until it is killed.
class LockHolder {
 public:
  explicit LockHolder(const std::filesystem::path& folder,
                      DirectoryLock::Kind kind = DirectoryLock::Kind::alone) {
    int ready[2];
    EXPECT_EQ(pipe(ready), 0);
    child_ = fork();
    if (child_ == 0) {
      const DirectoryLock lock(folder, DirectoryLock::Wanted::now, kind);
      [[maybe_unused]] const auto written = write(ready[1], "x", 1);
      for (;;) pause();
    }
    char byte = 0;
    EXPECT_EQ(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
  }
  LockHolder(const LockHolder&) = delete;
  LockHolder& operator=(const LockHolder&) = delete;
  ~LockHolder() { end(); }
  void end() {
    if (child_ <= 0) return;
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
    child_ = 0;
  }

 private:
  pid_t child_;
};

}  // namespace ekgine::testing
