#include "engine/rank_devices.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/expect_error.h"

namespace ekgine {
namespace {

using enum DeviceChoice;
using Choices = std::vector<DeviceChoice>;

// As many GPUs on each machine, which all of its ranks see.
std::vector<RankGpus> on_machines(const std::vector<std::string>& hosts, int gpus) {
  std::vector<RankGpus> all;
  for (const std::string& host : hosts) {
    RankGpus& rank = all.emplace_back();
    rank.host = host;
    for (int i = 0; i < gpus; ++i) rank.addresses.push_back("0000:0" + std::to_string(i) + ":00.0");
  }
  return all;
}

TEST(RankDevices, AreOneEachInTheOrderOfAMachinesRanks) {
  EXPECT_EQ(devices_of_ranks(on_machines({"a", "a", "b", "a", "b"}, 3), cuda),
            (Choices{cuda_0, cuda_1, cuda_0, cuda_2, cuda_1}));
  EXPECT_EQ(devices_of_ranks(on_machines({"a", "a"}, 2), automatic), (Choices{cuda_0, cuda_1}));
  EXPECT_EQ(devices_of_ranks(on_machines({"a", "b"}, 2), cuda_1), (Choices{cuda_1, cuda_1}));
  EXPECT_EQ(devices_of_ranks(on_machines({"a", "a"}, 2), cpu), (Choices{cpu, cpu}));
}

// As a scheduler does that gives a GPU to a task: each rank sees its own, and calls it 0.
TEST(RankDevices, AreTheOnlyOnesThatRanksSee) {
  const std::vector<RankGpus> apart = {{"a", {"0000:01:00.0"}}, {"a", {"0000:02:00.0"}}};
  EXPECT_EQ(devices_of_ranks(apart, cuda), (Choices{cuda_0, cuda_0}));
  EXPECT_EQ(devices_of_ranks(apart, automatic), (Choices{cuda_0, cuda_0}));
}

TEST(RankDevices, TooFewAreAnErrorOrTheCpu) {
  EXPECT_ERROR(devices_of_ranks(on_machines({"a", "a", "a"}, 2), cuda),
               "rank 2 on a: there is no CUDA device 2 for it, it sees 2; start as many ranks on a "
               "machine as it has GPUs");
  EXPECT_ERROR(devices_of_ranks(on_machines({"a", "b", "b"}, 1), cuda),
               "ranks 1 and 2 on b have the same GPU, 0000:00:00.0; each needs one of its own");
  EXPECT_ERROR(devices_of_ranks(on_machines({"a", "a"}, 2), cuda_1),
               "ranks 0 and 1 on a have the same GPU, 0000:01:00.0; each needs one of its own");
  EXPECT_ERROR(devices_of_ranks(on_machines({"a"}, 0), cuda),
               "rank 0 on a: there is no CUDA device 0");
  EXPECT_EQ(devices_of_ranks(on_machines({"a", "a"}, 1), automatic), (Choices{cpu, cpu}));
  // Nor do some compute on another device than the others.
  std::vector<RankGpus> uneven = on_machines({"a", "b"}, 1);
  uneven[1].addresses.clear();
  EXPECT_EQ(devices_of_ranks(uneven, automatic), (Choices{cpu, cpu}));
}

}  // namespace
}  // namespace ekgine
