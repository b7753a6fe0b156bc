#include "evaluation/gnuplot.h"

#include <fcntl.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

#include "base/atomic_file.h"
#include "base/console.h"
#include "base/descriptor.h"
#include "base/error.h"
#include "evaluation/colours.h"

extern char** environ;

namespace ekgine {

namespace fs = std::filesystem;

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail_with_errno(std::string_view what, int code) {
  fail("{}: {}", what, std::strerror(code));
}

// An unnamed file in memory.
Descriptor file_in_memory(const char* name) {
  Descriptor file(::memfd_create(name, MFD_CLOEXEC));
  if (file.get() < 0) fail_with_errno("memfd_create", errno);
  return file;
}

// The script as a file in memory: unlike a pipe it needs nobody to feed it, and a child that dies
// early raises no SIGPIPE.
Descriptor script_file(std::string_view script) {
  Descriptor file = file_in_memory("gnuplot-script");
  while (!script.empty()) {
    const ssize_t n = ::write(file.get(), script.data(), script.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_with_errno("writing the gnuplot script", errno);
    script.remove_prefix(static_cast<std::size_t>(n));
  }
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

std::string content_of(const Descriptor& file) {
  std::string content;
  std::array<char, 1 << 16> buffer;
  for (;;) {
    const ssize_t n =
        ::pread(file.get(), buffer.data(), buffer.size(), static_cast<off_t>(content.size()));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_with_errno("reading the picture", errno);
    if (n == 0) return content;
    content.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

std::string script(const Picture& picture, const Descriptor& svg, const Descriptor& png) {
  // gnuplot takes what follows `set output` for a shell command where it begins with '|', so it is
  // told descriptors, never names of files.
  const auto page = [&](std::string_view terminal, std::string_view family, int output) {
    return fmt::format(
        "reset\nset terminal {} size {},{} enhanced font '{},15' background '{}'\n"
        "set output '/dev/fd/{}'\n{}\nunset output\n",
        terminal, picture.width, picture.height, family, hex(plot_colours.paper), output,
        picture.commands);
  };
  // Sizes of type are pixels in SVG and points of 4/3 pixels in PNG: the scale makes them equal.
  return fmt::format("set encoding utf8\n{}\n", picture.data) +
         page("svg", "sans-serif", svg.get()) + page("pngcairo fontscale 0.75", "sans", png.get());
}

// A running gnuplot that draws one picture. Killed and reaped at the latest by the destructor.
class Gnuplot {
 public:
  explicit Gnuplot(const Picture& picture)
      : svg_(file_in_memory("picture.svg")), png_(file_in_memory("picture.png")) {
    const Descriptor input = script_file(script(picture, svg_, png_));
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail_with_errno("pipe", errno);
    messages_ = Descriptor(ends[0]);
    const Descriptor messages_in(ends[1]);

    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, input.get(), STDIN_FILENO);
    ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, messages_in.get(), STDERR_FILENO);
    // Onto itself: it then stays open in the child, and only there.
    ::posix_spawn_file_actions_adddup2(&actions, svg_.get(), svg_.get());
    ::posix_spawn_file_actions_adddup2(&actions, png_.get(), png_.get());
    // -d: the settings of the user's ~/.gnuplot must not change the pictures.
    std::array<char, 8> name{"gnuplot"};
    std::array<char, 3> defaults{"-d"};
    std::array<char, 2> standard_input{"-"};
    std::array<char*, 4> arguments{name.data(), defaults.data(), standard_input.data(), nullptr};
    const int error =
        ::posix_spawnp(&child_, "gnuplot", &actions, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
      child_ = -1;
      if (error == ENOENT) {
        fail("gnuplot is not installed (Debian: apt-get install gnuplot-nox)");
      }
      fail_with_errno("gnuplot cannot be started", error);
    }
  }
  Gnuplot(const Gnuplot&) = delete;
  ~Gnuplot() {
    if (child_ < 0) return;
    ::kill(child_, SIGKILL);
    while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

  // What it has drawn.
  std::string svg() const { return whole(svg_, "</svg>"); }
  std::string png() const { return whole(png_, "IEND"); }

  // Waits for the end. Fails with gnuplot's own message unless it succeeded.
  void wait(Clock::time_point deadline) {
    std::string messages;
    std::array<char, 4096> buffer{};
    for (;;) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
      pollfd readable{messages_.get(), POLLIN, 0};
      const int ready = ::poll(&readable, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
      if (ready < 0 && errno == EINTR) continue;
      if (ready <= 0 || left <= 0) fail("gnuplot did not finish in time and was stopped");
      const ssize_t n = ::read(messages_.get(), buffer.data(), buffer.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;  // the end: gnuplot has closed its stderr, normally by exiting
      // All of it is read, lest gnuplot waits for room in the pipe; the last of it is kept.
      messages.append(buffer.data(), static_cast<std::size_t>(n));
      if (messages.size() > 2 * buffer.size()) messages.erase(0, messages.size() - buffer.size());
    }
    int status = 0;
    for (;;) {
      const pid_t reaped = ::waitpid(child_, &status, WNOHANG);
      if (reaped == child_) break;
      if (reaped < 0 && errno != EINTR) fail_with_errno("waiting for gnuplot", errno);
      if (Clock::now() >= deadline) fail("gnuplot did not finish in time and was stopped");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    child_ = -1;
    if (WIFSIGNALED(status)) fail("gnuplot was ended by signal {}", WTERMSIG(status));
    if (WEXITSTATUS(status) != 0) {
      fail("gnuplot failed with status {}: {}", WEXITSTATUS(status), one_line(messages));
    }
  }

 private:
  // gnuplot does not report a disk that fills up: a picture is whole when its end is there.
  static std::string whole(const Descriptor& file, std::string_view end) {
    std::string content = content_of(file);
    const std::string_view tail = std::string_view(content).substr(
        content.size() - std::min<std::size_t>(content.size(), end.size() + 8));
    if (tail.find(end) == std::string_view::npos) fail("gnuplot left an incomplete picture");
    return content;
  }

  // gnuplot shows the line, a caret under the place and then what is wrong.
  static std::string one_line(const std::string& messages) {
    std::string line;
    for (const char c : messages) {
      const bool space = static_cast<unsigned char>(c) <= ' ';
      if (!space) line += c;
      if (space && !line.empty() && line.back() != ' ') line += ' ';
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    constexpr std::size_t kLongest = 300;
    if (line.empty()) return "no message";
    const bool cut = line.size() > kLongest;
    return (cut ? "…" : "") + printable(cut ? line.substr(line.size() - kLongest) : line);
  }

  pid_t child_ = -1;
  Descriptor svg_, png_, messages_;
};

// A picture that is drawn, and where it goes.
struct Job {
  const Picture* picture;
  fs::path svg, png;
  const AtomicFile svg_place, png_place;  // fail now where nothing can be written
  std::unique_ptr<Gnuplot> gnuplot = {};

  Job(const Picture& drawn, const fs::path& folder)
      : picture(&drawn),
        svg(folder / (drawn.name + ".svg")),
        png(folder / (drawn.name + ".png")),
        svg_place(svg),
        png_place(png) {}
};

// What went wrong, and for which pictures: they often share it.
class Failures {
 public:
  void add(const std::string& picture, const Error& error) {
    const auto same =
        std::ranges::find(all_, error.what(), [](const auto& failure) { return failure.first; });
    if (same == all_.end()) {
      all_.push_back({error.what(), {picture}});
    } else {
      same->second.push_back(picture);
    }
  }

  // A line for each reason.
  std::vector<std::string> notes(const fs::path& directory) const {
    std::vector<std::string> notes;
    for (const auto& [reason, names] : all_) {
      const bool earlier = std::ranges::any_of(names, [&](const std::string& name) {
        return fs::exists(directory / (name + ".svg")) || fs::exists(directory / (name + ".png"));
      });
      notes.push_back(fmt::format("Not drawn: {}{}: {}", fmt::join(names, ", "),
                                  earlier ? " (the files here are from an earlier run)" : "",
                                  reason));
    }
    return notes;
  }

 private:
  std::vector<std::pair<std::string, std::vector<std::string>>> all_;
};

}  // namespace

std::vector<std::string> draw_pictures(const fs::path& directory, std::span<const Picture> pictures,
                                       std::chrono::milliseconds timeout) {
  std::vector<std::unique_ptr<Job>> jobs;
  for (const Picture& picture : pictures) {
    jobs.push_back(std::make_unique<Job>(picture, directory));
  }

  const Clock::time_point deadline = Clock::now() + timeout;
  Failures failures;
  for (const auto& job : jobs) {
    try {
      job->gnuplot = std::make_unique<Gnuplot>(*job->picture);
    } catch (const Error& error) {
      failures.add(job->picture->name, error);
    }
  }
  for (const auto& job : jobs) {
    if (!job->gnuplot) continue;
    try {
      job->gnuplot->wait(deadline);
      const std::string svg = job->gnuplot->svg(), png = job->gnuplot->png();
      write_file(job->svg, svg);
      write_file(job->png, png);
    } catch (const Error& error) {
      failures.add(job->picture->name, error);
    }
  }
  return failures.notes(directory);
}

std::string gnuplot_string(std::string_view text) {
  // Between single quotes gnuplot takes every character as it is, but for the quote, which is
  // doubled. Only a line break would end the literal.
  std::string line(text);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  std::string literal = "'";
  for (const char c : printable(line)) {
    if (c == '\'') literal += '\'';
    literal += c;
  }
  return literal + "'";
}

}  // namespace ekgine
