#include "emulation/execution.h"

#include <cuda_runtime_api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "emulation/device_memory.h"
#include "emulation/emulation.h"
#include "tests/emulation/probe_kernels.h"
#include "tests/support/at.h"

namespace ekgine::emulation {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Execution : public ::testing::Test {
 protected:
  ~Execution() override {
    EXPECT_THAT(take_faults(), IsEmpty());
    reset_device();
    set_seed(0);
    set_compute_capability(80);
  }
};

TEST_F(Execution, ShufflesReadTheLaneThatCudaSays) {
  for (const std::uint64_t seed : {0, 5}) {
    set_seed(seed);
    const DeviceArray<int> out(8 * 32);
    ASSERT_EQ(probe_shuffles(out.data(), nullptr), cudaSuccess);
    const std::vector<int> got = out.host();
    for (int lane = 0; lane < 32; ++lane) {
      const auto shuffled = [&](int shuffle) { return got[at(32 * shuffle + lane)]; };
      EXPECT_EQ(shuffled(0), 5) << lane;
      EXPECT_EQ(shuffled(1), lane / 8 * 8 + (lane + 3) % 8) << lane;
      EXPECT_EQ(shuffled(2), lane < 2 ? lane : lane - 2) << lane;
      EXPECT_EQ(shuffled(3), lane % 8 < 2 ? lane : lane - 2) << lane;
      EXPECT_EQ(shuffled(4), lane > 28 ? lane : lane + 3) << lane;
      EXPECT_EQ(shuffled(5), lane % 16 > 12 ? lane : lane + 3) << lane;
      EXPECT_EQ(shuffled(6), lane ^ 1) << lane;
      // Lanes of earlier groups can be read, those of later ones not.
      EXPECT_EQ(shuffled(7), (lane ^ 12) / 8 > lane / 8 ? lane : lane ^ 12) << lane;
    }
  }
}

TEST_F(Execution, VotesSeeAllLanes) {
  const DeviceArray<unsigned> out(5);
  ASSERT_EQ(probe_votes(out.data(), nullptr), cudaSuccess);
  EXPECT_THAT(out.host(), ElementsAre(0x49249249U, 1, 1, 0, 1));
}

TEST_F(Execution, BarriersVote) {
  const DeviceArray<int> out(6);
  ASSERT_EQ(probe_block_votes(out.data(), nullptr), cudaSuccess);
  EXPECT_THAT(out.host(), ElementsAre(48, 0, 1, 96, 1, 1));
}

TEST_F(Execution, AtomicsOfAllBlocksAreCounted) {
  const DeviceArray<std::uint32_t> out(std::vector<std::uint32_t>{0, 0, 1, 0, 1, 0});
  ASSERT_EQ(probe_atomics(out.data(), nullptr), cudaSuccess);
  EXPECT_THAT(out.host(), ElementsAre(448 * 449 / 2, 448, static_cast<std::uint32_t>(-447),
                                      std::bit_cast<std::uint32_t>(224.0F), 9, 77));
}

TEST_F(Execution, MatrixInstructionsMultiply) {
  std::mt19937 random(3);
  for (const int k : {16, 8}) {
    // Integers up to 15 are exact in both formats, and so are their sums of products.
    std::vector<float> a(at(16 * k)), b(at(k * 8));
    for (float& x : a) x = static_cast<float>(random() % 31) - 15;
    for (float& x : b) x = static_cast<float>(random() % 31) - 15;
    const DeviceArray<float> da(a), db(b), dc(16 * 8);
    ASSERT_EQ(probe_matrix(da.data(), db.data(), dc.data(), k, nullptr), cudaSuccess);
    const std::vector<float> c = dc.host();
    for (int row = 0; row < 16; ++row) {
      for (int column = 0; column < 8; ++column) {
        float sum = 0;
        for (int i = 0; i < k; ++i) {
          sum += a[at(row * k + i)] * b[at(i * 8 + column)];
        }
        EXPECT_EQ(c[at(row * 8 + column)], sum) << k << ' ' << row << ' ' << column;
      }
    }
  }
}

TEST_F(Execution, ThreadsKnowTheirCoordinates) {
  const DeviceArray<Coordinates> out(12 * 24);
  ASSERT_EQ(probe_coordinates(out.data(), nullptr), cudaSuccess);
  const std::vector<Coordinates> got = out.host();
  for (unsigned i = 0; i < got.size(); ++i) {
    const unsigned thread = i % 24, block = i / 24;
    EXPECT_EQ(got[i].thread.x, thread % 4);
    EXPECT_EQ(got[i].thread.y, thread / 4 % 2);
    EXPECT_EQ(got[i].thread.z, thread / 8);
    EXPECT_EQ(got[i].block.x, block % 2);
    EXPECT_EQ(got[i].block.y, block / 2 % 3);
    EXPECT_EQ(got[i].block.z, block / 6);
    EXPECT_EQ(got[i].threads.z, 3U);
    EXPECT_EQ(got[i].blocks.y, 3U);
  }
}

// A correct kernel's result must not depend on the schedule.
TEST_F(Execution, SchedulesGiveTheSameBits) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> x(9 * 1000);
  for (float& value : x) value = normal(random);
  const DeviceArray<float> dx(x), dy(9);
  ASSERT_EQ(probe_row_sums(dx.data(), dy.data(), 9, 1000, nullptr), cudaSuccess);
  const std::vector<float> expected = dy.host();
  for (std::size_t row = 0; row < 9; ++row) {
    double sum = 0;
    for (std::size_t i = 0; i < 1000; ++i) sum += static_cast<double>(x[row * 1000 + i]);
    EXPECT_NEAR(expected[row], sum, 1e-3);
  }
  for (std::uint64_t seed = 1; seed < 6; ++seed) {
    set_seed(seed);
    ASSERT_EQ(probe_row_sums(dx.data(), dy.data(), 9, 1000, nullptr), cudaSuccess);
    EXPECT_EQ(dy.host(), expected) << "seed " << seed;
  }
}

