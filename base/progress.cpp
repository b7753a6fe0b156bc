#include "base/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/console.h"

namespace ekgine {

namespace {

constexpr std::chrono::milliseconds terminal_interval{100};
constexpr std::chrono::seconds log_interval{10};
constexpr int longest_bar = 24, shortest_bar = 8;

std::string bar(double fraction, int width) {
  const int full = static_cast<int>(std::clamp(fraction, 0.0, 1.0) * width);
  return " [" + std::string(static_cast<std::size_t>(full), '#') +
         std::string(static_cast<std::size_t>(width - full), '.') + ']';
}

}  // namespace

std::string format_duration(double seconds) {
  const auto s = static_cast<std::int64_t>(std::round(std::max(0.0, seconds)));
  if (s >= 3600) return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
  return fmt::format("{}:{:02}", s / 60, s % 60);
}

Progress::Progress(std::string_view title, std::string_view unit, std::int64_t total,
                   std::int64_t done)
    : title_(printable(title)),
      unit_(printable(unit)),
      total_(std::max<std::int64_t>(total, 1)),
      done_(done),
      first_(done),
      start_(std::chrono::steady_clock::now()),
      shown_(start_),
      terminal_(on_terminal()) {}

Progress::~Progress() {
  if (!finished_ && drawn_) end_line();
}

bool Progress::due() const {
  const auto interval = terminal_ ? std::chrono::steady_clock::duration(terminal_interval)
                                  : std::chrono::steady_clock::duration(log_interval);
  return !quiet() && std::chrono::steady_clock::now() - shown_ >= interval;
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

std::string Progress::line(bool last, int columns) const {
  const double elapsed =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  const double rate = elapsed > 0 ? static_cast<double>(done_ - first_) / elapsed : 0;
  const std::string time =
      last ? format_duration(elapsed)
           : format_duration(elapsed) + "<" +
                 (rate > 0 ? format_duration(static_cast<double>(total_ - done_) / rate) : "?");
  const std::string counts = fmt::format(" {}/{} ", done_, total_);
  const std::string speed = fmt::format("{:.{}f} {}/s ", rate, rate < 10 ? 1 : 0, unit_);
  const std::string note = note_.empty() ? "" : "  " + printable(note_);

  const auto fits = [&](const std::string& text) { return display_width(text) <= columns; };
  const std::string whole = counts + speed + time + note;
  constexpr int brackets = 3;
  const int bar_width =
      std::min(longest_bar, columns - display_width(title_) - display_width(whole) - brackets);
  if (bar_width >= shortest_bar) {
    const double fraction = static_cast<double>(done_) / static_cast<double>(total_);
    return title_ + bar(fraction, bar_width) + whole;
  }
  if (fits(title_ + whole)) return title_ + whole;
  if (fits(title_ + counts + time + note)) return title_ + counts + time + note;
  return title_ + (last && !note.empty() ? note : counts + time);
}

void Progress::draw(bool last) {
  if (quiet()) return;
  if (!terminal_) {
    print_message(line(last, std::numeric_limits<int>::max()));
    return;
  }
  draw_line(line(last, terminal_columns() - 1));
  drawn_ = !last;
  if (last) end_line();
}

}  // namespace ekgine
