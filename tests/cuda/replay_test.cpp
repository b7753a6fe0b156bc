// Graphs of work that comes again, on a CUDA device, real or emulated.
#include "engine/replay.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/cuda_case.h"
#include "tests/support/small_device.h"

namespace ekgine::testing {
namespace {

constexpr const char* notice =
    "more than 64 shapes of work on the device: further ones are queued kernel by kernel, which is "
    "slower\n";

// Shapes that come for the second time are captured as long as there is room, then called each
// time; that is said once, and changes nothing else.
TEST(ReplayOnCuda, CallsWorkBeyondItsGraphsAndSaysSoOnce) {
  if (const std::string reason = no_cuda_device(); !reason.empty()) GTEST_SKIP() << reason;
  Device device = Device::cuda(0, DType::f32, small_device);
  Tensor from, to;
  const std::unique_ptr<Memory> memory =
      device.allocate("copies", {{from, {100}, DType::f32}, {to, {100}, DType::f32}});
  std::vector<float> values(100);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i + 1);
  Replay replay(device);
  std::vector<int> calls(100);
  // Of 70 shapes, work on the first n numbers for shape n.
  const auto run_all = [&] {
    for (std::int64_t n = 1; n <= 70; ++n) {
      device.write(to, std::vector<float>(100));
      device.write(from, values);
      replay.run({n, 0}, [&] {
        ++calls[static_cast<std::size_t>(n)];
        device.copy(to.first({n}), from.first({n}));
      });
      std::vector<float> expected = values;
      std::fill(expected.begin() + n, expected.end(), 0.0F);
      EXPECT_EQ(device.read_floats(to), expected) << "shape " << n;
    }
  };
  const auto said_by_all = [&] {
    ::testing::internal::CaptureStderr();
    run_all();
    return ::testing::internal::GetCapturedStderr();
  };
  EXPECT_EQ(said_by_all(), "");
  EXPECT_EQ(replay.graphs(), 0);
  EXPECT_EQ(said_by_all(), notice);
  EXPECT_EQ(replay.graphs(), Replay::most_graphs);
  EXPECT_EQ(said_by_all(), "");
  EXPECT_EQ(replay.graphs(), Replay::most_graphs);
  for (std::size_t n = 1; n <= 70; ++n) EXPECT_EQ(calls[n], n <= 64 ? 2 : 3) << "shape " << n;
}

}  // namespace
}  // namespace ekgine::testing
