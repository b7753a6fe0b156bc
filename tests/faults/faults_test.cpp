// Every command that writes, while a call of the operating system or an allocation fails: it ends
// with status 1 and one line, leaves nothing half-written, and works when it is given again.
//
// EKGINE_FAULTS=N tries N calls of each kind of each command, chosen at random, alone or with all
// after it; EKGINE_FAULTS=all tries every call, both ways. EKGINE_FAULT_KINDS=write,open,... tries
// these kinds only: there are a hundred times as many allocations as calls of all other kinds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "base/atomic_file.h"
#include "tests/cases/random.h"
#include "tests/faults/commands.h"

namespace ekgine::testing {
namespace {

namespace fs = std::filesystem;

using ::testing::StartsWith;

// How many calls of a kind the command makes.
using Calls = std::vector<std::pair<std::string, std::int64_t>>;

Calls count_calls(const Workbench& bench) {
  bench.reset();
  const std::string report = bench.path("report");
  EXPECT_EQ(bench.start({{"LD_PRELOAD", EKGINE_FAULT_LIBRARY}, {"EKGINE_FAULT_REPORT", report}})
                .wait()
                .status,
            0);
  std::istringstream lines(read_file(report));
  Calls calls;
  std::string kind;
  for (std::int64_t count = 0; lines >> kind >> count;) calls.emplace_back(kind, count);
  for (const std::string needed : {"write", "fsync", "rename", "open", "flock", "malloc"}) {
    const auto found = std::find_if(calls.begin(), calls.end(),
                                    [&](const auto& made) { return made.first == needed; });
    EXPECT_TRUE(found != calls.end() && found->second > 0)
        << "no " << needed << ": does the library stand in for it?";
  }
  return calls;
}

// The calls to let fail: "K", or "K+" with all after it, as when a disk stays full. Not memory:
// libraries crash at their end when they never get any (docs/promises.md).
std::vector<std::string> chosen(const std::string& kind, std::int64_t count, Random& random) {
  const bool lasts = kind == "write" || kind == "thread";
  const char* given = std::getenv("EKGINE_FAULTS");
  const std::string wanted = given == nullptr ? "2" : given;
  std::vector<std::string> plans;
  for (std::int64_t k = 1; wanted == "all" && k <= count; ++k) {
    plans.push_back(std::to_string(k));
    if (lasts) plans.push_back(std::to_string(k) + "+");
  }
  for (int i = 0; wanted != "all" && count > 0 && i < std::stoi(wanted); ++i) {
    const std::string k = std::to_string(random.integer(1, static_cast<int>(count)));
    plans.push_back(lasts && i % 2 == 1 ? k + "+" : k);
  }
  return plans;
}

bool is_wanted(const std::string& kind) {
  const char* kinds = std::getenv("EKGINE_FAULT_KINDS");
  return kinds == nullptr ||
         ("," + std::string(kinds) + ",").find("," + kind + ",") != std::string::npos;
}

// OpenMP's run time says itself what it lacks, after an empty line, and exits.
bool ended_by_openmp(const ProcessResult& result) {
  return result.err.find("libgomp: ") != std::string::npos;
}

// Then there is what a kill leaves: the folder that a store is written in, which the next removes.
bool ended_in_library(const ProcessResult& result) {
  return ended_by_openmp(result) || result.err.find(" crashed: ") != std::string::npos ||
         result.err.find("a library ended the program") != std::string::npos;
}

class Faults : public ::testing::TestWithParam<Command> {};

TEST_P(Faults, EndInOneLineAndNothingDamaged) {
  const Workbench bench(GetParam());
  Random random(5);
  for (const auto& [kind, count] : count_calls(bench)) {
    if (!is_wanted(kind)) continue;
    std::int64_t injected = 0, harmless = 0;
    for (const std::string& which : chosen(kind, count, random)) {
      const std::string plan = kind + ":" + which;
      SCOPED_TRACE(plan + " of " + std::to_string(count));
      bench.reset();
      const std::string place = bench.path("place");
      const ProcessResult result = bench
                                       .start({{"LD_PRELOAD", EKGINE_FAULT_LIBRARY},
                                               {"EKGINE_FAULT", plan},
                                               {"EKGINE_FAULT_PLACE", place}})
                                       .wait();
      ++injected;
      EXPECT_FALSE(result.timed_out);
      EXPECT_EQ(result.signal, 0) << result.err << "after a call of\n" << read_file(place);
      if (result.status == 0) {
        ++harmless;
        EXPECT_EQ(result.err, "");
        // An older store is removed last of all; what stays of it is when the command is given
        // again.
        if (fs::exists(bench.path("out/x.partial"))) {
          EXPECT_EQ(bench.start_again().wait().status, 0);
        }
        bench.expect_all_written();
        continue;
      }
      EXPECT_EQ(result.status, 1) << result.err;
      // What cannot be written can be a line on stderr, too.
      const bool lost = kind == "write" && result.err.empty();
      if (!lost && !ended_by_openmp(result)) {
        EXPECT_THAT(result.err, StartsWith("ekgine: "));
        EXPECT_EQ(result.err.find('\n'), result.err.size() - 1) << "not one line: " << result.err;
      }
      if (!ended_in_library(result)) bench.expect_nothing_damaged();
      const ProcessResult again = bench.start_again().wait();
      EXPECT_EQ(again.status, 0) << "given again: " << again.err << "after " << result.err;
      bench.expect_all_written();
    }
    std::printf("%-18s %-7s %6lld calls, %lld failed, %lld of them harmless\n",
                GetParam().name.c_str(), kind.c_str(), static_cast<long long>(count),
                static_cast<long long>(injected), static_cast<long long>(harmless));
  }
}

// As on a file system that has none.
TEST_P(Faults, WithoutLocksNothingIsWritten) {
  const Workbench bench(GetParam());
  bench.reset();
  const Tree before = bench.written();
  const ProcessResult result =
      bench.start({{"LD_PRELOAD", EKGINE_FAULT_LIBRARY}, {"EKGINE_FAULT", "flock:1+"}}).wait();
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err,
              ::testing::MatchesRegex("ekgine: [^\n]*out/x[^\n]*: cannot lock: No locks available; "
                                      "choose a place on a file system with locks\n"));
  Tree after = bench.written();
  after.erase("x");  // the folder of a study, which is made first
  Tree expected = before;
  expected.erase("x");
  EXPECT_TRUE(after == expected);
}

INSTANTIATE_TEST_SUITE_P(Commands, Faults, ::testing::ValuesIn(writing_commands()),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace ekgine::testing
