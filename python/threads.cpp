#include "python/threads.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "base/error.h"
#include "kernels/runtime/cpu.h"
#include "kernels/runtime/threads.h"

namespace ekgine::python {

namespace {

constexpr int most_threads = 1024;  // as --threads takes

std::atomic<int> budget = 0;  // 0: all cores

std::atomic<bool> is_ending = false;
std::atomic<int> computing = 0;  // threads but the main one

bool in_main_thread() {
  return ::syscall(SYS_gettid) == ::getpid();
}

[[noreturn]] void sleep_for_good() {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

// Of a thread that was counted.
[[noreturn]] void stop() {
  --computing;
  sleep_for_good();
}

// OpenMP's threads are of the process that has started them: a fork has none of them, and would
// wait for them for ever.
void require_own_threads() {
  static std::atomic<pid_t> started_by = 0;
  pid_t nobody = 0;
  if (!started_by.compare_exchange_strong(nobody, ::getpid()) && nobody != ::getpid()) {
    throw std::runtime_error(
        "this process was forked from one that has computed already, whose threads it lacks: start "
        "processes by multiprocessing's 'spawn', or call ekgine.set_threads(1) in them");
  }
}

}  // namespace

void set_threads(int threads) {
  if (threads < 0 || threads > most_threads) {
    fail("threads: {}, expected 0 to {}", threads, most_threads);
  }
  budget = threads;
}

int threads() {
  const int set = budget;
  return set > 0 ? set : available_cores();
}

ThreadBudget::ThreadBudget() : before_(thread_count()) {
  const int count = threads();
  // OpenMP keeps threads for each thread that asks for them.
  static thread_local int started = 1;
  if (count > 1) require_own_threads();
  if (count > started) {
    start_threads(count);
    started = count;
  }
  set_thread_count(count);
}

ThreadBudget::~ThreadBudget() {
  set_thread_count(before_);
}

Counted::Counted() {
  if (in_main_thread()) return;
  if (is_ending) sleep_for_good();
  ++computing;
}

Counted::~Counted() {
  if (in_main_thread()) return;
  if (is_ending) stop();
  --computing;
}

void handle_signals() {
  // Others may not ask for the interpreter's lock here: where it is about to end, it ends a daemon
  // thread that does in the midst of C++, and so the process.
  if (!in_main_thread()) {
    if (is_ending) stop();
    return;
  }
  const nanobind::gil_scoped_acquire gil;
  if (PyErr_CheckSignals() != 0) throw nanobind::python_error();
}

bool ending() {
  return is_ending;
}

void stop_other_threads() {
  is_ending = true;
  const nanobind::gil_scoped_release others_run;
  const auto latest = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (computing > 0 && std::chrono::steady_clock::now() < latest) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace ekgine::python
