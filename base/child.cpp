#include "base/child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/interrupt.h"

namespace ekgine {

namespace {

// The first byte of what a child says at its end; the text of an Error follows the second.
constexpr char done = 'd', failed = 'f', out_of_memory = 'm';
constexpr std::size_t longest_text = 4096;  // fits into a pipe that nobody reads yet

// The sanitizers make pipes, to find out whether memory can be read.
#if defined(__SANITIZE_ADDRESS__)  // GCC's; clang has features
constexpr bool sanitized = true;
#elif defined(__has_feature)
constexpr bool sanitized = __has_feature(address_sanitizer);
#else
constexpr bool sanitized = false;
#endif

struct Pipe {
  int read = -1, write = -1;

  explicit Pipe(const std::string& name) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
      fail("{}: cannot read: no pipe: {}", name, std::strerror(errno));
    }
    read = ends[0];
    write = ends[1];
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close_write();
    ::close(read);
  }
  void close_write() {
    if (write >= 0) ::close(std::exchange(write, -1));
  }
};

// Kills and reaps on scope exit.
class Process {
 public:
  explicit Process(pid_t id) : id_(id) {}
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() {
    if (id_ < 0) return;
    ::kill(id_, SIGKILL);
    wait();
  }
  // The status as of waitpid(), or nothing where the process ignores SIGCHLD.
  std::optional<int> wait() {
    int status = 0;
    pid_t ended = -1;
    do {
      ended = ::waitpid(id_, &status, 0);
    } while (ended < 0 && errno == EINTR);
    id_ = -1;
    return ended < 0 ? std::nullopt : std::optional(status);
  }

 private:
  pid_t id_;
};

// Returns whether all was written.
bool write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(file, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

// Bytes of address space that the process has, or 0.
std::size_t address_space() {
  std::array<char, 64> text{};
  const int file = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  const ssize_t size = file < 0 ? -1 : ::read(file, text.data(), text.size());
  if (file >= 0) ::close(file);
  std::size_t pages = 0;
  if (size > 0) std::from_chars(text.data(), text.data() + size, pages);
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

bool limit(__rlimit_resource resource, rlim_t value) {
  rlimit limits{};
  if (::getrlimit(resource, &limits) != 0) return false;
  limits.rlim_max = std::min(limits.rlim_max, value);
  limits.rlim_cur = std::min(limits.rlim_cur, limits.rlim_max);
  return ::setrlimit(resource, &limits) == 0;
}

// Closes all files but these two. Nothing that a crashing library prints reaches the terminal.
bool close_others(int one, int other) {
  const auto close_between = [](int first, int last) {
    return first > last ||
           ::close_range(static_cast<unsigned>(first), static_cast<unsigned>(last), 0) == 0;
  };
  const auto [low, high] = std::minmax(one, other);
  return close_between(0, low - 1) && close_between(low + 1, high - 1) &&
         ::close_range(static_cast<unsigned>(high) + 1, ~0U, 0) == 0;
}

bool confine(const ChildLimits& limits, int output, int last_words) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) std::signal(number, SIG_IGN);
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    std::signal(number, SIG_DFL);
  }
  const std::size_t present = address_space();
  return ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ::prctl(PR_SET_DUMPABLE, 0) == 0 &&
         present > 0 && limit(RLIMIT_AS, present + limits.memory) &&
         limit(RLIMIT_CPU, limits.seconds) && close_others(output, last_words) &&
         (sanitized || limit(RLIMIT_NOFILE, 0));
}

[[noreturn]] void be_child(const ChildLimits& limits, int output, int last_words,
                           const std::function<void(const ChildOutput&)>& work) {
  const auto say = [&](char what) { write_all(last_words, {&what, 1}); };
  try {
    if (!confine(limits, output, last_words)) ::_exit(1);
    work([&](std::string_view bytes) {
      if (!write_all(output, bytes)) ::_exit(1);
    });
    say(done);
  } catch (const Error& error) {
    say(failed);
    write_all(last_words, std::string_view(error.what()).substr(0, longest_text));
  } catch (const std::bad_alloc&) {
    say(out_of_memory);
  } catch (...) {
    ::_exit(1);
  }
  ::_exit(0);
}

}  // namespace

std::string run_in_child(const std::string& name, const ChildLimits& limits,
                         const std::function<void(const ChildOutput&)>& work) {
  Pipe output(name), last_words(name);
  const pid_t id = ::fork();
  if (id == 0) be_child(limits, output.write, last_words.write, work);
  if (id < 0) fail("{}: cannot read: no process for it: {}", name, std::strerror(errno));
  Process process(id);
  output.close_write();
  last_words.close_write();

  const auto clock_limit = std::chrono::seconds(30 + 10 * limits.seconds);
  const auto end = std::chrono::steady_clock::now() + clock_limit;
  std::string bytes, words;
  std::array<char, 1 << 16> buffer;
  // Both pipes end when the child does.
  for (std::array<pollfd, 2> files = {pollfd{output.read, POLLIN, 0},
                                      pollfd{last_words.read, POLLIN, 0}};
       files[0].fd >= 0 || files[1].fd >= 0;) {
    throw_if_interrupted();
    if (std::chrono::steady_clock::now() > end) {
      fail("{}: cannot be read within {} seconds; damaged?", name, clock_limit.count());
    }
    // A signal may arrive at another thread: the wait is short.
    if (::poll(files.data(), files.size(), 100) < 0 && errno != EINTR) {
      fail("{}: cannot read: {}", name, std::strerror(errno));
    }
    for (pollfd& file : files) {
      if (file.fd < 0 || file.revents == 0) continue;
      const ssize_t size = ::read(file.fd, buffer.data(), buffer.size());
      if (size < 0 && errno == EINTR) continue;
      std::string& received = &file == files.data() ? bytes : words;
      if (size > 0) received.append(buffer.data(), static_cast<std::size_t>(size));
      if (size <= 0) file.fd = -1;
      file.revents = 0;
    }
    if (bytes.size() > limits.output || words.size() > longest_text + 1) {
      fail("{}: holds more than a file of its size can; damaged?", name);
    }
  }
  const std::optional<int> status = process.wait();
  throw_if_interrupted();
  if (words.starts_with(done)) return bytes;
  if (words.starts_with(failed)) throw Error(words.substr(1));
  if (words.starts_with(out_of_memory)) {
    fail("{}: needs more memory than a file of its size may; damaged?", name);
  }
  const int number = status && WIFSIGNALED(*status) ? WTERMSIG(*status) : 0;
  if (number == SIGXCPU || (number == SIGKILL && limits.seconds > 0)) {
    fail("{}: cannot be read within {} seconds; damaged?", name, limits.seconds);
  }
  fail("{}: cannot be read: the library that reads it crashes{}; damaged?", name,
       number == 0 ? "" : fmt::format(" (signal {})", number));
}

}  // namespace ekgine
