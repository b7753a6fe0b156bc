#include "base/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace ekgine {

namespace {

constexpr std::chrono::milliseconds terminal_interval{100};
constexpr std::chrono::seconds log_interval{10};
constexpr int bar_width = 24;

bool quiet = false;

std::string bar(double fraction) {
  const int full = static_cast<int>(std::clamp(fraction, 0.0, 1.0) * bar_width);
  std::string text(static_cast<std::size_t>(full), '#');
  text.resize(bar_width, '.');
  return text;
}

}  // namespace

std::string format_duration(double seconds) {
  const auto s = static_cast<std::int64_t>(std::max(0.0, seconds) + 0.5);
  if (s >= 3600) return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
  return fmt::format("{}:{:02}", s / 60, s % 60);
}

void Progress::set_quiet(bool value) {
  quiet = value;
}

Progress::Progress(std::string title, std::string unit, std::int64_t total, std::int64_t done)
    : title_(std::move(title)),
      unit_(std::move(unit)),
      total_(std::max<std::int64_t>(total, 1)),
      done_(done),
      first_(done),
      start_(std::chrono::steady_clock::now()),
      shown_(start_),
      terminal_(isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
  if (!finished_ && terminal_ && !quiet) std::fputs("\n", stderr);
}

bool Progress::due() const {
  const auto interval = terminal_ ? std::chrono::steady_clock::duration(terminal_interval)
                                  : std::chrono::steady_clock::duration(log_interval);
  return !quiet && std::chrono::steady_clock::now() - shown_ >= interval;
}

void Progress::update(std::int64_t done, const std::string& note) {
  done_ = done;
  note_ = note;
  if (!due()) return;
  shown_ = std::chrono::steady_clock::now();
  draw(false);
}

void Progress::set_total(std::int64_t total) {
  total_ = std::max<std::int64_t>(total, 1);
}

void Progress::finish(const std::string& note) {
  if (finished_) return;
  finished_ = true;
  if (!note.empty()) note_ = note;
  draw(true);
}

void Progress::draw(bool last) {
  if (quiet) return;
  const double elapsed =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  const double rate = elapsed > 0 ? static_cast<double>(done_ - first_) / elapsed : 0;
  const double fraction = static_cast<double>(done_) / static_cast<double>(total_);
  const std::string time =
      last ? format_duration(elapsed)
           : format_duration(elapsed) + "<" +
                 (rate > 0 ? format_duration(static_cast<double>(total_ - done_) / rate) : "?");
  fmt::print(stderr, "{}{} [{}] {}/{} {:.{}f} {}/s {}{}{}{}", terminal_ ? "\r\x1b[K" : "", title_,
             bar(fraction), done_, total_, rate, rate < 10 ? 1 : 0, unit_, time,
             note_.empty() ? "" : "  ", note_, terminal_ && !last ? "" : "\n");
  std::fflush(stderr);
}

}  // namespace ekgine
