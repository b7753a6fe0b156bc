#include "tests/support/process.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <stdexcept>

namespace ekgine::testing {

namespace {

using Clock = std::chrono::steady_clock;

void check(int error, const char* what) {
  if (error != 0) throw std::runtime_error(std::string(what) + ": " + std::strerror(error));
}

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) check(errno, "pipe2");
  return ends;
}

// Ours, and the program's.
std::array<int, 2> make_terminal(unsigned short columns) {
  std::array<int, 2> ends{};
  winsize size{24, columns, 0, 0};
  if (openpty(&ends[0], &ends[1], nullptr, nullptr, &size) != 0) check(errno, "openpty");
  for (const int end : ends) fcntl(end, F_SETFD, FD_CLOEXEC);  // NOLINT(*-vararg)
  return ends;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

std::vector<std::string> merged_environment(
    const std::vector<std::pair<std::string, std::string>>& changes) {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string::npos) variables[text.substr(0, equals)] = text.substr(equals + 1);
  }
  for (const auto& [name, value] : changes) variables[name] = value;
  std::vector<std::string> result;
  result.reserve(variables.size());
  for (const auto& [name, value] : variables) result.push_back(name + "=" + value);
  return result;
}

// Appends what can be read at once; false at the end of the stream.
bool drain(int descriptor, std::string& text) {
  std::array<char, 1 << 14> buffer;
  const ssize_t n = read(descriptor, buffer.data(), buffer.size());
  if (n > 0) text.append(buffer.data(), static_cast<std::size_t>(n));
  return n > 0 || (n < 0 && errno == EINTR);
}

}  // namespace

Process::Process(const std::string& program, const std::vector<std::string>& arguments,
                 const ProcessOptions& options) {
  std::vector<std::string> words = {program};
  std::string file = program;
  if (options.file_size_limit > 0) {
    file = "/bin/sh";
    // POSIX counts the limit in blocks of 512 bytes.
    words = {file, "-c",
             "ulimit -f " + std::to_string(options.file_size_limit / 512) + "; exec \"$0\" \"$@\"",
             program};
  }
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables = merged_environment(options.environment);

  const std::array<int, 2> out = make_pipe();
  const std::array<int, 2> err =
      options.terminal_columns ? make_terminal(*options.terminal_columns) : make_pipe();
  out_ = out[0];
  err_ = err[0];
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
  if (!options.directory.empty()) {
    posix_spawn_file_actions_addchdir_np(&actions, options.directory.c_str());
  }
  const int error = posix_spawn(&pid_, file.c_str(), &actions, nullptr, pointers(words).data(),
                                pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  close(out[1]);
  close(err[1]);
  check(error, ("cannot run " + file).c_str());
}

Process::~Process() {
  if (pid_ > 0) {
    send(SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  close(out_);
  close(err_);
}

void Process::send(int signal) const {
  kill(pid_, signal);
}

ProcessResult Process::wait(std::chrono::milliseconds timeout) {
  ProcessResult result;
  const Clock::time_point end = Clock::now() + timeout;
  std::array<pollfd, 2> streams = {pollfd{out_, POLLIN, 0}, pollfd{err_, POLLIN, 0}};
  while (streams[0].fd >= 0 || streams[1].fd >= 0) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    if (left <= 0 && !result.timed_out) {
      result.timed_out = true;
      send(SIGKILL);
    }
    if (poll(streams.data(), streams.size(), result.timed_out ? -1 : static_cast<int>(left)) < 0) {
      continue;
    }
    // A negative descriptor is one that poll() leaves alone.
    if (streams[0].revents != 0 && !drain(out_, result.out)) streams[0].fd = -1;
    if (streams[1].revents != 0 && !drain(err_, result.err)) streams[1].fd = -1;
  }
  int status = 0;
  rusage usage{};
  while (wait4(pid_, &status, 0, &usage) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  result.peak_memory = std::int64_t{usage.ru_maxrss} * 1024;
  if (WIFEXITED(status)) result.status = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  return result;
}

}  // namespace ekgine::testing
