#include "data/workers.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/interrupt.h"
#include "kernels/runtime/reserved_workspace.h"

namespace ekgine {

namespace {

constexpr std::size_t workspace_bytes = std::size_t{1} << 30;  // address space, not memory

}  // namespace

void for_each_item(std::int64_t n, const std::function<void(std::int64_t, const Cpu&)>& work) {
  std::atomic<std::int64_t> next{0};
  std::atomic<bool> stop{false};
  std::mutex mutex;  // guards the three below
  std::exception_ptr failure, no_thread;
  std::int64_t failed = n;

  const auto run_items = [&] {
    set_thread_count(1);  // of this thread alone
    ReservedWorkspace workspace(workspace_bytes);
    const Cpu cpu{workspace};
    for (std::int64_t i; !stop && !interrupted() && (i = next++) < n;) {
      try {
        work(i, cpu);
      } catch (...) {
        stop = true;
        const std::lock_guard lock(mutex);
        if (i < failed) {
          failed = i;
          failure = std::current_exception();
        }
      }
    }
  };
  // A thread that cannot be had, or has no memory, leaves its items to the others.
  const auto run = [&] {
    try {
      run_items();
    } catch (...) {
      const std::lock_guard lock(mutex);
      no_thread = std::current_exception();
    }
  };
  {
    const std::int64_t count = std::min<std::int64_t>(thread_count(), n);
    std::vector<std::jthread> threads;
    threads.reserve(static_cast<std::size_t>(count));
    try {
      while (std::ssize(threads) < count) threads.emplace_back(run);
    } catch (...) {
      const std::lock_guard lock(mutex);
      no_thread = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
  throw_if_interrupted();
  if (next >= n) return;
  try {
    std::rethrow_exception(no_thread);
  } catch (const std::system_error& error) {
    fail("cannot start a thread: {}", error.code().message());
  }
}

}  // namespace ekgine
