// Sets the number of threads of kernels for one scope.
#pragma once

#include "kernels/runtime/cpu.h"

namespace ekgine::testing {

class ThreadCount {
 public:
  explicit ThreadCount(int threads) : before_(thread_count()) { set_thread_count(threads); }
  ThreadCount(const ThreadCount&) = delete;
  ThreadCount& operator=(const ThreadCount&) = delete;
  ~ThreadCount() { set_thread_count(before_); }

 private:
  int before_;
};

}  // namespace ekgine::testing
