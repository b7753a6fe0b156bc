// One of several ranks, for tests: rank WHAT [FILE]. Rank 1 is the one that does not do as the
// others.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/interrupt.h"
#include "ranks/launch.h"
#include "ranks/mpi_ranks.h"

namespace ekgine {
namespace {

// Values whose sum depends on the order in which they are added.
float value(int rank, std::int64_t i) {
  const float parts[] = {1e8F, 1, -1e8F, 0.3F};
  return parts[(rank + i) % 4] + static_cast<float>(rank);
}

void expect(bool right, const char* what) {
  if (!right) fail("{} is wrong", what);
}

void exchange(Ranks& ranks) {
  for (const std::int64_t rows : {0, 1, 2, 3, 7, 1000}) {
    const std::int64_t width = 3, n = rows * width;
    const auto size = static_cast<std::size_t>(n);
    std::vector<float> mine(size), sum(size);
    for (std::int64_t i = 0; i < n; ++i) {
      const auto at = static_cast<std::size_t>(i);
      mine[at] = value(ranks.rank(), i);
      sum[at] = value(0, i);
      for (int r = 1; r < ranks.count(); ++r) sum[at] += value(r, i);
    }
    const Slice slice = ranks.slice(rows);
    std::vector<float> part(static_cast<std::size_t>(slice.count * width), -1), all(size, -1);
    ranks.sum_slice(rows, width, mine.data(), part.data());
    expect(std::equal(part.begin(), part.end(), sum.begin() + slice.first * width), "sum_slice");
    ranks.gather_rows(rows, width, part.data(), all.data());
    expect(all == sum, "gather_rows");
    ranks.sum(n, mine.data());
    expect(mine == sum, "sum");
  }
  const std::vector<std::int64_t> numbers = ranks.gather(std::int64_t{ranks.rank()});
  const std::vector<std::string> texts =
      ranks.gather_texts(std::string(static_cast<std::size_t>(ranks.rank()), 'x'));
  for (std::size_t r = 0; r < numbers.size(); ++r) {
    expect(numbers[r] == static_cast<std::int64_t>(r), "gather");
    expect(texts[r] == std::string(r, 'x'), "gather_texts");
  }
  expect(ranks.any(ranks.rank() == ranks.count() - 1) && !ranks.any(false), "any");
}

// Until a signal has reached all, who learn of it in the same call.
int until_interrupted(Ranks& ranks, const char* ready) {
  if (ranks.rank() == 0) std::ofstream{ready};
  for (;;) {
    float count = interrupted() ? 1 : 0;
    ranks.sum(1, &count);
    if (count == static_cast<float>(ranks.count())) return 130;
  }
}

int run(const std::string& what, const char* file) {
  if (what == "late" && launch()->rank == 1) std::this_thread::sleep_for(std::chrono::seconds(600));
  const int patience = what == "late" || what == "hang" || what == "leaves" ? 5 : 100;
  const auto ranks = join_ranks(*launch(), std::chrono::seconds(patience));
  exchange(*ranks);
  if (what == "exchange") {
    if (ranks->rank() == 0) std::puts(fmt::format("{} ranks", ranks->count()).c_str());
    return 0;
  }
  if (what == "stop") return 130;
  if (what == "signal") return until_interrupted(*ranks, file);
  ranks->set_step(12);
  if (ranks->rank() == 1) {
    if (what == "hang") std::this_thread::sleep_for(std::chrono::seconds(600));
    if (what == "killed") std::raise(SIGKILL);
    if (what == "throws") fail("it has no more paper");
    if (what == "leaves") return 0;
  }
  for (;;) exchange(*ranks);
}

}  // namespace
}  // namespace ekgine

int main(int, char** argv) {
  using namespace ekgine;
  try {
    install_interrupt_handlers();
    const int status = run(argv[1], argv[2]);
    leave_ranks(status, true);
    return status;
  } catch (const std::exception& error) {
    std::fputs(fmt::format("{}: {}\n", this_rank(), error.what()).c_str(), stderr);
    leave_ranks(1, false);
    return 1;
  }
}
