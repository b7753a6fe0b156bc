#include "data/workers.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "base/interrupt.h"

namespace ekgine {

namespace {

constexpr std::size_t workspace_bytes = std::size_t{1} << 30;  // address space, not memory

}  // namespace

void for_each_item(std::int64_t n, const std::function<void(std::int64_t, const Cpu&)>& work) {
  std::atomic<std::int64_t> next{0};
  std::atomic<bool> stop{false};
  std::mutex mutex;  // guards the two below
  std::exception_ptr failure;
  std::int64_t failed = n;

  const auto run = [&] {
    set_thread_count(1);  // of this thread alone
    Workspace workspace(workspace_bytes);
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
  {
    std::vector<std::jthread> threads;
    const std::int64_t count = std::min<std::int64_t>(thread_count(), n);
    for (std::int64_t t = 0; t < count; ++t) threads.emplace_back(run);
  }
  if (failure) std::rethrow_exception(failure);
  throw_if_interrupted();
}

}  // namespace ekgine
