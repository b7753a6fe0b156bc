// Ranks that are threads of one process, for tests.
#pragma once

#include <condition_variable>
#include <cstring>
#include <exception>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/ranks.h"

namespace ekgine::testing {

// Where the threads meet. A meeting that cannot come about, because one of them has ended, is an
// error in all that wait for it.
class RankMeeting {
 public:
  // What a rank brings to a call. Its arrays are read by the others until all have left.
  struct Call {
    std::string name;
    const std::byte* mine = nullptr;
    std::vector<std::size_t> bytes;
  };

  explicit RankMeeting(int count) : calls_(static_cast<std::size_t>(count)) {}

  const Call& call(int rank) const { return calls_[static_cast<std::size_t>(rank)]; }

  void enter(int rank, Call call) {
    calls_[static_cast<std::size_t>(rank)] = std::move(call);
    meet();
  }
  // Returns once all are here.
  void meet() {
    std::unique_lock lock(mutex_);
    const int meeting = meetings_;
    if (++here_ == static_cast<int>(calls_.size())) {
      here_ = 0;
      ++meetings_;
      changed_.notify_all();
      return;
    }
    changed_.wait(lock, [&] { return meetings_ != meeting || ended_; });
    if (meetings_ == meeting) fail("another rank has ended");
  }
  // One that ends comes to no more meetings.
  void end(std::exception_ptr error) {
    const std::lock_guard lock(mutex_);
    if (error && !error_) error_ = error;
    ended_ = true;
    changed_.notify_all();
  }
  std::exception_ptr first_error() const { return error_; }

 private:
  std::vector<Call> calls_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int here_ = 0, meetings_ = 0;
  bool ended_ = false;
  std::exception_ptr error_;
};

class ThreadRanks final : public Ranks {
 public:
  ThreadRanks(RankMeeting& meeting, int rank, int count) : Ranks(rank, count), meeting_(meeting) {}

 private:
  // The others' call of the same name; else they do not make the same calls.
  const RankMeeting::Call& theirs(int r, const std::string& name) const {
    const RankMeeting::Call& call = meeting_.call(r);
    if (call.name == name) return call;
    fail("rank {} calls {}, rank {} {}", rank(), name, r, call.name);
  }
  void all_gather(const std::byte* mine, std::span<const std::size_t> bytes,
                  std::byte* all) override {
    meeting_.enter(rank(), {"all_gather", mine, {bytes.begin(), bytes.end()}});
    std::byte* place = all;
    for (int r = 0; r < count(); ++r) {
      const RankMeeting::Call& call = theirs(r, "all_gather");
      const std::size_t n = bytes[static_cast<std::size_t>(r)];
      if (call.bytes != std::vector<std::size_t>(bytes.begin(), bytes.end())) {
        fail("all_gather: ranks expect different sizes");
      }
      if (place != call.mine && n != 0) std::memcpy(place, call.mine, n);
      place += n;
    }
    meeting_.meet();
  }
  void all_to_all(const std::byte* mine, std::span<const std::size_t> sent, std::size_t each,
                  std::byte* received) override {
    meeting_.enter(rank(), {"all_to_all", mine, {sent.begin(), sent.end()}});
    for (int r = 0; r < count(); ++r) {
      const RankMeeting::Call& call = theirs(r, "all_to_all");
      const std::byte* piece = call.mine;
      for (int before = 0; before < rank(); ++before) {
        piece += call.bytes[static_cast<std::size_t>(before)];
      }
      if (call.bytes[static_cast<std::size_t>(rank())] != each) {
        fail("all_to_all: a rank sends another size than is expected");
      }
      if (each != 0) std::memcpy(received + static_cast<std::size_t>(r) * each, piece, each);
    }
    meeting_.meet();
  }

  RankMeeting& meeting_;
};

// Runs `body(Ranks&)` as each of `count` ranks, in a thread each, and waits for them. Throws what
// the first one threw, whatever the others did for want of it.
template <class Body>
void run_ranks(int count, const Body& body) {
  RankMeeting meeting(count);
  std::vector<std::thread> threads;
  threads.reserve(static_cast<std::size_t>(count));
  for (int rank = 0; rank < count; ++rank) {
    threads.emplace_back([&, rank] {
      std::exception_ptr error;
      try {
        ThreadRanks ranks(meeting, rank, count);
        body(static_cast<Ranks&>(ranks));
      } catch (...) {
        error = std::current_exception();
      }
      meeting.end(error);
    });
  }
  for (std::thread& thread : threads) thread.join();
  if (const std::exception_ptr error = meeting.first_error()) std::rethrow_exception(error);
}

}  // namespace ekgine::testing
