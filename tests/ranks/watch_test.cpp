#include "ranks/watch.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>

namespace ekgine {
namespace {

using std::chrono::milliseconds;

TEST(Watch, TellsOnceOfAWaitThatIsTooLong) {
  std::atomic<int> expired = 0;
  const auto start = std::chrono::steady_clock::now();
  Watch watch(milliseconds(100), [&] { ++expired; });
  const Watch::Wait wait(watch);
  while (expired == 0 && std::chrono::steady_clock::now() - start < std::chrono::seconds(30)) {
    std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(100));
  std::this_thread::sleep_for(milliseconds(150));
  EXPECT_EQ(expired, 1);
}

TEST(Watch, SaysNothingOfShortWaitsHoweverMany) {
  std::atomic<int> expired = 0;
  {
    Watch watch(std::chrono::seconds(60), [&] { ++expired; });
    for (int i = 0; i < 100000; ++i) const Watch::Wait wait(watch);
  }
  {
    // Nobody waits, for longer than anybody may.
    Watch watch(milliseconds(20), [&] { ++expired; });
    { const Watch::Wait wait(watch); }
    std::this_thread::sleep_for(milliseconds(100));
  }
  EXPECT_EQ(expired, 0);
}

TEST(Watch, EndsAtOnce) {
  const auto start = std::chrono::steady_clock::now();
  {
    const Watch watch(std::chrono::hours(1), [] {});
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
}

}  // namespace
}  // namespace ekgine