TEST_F(Execution, SeedsDecideTheOrderOfThreadsAndBlocks) {
  const auto run = [](std::uint64_t seed) {
    set_seed(seed);
    const DeviceArray<unsigned> counter(std::vector<unsigned>{0}), order(256);
    EXPECT_EQ(probe_order(counter.data(), order.data(), nullptr), cudaSuccess);
    return order.host();
  };
  std::vector<unsigned> numbers(256);
  for (unsigned i = 0; i < 256; ++i) numbers[i] = i;
  EXPECT_EQ(run(0), numbers);
  std::vector<unsigned> shuffled = run(1);
  EXPECT_NE(shuffled, numbers);
  EXPECT_NE(shuffled, run(2));
  std::sort(shuffled.begin(), shuffled.end());
  EXPECT_EQ(shuffled, numbers);
}

TEST_F(Execution, RefusesLaunchesThatADeviceRefuses) {
  EXPECT_EQ(probe_grid(dim3(1), dim3(1024), nullptr), cudaSuccess);
  EXPECT_EQ(probe_grid(dim3(1), dim3(1025), nullptr), cudaErrorInvalidConfiguration);
  EXPECT_EQ(probe_grid(dim3(1), dim3(32, 33), nullptr), cudaErrorInvalidConfiguration);
  EXPECT_EQ(probe_grid(dim3(1), dim3(1, 1, 65), nullptr), cudaErrorInvalidConfiguration);
  EXPECT_EQ(probe_grid(dim3(0), dim3(32), nullptr), cudaErrorInvalidConfiguration);
  EXPECT_EQ(probe_grid(dim3(1, 65536), dim3(32), nullptr), cudaErrorInvalidConfiguration);
  EXPECT_EQ(probe_grid(dim3(1, 65535, 1), dim3(1), nullptr), cudaSuccess);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
}

TEST_F(Execution, SharedMemoryIsWhatTheArchitectureHas) {
  const DeviceArray<float> out(256);
  // 1024 bytes of it are static.
  EXPECT_EQ(probe_shared_memory(out.data(), 162U << 10U, nullptr), cudaSuccess);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_THAT(out.host(), ::testing::Each(3.0F));
  EXPECT_EQ(probe_shared_memory(out.data(), 164U << 10U, nullptr), cudaErrorInvalidConfiguration);
  EXPECT_EQ(probe_shared_memory(out.data(), (162U << 10U) + 16, nullptr), cudaSuccess);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorLaunchOutOfResources);
  EXPECT_THAT(take_faults(),
              ElementsAre(HasSubstr("too much shared memory: kernel shared_memory needs 166928")));
  reset_device();
  set_compute_capability(75);
  EXPECT_EQ(probe_shared_memory(out.data(), 65U << 10U, nullptr), cudaErrorInvalidConfiguration);
}

}  // namespace
}  // namespace ekgine::emulation
