// ekgine_bench --device cuda, on the emulated device: rows and JSON, not times.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "tests/support/cuda_case.h"
#include "tests/support/process.h"

namespace ekgine::testing {
namespace {

using nlohmann::json;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::StartsWith;

ProcessResult bench(const std::vector<std::string>& arguments, const ProcessOptions& options = {}) {
  Process process(EKGINE_BENCH, arguments, options);
  return process.wait(std::chrono::minutes(5));
}

class CudaBenchmark : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string reason = no_cuda_device(); !reason.empty()) GTEST_SKIP() << reason;
  }
};

TEST_F(CudaBenchmark, TimesEveryOpAndItsRivals) {
  const ProcessResult result = bench({"--device", "cuda", "--json"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.err, "");
  const json report = json::parse(result.out);
  for (const char* peak : {"copy_gb_per_s", "f32_gflops", "tf32_gflops", "bf16_gflops"}) {
    EXPECT_GT(report.at("peaks").at(peak), 0) << peak;
  }
  EXPECT_GT(report.at("peaks").at("launch_us"), 0);

  std::set<std::string> ops, rivals;
  const std::set<std::string> bounds = {"memory", "compute", "launch"};
  for (const json& row : report.at("rows")) {
    const std::string name = row.at("op");
    ASSERT_FALSE(row.contains("error")) << row;
    const std::string op = name.substr(0, name.find(' '));
    (row.at("rival") ? rivals : ops).insert(op + " " + row.at("precision").get<std::string>());
    EXPECT_GT(row.at("us"), 0) << row;
    EXPECT_GT(row.at("gb_per_s"), 0) << row;
    EXPECT_GE(row.at("gflops"), 0) << row;
    EXPECT_GT(row.at("percent_of_copy"), 0) << row;
    EXPECT_GE(row.at("launches"), 1) << row;
    EXPECT_GE(row.at("passes"), 2) << row;
    EXPECT_TRUE(bounds.contains(row.at("bound"))) << row;
    // The same work, or the comparison would mean nothing.
    if (row.at("rival")) {
      EXPECT_TRUE(row.at("same_result")) << row;
    }
  }
  std::vector<std::string> missing;
  for (const char* op : {"adamw",
                         "add_layer_norm",
                         "add_position",
                         "add_scaled",
                         "attention",
                         "batch_norm",
                         "batch_norm_relu_global_avg_pool",
                         "batch_norm_relu_max_pool2d",
                         "conv2d",
                         "depthwise_conv1d",
                         "dropout",
                         "gather",
                         "global_avg_pool",
                         "glu",
                         "layer_norm",
                         "linear",
                         "max_pool2d",
                         "morlet_cwt",
                         "relu",
                         "softmax",
                         "softmax_cross_entropy",
                         "swish",
                         "swish_dropout"}) {
    for (const char* type : {" f32", " bf16"}) {
      if (!ops.contains(std::string(op) + type)) missing.push_back(std::string(op) + type);
    }
  }
  EXPECT_THAT(missing, IsEmpty());
  // TF32 is about products.
  EXPECT_THAT(ops, IsSupersetOf({"conv2d tf32", "linear tf32", "attention tf32"}));
  EXPECT_FALSE(ops.contains("layer_norm tf32"));
  for (const char* op : {"add_layer_norm f32", "batch_norm f32", "batch_norm_relu_max_pool2d bf16",
                         "max_pool2d bf16", "morlet_cwt f32", "relu f32", "swish_dropout bf16"}) {
    EXPECT_THAT(rivals, Contains(op));
  }
  if (report.at("emulated")) {
    ASSERT_FALSE(report.at("memory").empty());
    for (const json& op : report.at("memory")) {
      EXPECT_GT(op.at("bytes_over_minimum"), 0) << op;
      EXPECT_FALSE(op.at("kernels").empty()) << op;
    }
  }
}

// The fused op is one launch where the composition needs three: what is counted is the op's own.
TEST_F(CudaBenchmark, CountsLaunches) {
  const ProcessResult result = bench({"--device", "cuda", "--json", "--filter", "swish_dropout"});
  ASSERT_EQ(result.status, 0) << result.err;
  for (const json& row : json::parse(result.out).at("rows")) {
    EXPECT_EQ(row.at("launches"), row.at("rival") ? 2 : 1) << row;
  }
}

TEST_F(CudaBenchmark, PrintsTables) {
  const ProcessResult result = bench({"--device", "cuda", "--filter", "glu"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("\n## f32\n"));
  EXPECT_THAT(result.out, HasSubstr("\n## bf16\n"));
  EXPECT_THAT(result.out, HasSubstr("\n| glu ("));
  if (result.out.find("emulated device") == std::string::npos) {
    EXPECT_THAT(result.out, HasSubstr("| cuBLASLt product, bf16 |"));
  } else {
    EXPECT_THAT(result.out,
                StartsWith("The device is emulated: times mean nothing and are left out.\n"));
    EXPECT_THAT(result.out, HasSubstr("| **glu (384,256) backward** "));
  }
}

TEST_F(CudaBenchmark, RefusesWhatMatchesNothing) {
  const ProcessResult result = bench({"--device", "cuda", "--filter", "no such op"});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err,
            "ekgine_bench: --filter no such op: no op has that in its name and shape\n");
}

#if EKGINE_CUDA_EMULATED
// The row says why, the others come, and the exit status tells a script.
TEST_F(CudaBenchmark, FailsWithAnOpThatFails) {
  const ProcessResult result =
      bench({"--device", "cuda", "--filter", "conv2d"},
            {.directory = {},
             .environment = {{"EKGINE_EMULATED_FAILURE", "cudnnConvolutionForward=5000"}}});
  EXPECT_EQ(result.status, 1);
  // In float, TF32 and bfloat16.
  EXPECT_EQ(result.err, "ekgine_bench: 3 of the ops failed: their rows say why\n");
  EXPECT_THAT(result.out, HasSubstr("conv2d (2,4,6,2) * (3,3,2,4) | cuDNN: "));
  EXPECT_THAT(result.out, HasSubstr("conv2d (2,4,6,1) * (3,3,1,4) backward"));
}
#endif

// What a machine without a GPU is told: a real one is hidden, the emulated one says that it is
// none.
TEST(CudaBenchmarkUsage, SaysWhereThereIsNoGpu) {
  const ProcessResult result =
      bench({"--device", "cuda"},
            {.directory = {},
             .environment = {{"CUDA_VISIBLE_DEVICES", ""},
                             {"EKGINE_EMULATED_FAILURE", "cudaGetDeviceCount=100"}}});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, StartsWith("ekgine_bench: "));
  EXPECT_THAT(result.err,
              HasSubstr("; without a GPU, the emulated build counts what the kernels do "
                        "to memory: cmake --preset emulated && "
                        "build/emulated/ekgine_bench --device cuda\n"));
}

TEST(CudaBenchmarkUsage, UnknownOptions) {
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"--device"},
                                                {"--device", "gpu"},
                                                {"--device", "cuda", "--fast"},
                                                {"--device", "cuda", "--filter"}}) {
    const ProcessResult result = bench(wrong);
    if (wrong.size() == 1) {
      EXPECT_NE(result.status, 0);  // Google Benchmark's to refuse
      continue;
    }
    EXPECT_EQ(result.status, 2) << ::testing::PrintToString(wrong);
    EXPECT_THAT(result.err, StartsWith("usage: ekgine_bench "));
  }
}

}  // namespace
}  // namespace ekgine::testing
