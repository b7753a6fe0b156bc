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
  EXPECT_THAT(result.out, ::testing::HasSubstr("\ncuda  not in this build\n"));
#endif
#ifdef EKGINE_MPIRUN
  EXPECT_THAT(result.out, ::testing::ContainsRegex("\nmpi   .*MPI.*\n$"));
#else
  EXPECT_THAT(result.out, ::testing::EndsWith("\nmpi   not in this build\n"));
#endif
}

TEST(Devices, AsJson) {
  const ProcessResult result = ekgine({"devices", "--json", "--threads", "3"});
  expect_success(result);
  const auto printed = parse_json(result.out);
#if !EKGINE_HAS_CUDA
  EXPECT_EQ(printed.at("devices").size(), 1u);
  EXPECT_EQ(printed.at("cuda"), "not in this build");
#endif
#ifndef EKGINE_MPIRUN
  EXPECT_EQ(printed.at("mpi"), "not in this build");
#endif
  const auto& cpu = printed.at("devices")[0];
  EXPECT_EQ(cpu.at("device"), "cpu");
  EXPECT_EQ(cpu.at("threads"), 3);
  EXPECT_GT(cpu.at("memory_gb").get<double>(), 0);
  EXPECT_THAT(cpu.at("kernels").text(), ::testing::AnyOf("baseline", "avx2", "avx512"));
}

// Every build has code for the set that it takes by itself.
TEST(Devices, KernelsAreThoseOfTheInstructionsAskedFor) {
  const auto printed = parse_json(ekgine({"devices", "--json"}).out);
  const std::string own = printed.at("devices")[0].at("kernels").text();
  const ProcessResult same =
      ekgine({"devices", "--json"}, {.environment = {{"EKGINE_INSTRUCTIONS", own}}});
  expect_success(same);
  EXPECT_EQ(parse_json(same.out), printed);
  expect_one_line(ekgine({"devices"}, {.environment = {{"EKGINE_INSTRUCTIONS", "avx9"}}}), 1,
                  "EKGINE_INSTRUCTIONS='avx9' is none of baseline, avx2, avx512");
  expect_success(ekgine({"devices"}, {.environment = {{"EKGINE_INSTRUCTIONS", ""}}}));
}

}  // namespace
}  // namespace ekgine::testing
