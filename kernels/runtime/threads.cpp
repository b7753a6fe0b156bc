#include "kernels/runtime/threads.h"

#include <execinfo.h>
#include <omp.h>
#include <sched.h>

#include <algorithm>
#include <latch>
#include <system_error>
#include <thread>
#include <vector>

#include "base/option_error.h"

namespace ekgine {

int available_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

void start_threads(int threads) {
  // The C library loads what exceptions need to pass its own functions when that is first needed,
  // and ends the process where it then has no memory for it.
  void* frame = nullptr;
  ::backtrace(&frame, 1);

  const int others = threads - 1;
  std::vector<std::jthread> all;
  all.reserve(static_cast<std::size_t>(others));
  std::latch done(1);  // none ends before the last has begun
  std::string reason;
  try {
    while (std::ssize(all) < others) all.emplace_back([&done] { done.wait(); });
  } catch (const std::system_error& error) {
    reason = error.code().message();
  } catch (...) {
    done.count_down();
    throw;
  }
  const auto started = std::ssize(all);
  done.count_down();
  all.clear();
  if (started < others) {
    fail_option({"threads"}, "{} threads: only {} can be started: {}", threads, started + 1,
                reason);
  }
#pragma omp parallel num_threads(threads)
  {}
}

}  // namespace ekgine
