// Watches that what a thread waits for comes in time.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace ekgine {

class Watch {
 public:
  // Calls `expired` once, from a thread of its own, when something was waited for longer than
  // `limit`. It does not throw.
  Watch(std::chrono::milliseconds limit, std::function<void()> expired);
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch();

  // From its making to its end, a thread waits; one at a time does. Costs a look at the clock.
  class Wait {
   public:
    explicit Wait(Watch& watch) : watch_(watch) { watch_.since_ = Clock::now().time_since_epoch(); }
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;
    ~Wait() { watch_.since_ = nothing; }

   private:
    Watch& watch_;
  };

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr Clock::duration nothing = Clock::duration::min();

  void look();

  std::chrono::milliseconds limit_;
  std::function<void()> expired_;
  std::atomic<Clock::duration> since_ = nothing;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
  std::thread thread_;  // the last: it uses the others
};

}  // namespace ekgine
