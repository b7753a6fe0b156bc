#include "base/library_crash.h"

#include <unistd.h>

#include <csignal>
#include <cstring>
#include <string_view>

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

}  // namespace

void report_library_crashes() {
  struct sigaction action {};
  action.sa_handler = on_crash;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
  sigemptyset(&action.sa_mask);
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    ::sigaction(number, &action, nullptr);
  }
}

}  // namespace ekgine
