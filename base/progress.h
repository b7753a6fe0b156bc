// Progress of long work on stderr: done of total, rate, elapsed and remaining time.
//
// On a terminal one line is redrawn at most ten times a second. It is never longer than the
// terminal is wide, which is asked each time: the bar is shortened, then left out, then the rate;
// then, while the work goes on, the note, and of a final line counts and time, so that its figures
// stay; of what is still too long the end is cut off. Elsewhere (a log file, CI) a line is printed
// at most every ten seconds, so logs stay readable. finish() leaves a final line. Nothing is
// printed when quiet (base/console.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace ekgine {

class Progress {
 public:
  // title: "epoch 2/6"; unit: "sequences" (the rate is printed in it); total: units of the whole
  // work, of which `done` were there before (resumed work; they do not count towards the rate).
  Progress(std::string_view title, std::string_view unit, std::int64_t total,
           std::int64_t done = 0);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  // Whether update() would print: for text that is dear to make.
  bool due() const;

  // Sets the units done so far and free text shown after the rate, such as "loss 0.213".
  void update(std::int64_t done, const std::string& note = {});

  // For work whose total is only estimated at the start: what is known of it now.
  void set_total(std::int64_t total);

  // Prints the final line; without it (an exception passes by) the line is left as it stands.
  void finish(const std::string& note = {});

 private:
  void draw(bool last);
  // What is shown, in at most `columns` where that can be.
  std::string line(bool last, int columns) const;

  std::string title_, unit_, note_;
  std::int64_t total_, done_, first_;
  std::chrono::steady_clock::time_point start_, shown_;
  bool terminal_, drawn_ = false, finished_ = false;
};

// 75 → "1:15", 3725 → "1:02:05".
std::string format_duration(double seconds);

}  // namespace ekgine
