#include "base/library_crash.h"

#include <dlfcn.h>
#include <unistd.h>
#include <unwind.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <string_view>

#include "base/atomic_file.h"

namespace ekgine {

namespace {

// What every program's calls go through: a crash there is whoever's who called.
constexpr std::array<std::string_view, 11> run_times = {
    "ld-linux", "libc.",   "libm.",     "libpthread.", "libstdc++.", "libgcc_s.",
    "libgomp.", "libomp.", "libiomp5.", "libasan.",    "linux-vdso."};

// No allocation and no lock: the library may have been in the middle of either. A message that
// nobody reads is lost.
void say(std::string_view text) noexcept {
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

// The shared object that has this code: its file's name with the program's as "", and of code that
// is in no file, which libraries make as they run, a name that says so.
std::string_view owner(_Unwind_Ptr code) noexcept {
  Dl_info own{}, info{};
  if (dladdr(reinterpret_cast<void*>(code), &info) == 0) return "code made by a library";
  if (dladdr(reinterpret_cast<void*>(&owner), &own) != 0 && own.dli_fbase == info.dli_fbase) {
    return "";
  }
  const std::string_view path = info.dli_fname;
  return path.substr(path.rfind('/') + 1);
}

struct Culprit {
  bool in_interrupted = false;
  std::string_view name;
};

// Called with each frame, innermost first: first those of the handler, then what the signal
// interrupted.
_Unwind_Reason_Code look(_Unwind_Context* context, void* data) noexcept {
  auto& culprit = *static_cast<Culprit*>(data);
  int interrupted = 0;
  const _Unwind_Ptr code = _Unwind_GetIPInfo(context, &interrupted);
  culprit.in_interrupted = culprit.in_interrupted || interrupted != 0;
  if (!culprit.in_interrupted || code == 0) return _URC_NO_REASON;
  const std::string_view name = owner(code);
  if (culprit.name.empty()) culprit.name = name;
  if (std::ranges::any_of(run_times, [&](auto prefix) { return name.starts_with(prefix); })) {
    return _URC_NO_REASON;
  }
  culprit.name = name;
  return _URC_NORMAL_STOP;
}

// What a thread's signals run on: one whose stack is full has no other.
class SignalStack {
 public:
  SignalStack() noexcept {
    stack_t stack{};
    stack.ss_sp = bytes_.data();
    stack.ss_size = bytes_.size();
    ::sigaltstack(&stack, nullptr);
  }
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;
  ~SignalStack() {
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    ::sigaltstack(&none, nullptr);
  }

 private:
  alignas(16) std::array<char, std::size_t{1} << 16> bytes_;
};

std::atomic<bool> reported = false;

extern "C" void on_crash(int) {
  // Where nothing but run times is on the stack, as on a thread of OpenMP's, it is the innermost.
  Culprit culprit;
  _Unwind_Backtrace(look, &culprit);
  if (culprit.name.empty()) return;  // to the instruction that crashed, which now ends the process
  remove_temporary_files();
  say("ekgine: ");
  say(culprit.name);
  say(" crashed: out of memory, or a file that was made to crash it\n");
  ::_exit(1);
}

}  // namespace

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

void expect_stack_overflow() {
  if (!reported.load(std::memory_order_relaxed)) return;
  static thread_local const SignalStack stack;
  static_cast<void>(stack);
}

}  // namespace ekgine
