// moving_average on a CUDA device, real or emulated, against the CPU's double.
#include "kernels/moving_average.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/back_end.h"
#include "engine/device.h"
#include "tests/cases/random.h"
#include "tests/support/cuda_case.h"
#include "tests/support/small_device.h"

namespace ekgine::testing {
namespace {

// After steps of numbers 1, 2, 3 and 5000, of weights drawn anew; places from `offset` on. With
// `stop` the last step is held back.
std::vector<double> averaged(Device& device, std::int64_t n, std::int64_t offset, bool stop) {
  Random random(static_cast<std::uint64_t>(n));
  Tensor weights, averages, flag;
  const auto memory = device.allocate("averages", {{weights, {n + 8}, device.real_dtype()},
                                                   {averages, {n + 8}, device.real_dtype()},
                                                   {flag, {1}, DType::i32}});
  const auto draw = [&](const Tensor& tensor) {
    std::vector<double> values(static_cast<std::size_t>(n + 8));
    for (double& v : values) v = static_cast<float>(random.normal());
    device.write(tensor, std::span<const double>(values));
  };
  draw(averages);
  for (const std::uint32_t step : {1U, 2U, 3U, 5000U}) {
    draw(weights);
    const std::int32_t held[] = {stop && step == 5000U ? 1 : 0};
    device.write(flag, std::span<const std::int32_t>(held));
    device.set_step({.number = step});
    device.run([&](auto& b) {
      kernels::moving_average(b.context, n, 0.99, b.real(weights) + offset,
                              b.real(averages) + offset,
                              reinterpret_cast<const std::uint32_t*>(flag.bytes()));
    });
  }
  return device.read(averages);
}

TEST(MovingAverageOnCuda, FollowsTheCpu) {
  if (const std::string reason = no_cuda_device(); !reason.empty()) GTEST_SKIP() << reason;
  Device exact = Device::cpu(DType::f64, small_device);
  Device cuda = Device::cuda(0, DType::f32, small_device);
  for (const std::int64_t n : {0, 1, 3, 4, 127, 1027}) {
    for (const std::int64_t offset : {0, 1, 4}) {
      for (const bool stop : {false, true}) {
        const std::vector<double> expected = averaged(exact, n, offset, stop),
                                  found = averaged(cuda, n, offset, stop);
        for (std::size_t i = 0; i < expected.size(); ++i) {
          ASSERT_NEAR(found[i], expected[i], 1e-6)
              << i << " of " << n << " from " << offset << ", stop " << stop;
        }
        EXPECT_EQ(averaged(cuda, n, offset, stop), found) << n << " weights, a second time";
      }
    }
  }
}

}  // namespace
}  // namespace ekgine::testing
