// Whether the ranks of each machine have as many cores as they have threads.
#pragma once

#include <sched.h>

#include <array>
#include <string>
#include <vector>

#include "engine/ranks.h"

namespace ekgine {

// What one rank has.
struct RankCores {
  std::array<char, 256> host{};
  cpu_set_t cores{};  // that it may run on
  int threads = 1;    // that it computes with
};

RankCores own_cores(int threads);

// For each machine with more threads than cores, a line that says so and what mends it.
std::vector<std::string> crowded(const std::vector<RankCores>& all);

// The same of all ranks, which call it together.
std::vector<std::string> crowded(Ranks& ranks, int threads);

}  // namespace ekgine
