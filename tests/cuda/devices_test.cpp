// ekgine devices in a build with CUDA, on a GPU or the emulated device.
#include <cuda_runtime_api.h>

#include <cstdlib>
#include <string>

#include "engine/device.h"
#include "tests/apps/program.h"
#include "tests/support/cuda_case.h"

namespace ekgine::testing {
namespace {

TEST(CudaDevices, ListsTheGpu) {
  if (const std::string reason = no_cuda_device(); !reason.empty()) GTEST_SKIP() << reason;
  const ProcessResult result = ekgine({"devices"});
  expect_success(result);
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out,
              ::testing::ContainsRegex("\ncuda  .*, sm_[0-9]+, [0-9]+ multiprocessors, [0-9.]+ GB, "
                                       "[0-9.]+ GB free, this build has code for it\n"));
  EXPECT_THAT(result.out,
              ::testing::ContainsRegex("CUDA [0-9.]+ of this build, [0-9.]+ of the driver"));
}

TEST(CudaDevices, AsJson) {
  if (const std::string reason = no_cuda_device(); !reason.empty()) GTEST_SKIP() << reason;
  const ProcessResult result = ekgine({"devices", "--json"});
  expect_success(result);
  const auto json = parse_json(result.out);
  EXPECT_EQ(json.at("cuda"), "usable");
  ASSERT_GE(json.at("devices").size(), 2u);
  const auto& gpu = json.at("devices")[1];
  EXPECT_EQ(gpu.at("device"), "cuda");
  EXPECT_THAT(gpu.at("architecture").get<std::string>(), ::testing::MatchesRegex("sm_[0-9]+"));
  EXPECT_EQ(gpu.at("has_code"), true);
  EXPECT_GT(gpu.at("multiprocessors").get<double>(), 0);
  EXPECT_GT(gpu.at("memory_gb").get<double>(), 0);
  EXPECT_LE(gpu.at("free_gb").get<double>(), gpu.at("memory_gb").get<double>());
}

#if EKGINE_CUDA_EMULATED
// Processes side by side take the GPUs of a machine in turns, but for a choice that names one.
TEST(CudaDevices, AreTakenInTurns) {
  const auto taken = [](int process, DeviceChoice choice) {
    set_process_number(process);
    const Device device = Device::open(choice, PrecisionChoice::f32, [](const std::string&) {});
    int ordinal = -1;
    static_cast<void>(cudaGetDevice(&ordinal));
    set_process_number(0);
    return ordinal;
  };
  ::setenv("EKGINE_EMULATED_DEVICES", "2", 1);
  EXPECT_EQ(taken(0, DeviceChoice::cuda), 0);
  EXPECT_EQ(taken(1, DeviceChoice::cuda), 1);
  EXPECT_EQ(taken(3, DeviceChoice::automatic), 1);
  EXPECT_EQ(taken(2, DeviceChoice::cuda), 0);
  EXPECT_EQ(taken(0, DeviceChoice::cuda_1), 1);
  EXPECT_EQ(taken(1, DeviceChoice::cuda_0), 0);
  ::unsetenv("EKGINE_EMULATED_DEVICES");
}
#endif

}  // namespace
}  // namespace ekgine::testing
