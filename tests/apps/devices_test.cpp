#include <gtest/gtest.h>

#include "tests/apps/program.h"

namespace ekgine::testing {
namespace {

TEST(Devices, ListsTheProcessor) {
  const ProcessResult result = ekgine({"devices", "--threads", "3"});
  expect_success(result);
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out, ::testing::StartsWith("cpu   "));
  EXPECT_THAT(result.out, ::testing::HasSubstr(", 3 threads, "));
#if !EKGINE_HAS_CUDA
  EXPECT_THAT(result.out, ::testing::EndsWith("\ncuda  not in this build\n"));
#endif
}

TEST(Devices, AsJson) {
  const ProcessResult result = ekgine({"devices", "--json", "--threads", "3"});
  expect_success(result);
  const auto printed = nlohmann::json::parse(result.out);
#if !EKGINE_HAS_CUDA
  EXPECT_EQ(printed.at("devices").size(), 1u);
  EXPECT_EQ(printed.at("cuda"), "not in this build");
#endif
  const auto& cpu = printed.at("devices")[0];
  EXPECT_EQ(cpu.at("device"), "cpu");
  EXPECT_EQ(cpu.at("threads"), 3);
  EXPECT_GT(cpu.at("memory_gb"), 0);
}

}  // namespace
}  // namespace ekgine::testing
