#include "bench/kernel_resources/load_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "bench/kernel_resources/kernel_table.h"

namespace ekgine {

namespace {

constexpr std::string_view introduction = R"(# Loads of global memory

How every kernel loads, read from its machine code. A warp waits at the first instruction that needs what it has loaded, for some hundred cycles; how many loads are on their way by then is what hides the latency where few warps are resident, and a branch around a load keeps the compiler from having it under way with others. This file is generated, and it is the budget: `scripts/build_cuda --check` (a step of CI) fails where a kernel has fewer loads in flight than stated here, more that a branch leads around, any access to local memory, or no row. Who changes kernels regenerates it with

```
scripts/build_cuda
```

and looks at the difference.

**sm_NN**: the most loads in flight, of each loop that loads, from the best to the worst: `8+4+1`, the last where what is left over goes element by element; of how many load instructions in loops (of all, in kernels whose loops load nothing); and in brackets how many of these a turn of the loop can go without. The check holds best against best, second against second and so on, as far as both have loops: one more breaks nothing, nor does losing the worst. A branch by what is the same for all threads, such as whether rows are aligned, counts as any other.
)";

std::string cell_of(const KernelLoads& k) {
  return fmt::format("{} of {}{}", fmt::join(k.in_flight, "+"), k.loads,
                     k.passed_by == 0 ? "" : fmt::format(" ({})", k.passed_by));
}

}  // namespace

std::string load_table(std::span<const KernelLoads> kernels) {
  KernelRows rows;
  for (const KernelLoads& k : kernels) {
    const KernelKey key{k.file, k.kernel};
    if (!rows[key].of.emplace(k.architecture, cell_of(k)).second) {
      fail("{}: there are two kernels of this name", place_of(key, k.architecture));
    }
  }
  return std::string(introduction) + "\n" + kernel_table({}, rows);
}

std::vector<std::string> load_offences(std::span<const KernelLoads> kernels,
                                       const std::string& text, const std::string& name) {
  const KernelRows table = read_kernel_table(text, name, 0);
  std::vector<std::string> offences;
  std::set<KernelKey> seen;
  for (const KernelLoads& k : kernels) {
    const KernelKey key{k.file, k.kernel};
    const auto report = [&]<class... A>(fmt::format_string<A...> what, A&&... arguments) {
      offences.push_back(fmt::format("{}: {}", place_of(key, k.architecture),
                                     fmt::format(what, std::forward<A>(arguments)...)));
    };
    seen.insert(key);
    if (k.local != 0) report("{} accesses to local memory, none is allowed", k.local);
    const auto found = table.find(key);
    if (found == table.end() || !found->second.of.contains(k.architecture)) {
      report("not in {}", name);
      continue;
    }
    const std::string& cell = found->second.of.at(k.architecture);
    const std::vector<int> in_flight = numbers_of(cell.substr(0, cell.find(" of ")));
    const std::size_t bracket = cell.find('(');
    const int passed_by =
        bracket == std::string::npos ? 0 : numbers_of(cell.substr(bracket)).front();
    const std::size_t loops = std::min(k.in_flight.size(), in_flight.size());
    for (std::size_t i = 0; i < loops; ++i) {
      if (k.in_flight[i] >= in_flight[i]) continue;
      report("{} loads in flight, the budget is {}", fmt::join(k.in_flight, "+"),
             fmt::join(in_flight, "+"));
      break;
    }
    if (k.passed_by > passed_by) {
      report("a branch leads around {} loads of its loops, the budget is {}", k.passed_by,
             passed_by);
    }
  }
  for (const auto& [key, row] : table) {
    if (!seen.contains(key)) {
      offences.push_back(fmt::format("{}: in {}, but in no listing", place_of(key), name));
    }
  }
  return offences;
}

}  // namespace ekgine
