#include "base/library_crash.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <string_view>
#include <utility>

#include "base/atomic_file.h"

namespace ekgine {

namespace {

// No allocation and no lock: the library may have been in the middle of either. A message that
// nobody reads is lost.
void say(std::string_view text) noexcept {
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

extern "C" void on_crash(int) {
  const char* const library = InLibrary::name();
  if (library == nullptr) return;  // to the instruction that crashed, which now ends the process
  remove_temporary_files();
  say("ekgine: ");
  say(library);
  say(" crashed: out of memory, or a file that was made to crash it\n");
  ::_exit(1);
}

// What a thread's signals run on: a library that recurses without end leaves no other stack.
struct SignalStack {
  alignas(16) std::array<char, std::size_t{1} << 15> bytes;

  SignalStack() noexcept {
    stack_t stack{};
    stack.ss_sp = bytes.data();
    stack.ss_size = bytes.size();
    ::sigaltstack(&stack, nullptr);
  }
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;
  ~SignalStack() {
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    ::sigaltstack(&none, nullptr);
  }
};

std::atomic<bool> reported = false;

}  // namespace

InLibrary::InLibrary(const char* name) noexcept : before_(std::exchange(name_, name)) {
  if (!reported.load(std::memory_order_relaxed)) return;
  static thread_local const SignalStack stack;
  static_cast<void>(stack);
}

void report_library_crashes() {
  reported = true;
  struct sigaction action {};
  action.sa_handler = on_crash;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER | SA_ONSTACK);
  sigemptyset(&action.sa_mask);
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    ::sigaction(number, &action, nullptr);
  }
}

}  // namespace ekgine
