#include "ranks/watch.h"

#include <algorithm>
#include <utility>

namespace ekgine {

Watch::Watch(std::chrono::milliseconds limit, std::function<void()> expired)
    : limit_(limit), expired_(std::move(expired)), thread_([this] { look(); }) {}

Watch::~Watch() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Watch::look() {
  const std::chrono::milliseconds pause =
      std::clamp(limit_ / 8, std::chrono::milliseconds(1), std::chrono::milliseconds(1000));
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, pause, [this] { return ended_; })) {
    const Clock::duration since = since_;
    if (since != nothing && Clock::now().time_since_epoch() - since > limit_) {
      expired_();
      return;
    }
  }
}

}  // namespace ekgine
