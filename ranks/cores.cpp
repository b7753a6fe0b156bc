#include "ranks/cores.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "engine/check_same.h"

namespace ekgine {

RankCores own_cores(int threads) {
  RankCores own;
  const std::string host = host_name();
  std::copy_n(host.begin(), std::min(host.size(), own.host.size() - 1), own.host.begin());
  CPU_ZERO(&own.cores);
  (void)::sched_getaffinity(0, sizeof own.cores, &own.cores);
  own.threads = threads;
  return own;
}

std::vector<std::string> crowded(const std::vector<RankCores>& all) {
  struct Machine {
    int ranks = 0, threads = 0;
    cpu_set_t cores{};
  };
  std::map<std::string, Machine> machines;
  for (const RankCores& one : all) {
    Machine& machine = machines[one.host.data()];
    ++machine.ranks;
    machine.threads += one.threads;
    CPU_OR(&machine.cores, &machine.cores, &one.cores);
  }
  std::vector<std::string> lines;
  for (const auto& [host, machine] : machines) {
    const int cores = CPU_COUNT(&machine.cores);
    // None: it would not tell.
    if (cores == 0 || machine.threads <= cores) continue;
    lines.push_back(
        fmt::format("{}: {} {} with {} threads may run on {} {} only, and will be slow; give each "
                    "--threads {}, or "
                    "more cores (mpirun --bind-to none, --map-by; srun --cpus-per-task)",
                    host, machine.ranks, machine.ranks == 1 ? "rank" : "ranks", machine.threads,
                    cores, cores == 1 ? "core" : "cores", std::max(1, cores / machine.ranks)));
  }
  return lines;
}

std::vector<std::string> crowded(Ranks& ranks, int threads) {
  return crowded(ranks.gather(own_cores(threads)));
}

}  // namespace ekgine
