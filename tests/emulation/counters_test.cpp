#include "emulation/counters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "emulation/device_access.h"
#include "emulation/device_memory.h"
#include "emulation/emulation.h"
#include "tests/emulation/probe_kernels.h"

namespace ekgine::emulation {
namespace {

class Counters : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!checks_accesses()) GTEST_SKIP() << "these kernels are not compiled for the checker";
    count_accesses(true);
  }
  ~Counters() override {
    count_accesses(false);
    take_counters();
    EXPECT_THAT(take_faults(), ::testing::IsEmpty());
  }
  KernelCounters of(const std::string& kernel) {
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    std::map<std::string, KernelCounters> all = take_counters();
    EXPECT_EQ(all.size(), 1U);
    EXPECT_TRUE(all.contains(kernel));
    return all[kernel];
  }
  const DeviceArray<float> in_{std::vector<float>(1024)};
  const DeviceArray<float> out_{std::vector<float>(1024)};
};

TEST_F(Counters, ConsecutiveWordsAreCoalesced) {
  ASSERT_EQ(probe_load(in_.data(), out_.data(), 1, nullptr), cudaSuccess);
  const KernelCounters c = of("strided_load");
  EXPECT_EQ(c.launches, 1U);
  EXPECT_EQ(c.loads.requests, 1U);
  EXPECT_EQ(c.loads.sectors, 4U);
  EXPECT_EQ(c.loads.ideal_sectors, 4U);
  EXPECT_EQ(c.loads.bytes, 128U);
  EXPECT_EQ(c.stores.requests, 1U);
  EXPECT_EQ(c.stores.sectors, 4U);
  EXPECT_EQ(c.stores.bytes, 128U);
  EXPECT_EQ(c.shared_requests, 0U);
}

TEST_F(Counters, StridesAndOffsetsCostSectors) {
  ASSERT_EQ(probe_load(in_.data(), out_.data(), 8, nullptr), cudaSuccess);
  KernelCounters c = of("strided_load");
  EXPECT_EQ(c.loads.sectors, 32U);
  EXPECT_EQ(c.loads.ideal_sectors, 4U);
  EXPECT_EQ(c.loads.bytes, 1024U);

  ASSERT_EQ(probe_load(in_.data() + 1, out_.data() + 7, 1, nullptr), cudaSuccess);
  c = of("strided_load");
  EXPECT_EQ(c.loads.sectors, 5U);
  EXPECT_EQ(c.loads.ideal_sectors, 4U);
  EXPECT_EQ(c.stores.sectors, 5U);

  ASSERT_EQ(probe_load(in_.data(), out_.data(), 0, nullptr), cudaSuccess);  // a broadcast
  c = of("strided_load");
  EXPECT_EQ(c.loads.requests, 1U);
  EXPECT_EQ(c.loads.sectors, 1U);
  EXPECT_EQ(c.loads.ideal_sectors, 1U);
}

TEST_F(Counters, VectorsAreOneRequest) {
  ASSERT_EQ(probe_vector_load(in_.data(), out_.data(), nullptr), cudaSuccess);
  const KernelCounters c = of("vector_load");
  EXPECT_EQ(c.loads.requests, 1U);
  EXPECT_EQ(c.loads.sectors, 16U);
  EXPECT_EQ(c.loads.ideal_sectors, 16U);
  EXPECT_EQ(c.loads.bytes, 512U);
}

TEST_F(Counters, BytesCountOnceInALaunchAndAgainInTheNext) {
  ASSERT_EQ(probe_increment(in_.data(), out_.data(), 1000, nullptr), cudaSuccess);
  ASSERT_EQ(probe_increment(in_.data(), out_.data(), 1000, nullptr), cudaSuccess);
  const KernelCounters c = of("increment");
  EXPECT_EQ(c.launches, 2U);
  EXPECT_EQ(c.loads.bytes, 8000U);
  EXPECT_EQ(c.stores.bytes, 8000U);
  EXPECT_EQ(c.loads.requests, 64U);  // ⌈1000 / 32⌉ of each launch
  EXPECT_EQ(c.loads.sectors, 250U);
  EXPECT_EQ(c.loads.ideal_sectors, 250U);

  // Each block reads its own row, and all of it once.
  const DeviceArray<float> x(std::vector<float>(3 * 512)), y(3);
  ASSERT_EQ(probe_row_sums(x.data(), y.data(), 3, 512, nullptr), cudaSuccess);
  const KernelCounters sums = of("row_sums");
  EXPECT_EQ(sums.loads.requests, 48U);
  EXPECT_EQ(sums.loads.bytes, 3 * 512 * 4U);
  EXPECT_EQ(sums.stores.requests, 3U);
  EXPECT_EQ(sums.stores.bytes, 32U);
  // Four warps' sums are written by one lane each, then read by all lanes at once.
  EXPECT_EQ(sums.shared_requests, 3 * (4 + 4 * 4U));
  EXPECT_EQ(sums.shared_conflicts, 0U);
}

TEST_F(Counters, BankConflicts) {
  struct Expected {
    int stride, width;
    unsigned wavefronts, conflicts, worst;
  };
  // Two requests: all lanes, then the odd ones.
  for (const Expected e : {
           Expected{1, 1, 2, 0, 1},           // every lane its own bank
           Expected{2, 1, 2 + 2, 2, 2},       // lanes l and l + 16 in one bank
           Expected{32, 1, 32 + 16, 46, 32},  // all in one
           Expected{33, 1, 2, 0, 1},          // padded
           Expected{1, 2, 2 + 2, 0, 1},       // 8 bytes: half a warp at a time
           Expected{1, 4, 4 + 4, 0, 1},       // 16 bytes: a quarter at a time
           Expected{2, 4, 8 + 8, 8, 2},       // lanes l and l + 4 in one bank
       }) {
    SCOPED_TRACE("stride " + std::to_string(e.stride) + ", width " + std::to_string(e.width));
    ASSERT_EQ(probe_banks(out_.data(), e.stride, e.width, nullptr), cudaSuccess);
    const KernelCounters c = of("banks");
    EXPECT_EQ(c.shared_requests, 2U);
    EXPECT_EQ(c.shared_wavefronts, e.wavefronts);
    EXPECT_EQ(c.shared_conflicts, e.conflicts);
    EXPECT_EQ(c.worst_bank_conflict, e.worst);
  }
}

TEST_F(Counters, AddUpTheArgumentsOfLibraryCalls) {
  const auto call = [&] {
    EXPECT_TRUE(device_reads(in_.data(), 40, "in"));
    EXPECT_TRUE(device_writes(out_.data(), 24, "out"));
    EXPECT_TRUE(device_scribbles(out_.data() + 100, 400, "workspace"));
  };
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(enqueue_library_call(nullptr, "call", call, nullptr), cudaSuccess);
  }
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_THAT(take_library_bytes(), ::testing::ElementsAre(::testing::Pair("call", 128U)));
  EXPECT_THAT(take_library_bytes(), ::testing::IsEmpty());
  EXPECT_THAT(take_counters(), ::testing::IsEmpty());
}

TEST_F(Counters, CountNothingWhenOff) {
  count_accesses(false);
  ASSERT_EQ(probe_load(in_.data(), out_.data(), 1, nullptr), cudaSuccess);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_THAT(take_counters(), ::testing::IsEmpty());
}

}  // namespace
}  // namespace ekgine::emulation
