// Every command that writes, given twice at nearly the same time: exactly one works, or both do one
// after the other, and what is there in the end is whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/faults/commands.h"

namespace ekgine::testing {
namespace {

using Clock = std::chrono::steady_clock;

class Pairs : public ::testing::TestWithParam<Command> {};

TEST_P(Pairs, OnOnePlaceOneWorks) {
  constexpr int staggers = 12;
  const Workbench bench(GetParam());
  bench.reset();
  const Clock::time_point start = Clock::now();
  EXPECT_EQ(bench.start().wait().status, 0);
  const auto duration = Clock::now() - start;
  int refused = 0;
  // Of a command that is done in a moment more, until two have met.
  const bool shared = GetParam().shared;
  for (int i = 0; i < staggers || (!shared && refused == 0 && i < 20 * staggers); ++i) {
    SCOPED_TRACE("stagger " + std::to_string(i));
    bench.reset();
    Process first = bench.start();
    std::this_thread::sleep_for(duration * (i % staggers) / staggers);
    Process second = bench.start();
    const ProcessResult results[] = {first.wait(), second.wait()};
    int worked = 0;
    for (const ProcessResult& result : results) {
      EXPECT_FALSE(result.timed_out);
      worked += result.status == 0;
      if (result.status == 0) continue;
      EXPECT_EQ(result.status, 1) << result.signal;
      EXPECT_EQ(result.err.find('\n'), result.err.size() - 1) << "not one line: " << result.err;
      const bool other = result.err.find("another process is at work there") != std::string::npos;
      refused += other;
      // The first had ended by then.
      EXPECT_TRUE(other || result.err.find("holds a run already") != std::string::npos)
          << result.err;
    }
    EXPECT_GE(worked, shared ? 2 : 1);
    bench.expect_all_written();
  }
  if (!shared) {
    EXPECT_GT(refused, 0) << "in no pair did the two meet";
  }
}

INSTANTIATE_TEST_SUITE_P(Commands, Pairs, ::testing::ValuesIn(writing_commands()),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace ekgine::testing
