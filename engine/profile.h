// Where the time of training steps goes: what ran, how often, for how long, and how much it had to
// do.
//
//   Profile profile;
//   device.set_profile(&profile);
//   ...steps...
//   device.set_profile(nullptr);
//   for (const Profile::Row& row : profile.rows()) ...
//
// Without a profile nothing is timed and no clock is read. In a build with CUDA every op is an NVTX
// range as well, profile or not, for tools such as Nsight Systems; without a tool that is one
// comparison.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/runtime/kernel.h"

namespace ekgine {

// What runs, as a profile names it.
struct Op {
  // Of the function in kernels/NAME.h without _forward or _backward. The string outlives profiles:
  // a literal.
  const char* name;
  Cost cost = {};  // of this call, by the contract; 0 where unknown
};

// `step` is a whole training step; everything in it that no other span covers is host work.
enum class Phase : std::uint8_t { step, forward, backward, update, host };
const char* name_of(Phase phase);

// Marks the time between construction and destruction for CUDA's tools; nothing without CUDA.
class NvtxRange {
 public:
  explicit NvtxRange(const char* name);
  ~NvtxRange();
  NvtxRange(const NvtxRange&) = delete;
  NvtxRange& operator=(const NvtxRange&) = delete;
};

class Profile {
 public:
  using Clock = std::chrono::steady_clock;

  // In the first steps memory is touched for the first time and libraries prepare: once a step
  // after them begins, they are forgotten.
  static constexpr std::int64_t warm_up_steps = 2;
  // Steps whose spans are kept one by one; rows count all.
  static constexpr std::int64_t traced_steps = 50;

  // All spans of one name and phase.
  struct Row {
    std::string name;
    Phase phase = Phase::host;
    std::int64_t calls = 0;
    double seconds = 0;  // without the spans inside: the rows add up to the whole
    Cost cost;           // of all calls
  };
  struct Event {
    const char* name;
    Phase phase;
    std::int64_t step;      // 1, 2, ... of this profile, the one going on or the last one
    double start, seconds;  // from the construction of the profile; with the spans inside
  };

  // Times what happens between its construction and its destruction, unless `profile` is null.
  // Spans nest, on one thread. One of Phase::step begins a new step.
  class Span {
   public:
    Span(Profile* profile, const Op& op, Phase phase)
        : range_(op.name), profile_(profile), op_(op), phase_(phase) {
      if (profile_ != nullptr) begin();
    }
    Span(const Span&) = delete;
    Span& operator=(const Span&) = delete;
    ~Span() {
      if (profile_ != nullptr) end();
    }

   private:
    void begin();
    void end();

    NvtxRange range_;
    Profile* profile_;
    Op op_;
    Phase phase_;
    Span* outer_ = nullptr;
    Clock::time_point start_;
    Clock::duration inside_{};  // spent in spans inside
  };

  // Steps begun that count, and those forgotten before them.
  std::int64_t steps() const { return steps_ - forgotten_; }
  std::int64_t forgotten_steps() const { return forgotten_; }
  // The longest first.
  std::vector<Row> rows() const;
  // Of the first traced_steps that count, in the order in which they ended.
  const std::vector<Event>& trace() const { return trace_; }

 private:
  void begin_step();

  Clock::time_point origin_ = Clock::now();
  std::int64_t steps_ = 0, forgotten_ = 0;
  std::map<std::pair<std::string_view, Phase>, Row> rows_;
  std::vector<Event> trace_;
  Span* innermost_ = nullptr;
};

}  // namespace ekgine
