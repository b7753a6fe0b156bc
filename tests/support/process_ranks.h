// Ranks that are processes of one machine without MPI, for tests of devices, of which a process has
// one: children of the test, which meet in shared memory.
#pragma once

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <new>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#if EKGINE_CUDA_EMULATED
#include "emulation/emulation.h"
#endif
#include "base/error.h"
#include "engine/ranks.h"

namespace ekgine::testing {

// Where the processes meet. What a rank brings to a meeting has its place there.
class SharedBoard {
 public:
  static constexpr std::size_t place_bytes = std::size_t{4} << 20;

  explicit SharedBoard(int count) : count_(count) {
    void* const memory = ::mmap(nullptr, bytes(), PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) fail("mmap of {} bytes: {}", bytes(), std::strerror(errno));
    state_ = new (memory) State();
  }
  SharedBoard(const SharedBoard&) = delete;
  SharedBoard& operator=(const SharedBoard&) = delete;
  ~SharedBoard() { ::munmap(state_, bytes()); }

  std::byte* place(int rank) {
    return reinterpret_cast<std::byte*>(state_) + sizeof(State) +
           static_cast<std::size_t>(rank) * place_bytes;
  }
  // Returns once all are here. One that has ended is an error in all others.
  void meet() {
    const int meeting = state_->meetings;
    if (++state_->here == count_) {
      state_->here = 0;
      ++state_->meetings;
      return;
    }
    while (state_->meetings == meeting) {
      if (state_->ended != 0) fail("another rank has ended");
      std::this_thread::sleep_for(std::chrono::microseconds(20));
    }
  }
  void end() { state_->ended = 1; }

 private:
  struct State {
    std::atomic<int> here = 0, meetings = 0, ended = 0;
    std::byte rest[52] = {};
  };
  std::size_t bytes() const {
    return sizeof(State) + static_cast<std::size_t>(count_) * place_bytes;
  }

  int count_;
  State* state_ = nullptr;
};

class ProcessRanks final : public Ranks {
 public:
  ProcessRanks(SharedBoard& board, int rank, int count) : Ranks(rank, count), board_(board) {}
  std::chrono::milliseconds patience() const override { return std::chrono::seconds(20); }

 private:
  void put(const std::byte* mine, std::size_t bytes) {
    if (bytes > SharedBoard::place_bytes) fail("{} bytes are too many for the board", bytes);
    std::copy_n(mine, bytes, board_.place(rank()));
    board_.meet();
  }
  void all_gather(const std::byte* mine, std::span<const std::size_t> bytes,
                  std::byte* all) override {
    put(mine, bytes[static_cast<std::size_t>(rank())]);
    for (int r = 0; r < count(); ++r) {
      all = std::copy_n(board_.place(r), bytes[static_cast<std::size_t>(r)], all);
    }
    board_.meet();
  }
  void all_to_all(const std::byte* mine, std::span<const std::size_t> sent, std::size_t each,
                  std::byte* received) override {
    std::size_t all = 0;
    for (const std::size_t one : sent) all += one;
    put(mine, all);
    // Slices are cut alike everywhere: those before ours are as long in all.
    std::size_t before = 0;
    for (int r = 0; r < rank(); ++r) before += sent[static_cast<std::size_t>(r)];
    for (int r = 0; r < count(); ++r) {
      received = std::copy_n(board_.place(r) + before, each, received);
    }
    board_.meet();
  }

  SharedBoard& board_;
};

// What body(ranks) returns in each of `count` children. Throws what a child threw, and what the
// emulated device found wrong there.
inline std::vector<std::string> in_processes(int count,
                                             const std::function<std::string(Ranks&)>& body) {
  SharedBoard board(count);
  struct Child {
    pid_t process;
    int output;
  };
  std::vector<Child> children;
  for (int rank = 0; rank < count; ++rank) {
    int ends[2];
    if (::pipe(ends) != 0) fail("pipe: {}", std::strerror(errno));
    const pid_t process = ::fork();
    if (process < 0) fail("fork: {}", std::strerror(errno));
    if (process > 0) {
      ::close(ends[1]);
      children.push_back({process, ends[0]});
      continue;
    }
    std::string text;
    int status = 0;
    try {
      ProcessRanks ranks(board, rank, count);
      text = body(ranks);
#if EKGINE_CUDA_EMULATED
      for (const std::string& fault : emulation::take_faults()) fail("{}", fault);
#endif
      board.meet();  // nobody goes while others may need this process
    } catch (const std::exception& error) {
      board.end();
      text = fmt::format("rank {} of {}: {}", rank, count, error.what());
      status = 1;
    }
    for (std::size_t done = 0; done < text.size();) {
      const ssize_t written = ::write(ends[1], text.data() + done, text.size() - done);
      if (written <= 0) break;
      done += static_cast<std::size_t>(written);
    }
    ::_exit(status);
  }
  std::vector<std::string> texts;
  std::string error;
  for (const Child& child : children) {
    std::string& text = texts.emplace_back();
    char buffer[4096];
    for (ssize_t n = 0; (n = ::read(child.output, buffer, sizeof buffer)) > 0;) {
      text.append(buffer, static_cast<std::size_t>(n));
    }
    ::close(child.output);
    int status = 0;
    ::waitpid(child.process, &status, 0);
    if (status == 0) continue;
    board.end();
    const std::string what =
        text.empty() ? fmt::format("a rank ended with status {}", status) : text;
    // The others' is that it has ended.
    if (error.empty() || error.ends_with("another rank has ended")) error = what;
  }
  if (!error.empty()) fail("{}", error);
  return texts;
}

}  // namespace ekgine::testing
