// ekgine_bench, with --device cuda on the emulated device: rows and JSON, not times.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/json.h"
#include "bench/composed_ops.h"
#include "tests/cases/op_cases.h"
#include "tests/support/cuda_case.h"
#include "tests/support/process.h"
#include "tests/support/temporary_directory.h"

namespace ekgine::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainerEq;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
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

// `by` up to its first comma.
std::string row_name(const std::string& op, const std::string& precision, const std::string& by) {
  return op + " in " + precision + " by " + by.substr(0, by.find(','));
}

// Of every op in the list, of AdamW and of the moving average. TF32 is about products.
std::set<std::string> expected_rows(bool emulated) {
  const std::string weights = emulated ? " (100)" : " (1048576)";
  std::set<std::string> rows;
  for (const char* precision : {"f32", "tf32", "bf16"}) {
    const bool tf32 = precision == std::string("tf32");
    for (const std::string kernel : {"adamw", "moving_average"}) {
      if (!tf32) rows.insert(row_name(kernel + weights + " forward", precision, "ekgine"));
    }
    for (const OpCases& op : all_ops()) {
      for (const KernelCase& c : emulated ? op.tiny : op.model) {
        if (tf32 && !c.products) continue;
        std::vector<std::string> by = {c.cuda_by};
        for (const Rival& rival : with_composition(c, nullptr).rivals) by.push_back(rival.by);
        if (c.cudnn != CudnnRival::none) by.emplace_back("cuDNN");
        const bool backward = std::ranges::count(differentiable_inputs(c), true) > 0;
        for (const std::string& one : by) {
          rows.insert(row_name(c.name + " forward", precision, one));
          if (backward) rows.insert(row_name(c.name + " backward", precision, one));
        }
      }
    }
  }
  return rows;
}

TEST_F(CudaBenchmark, TimesEveryOpAndItsRivals) {
  const ProcessResult result = bench({"--device", "cuda", "--json"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.err, "");
  const Json report = parse_json(result.out);
  for (const char* peak : {"copy_gb_per_s", "f32_gflops", "tf32_gflops", "bf16_gflops"}) {
    EXPECT_GT(report.at("peaks").at(peak).get<double>(), 0) << peak;
  }
  EXPECT_GT(report.at("peaks").at("launch_us").get<double>(), 0);

  std::set<std::string> rows;
  const std::set<std::string> bounds = {"memory", "compute", "launch"};
  for (const Json& row : report.at("rows")) {
    ASSERT_FALSE(row.contains("error")) << row;
    rows.insert(row_name(row.at("op").text(), row.at("precision").text(), row.at("by").text()));
    EXPECT_GT(row.at("us").get<double>(), 0) << row;
    EXPECT_GT(row.at("gb_per_s").get<double>(), 0) << row;
    EXPECT_GE(row.at("gflops").get<double>(), 0) << row;
    EXPECT_GT(row.at("percent_of_copy").get<double>(), 0) << row;
    EXPECT_GE(row.at("launches").get<double>(), 1) << row;
    EXPECT_GE(row.at("passes").get<double>(), 2) << row;
    EXPECT_TRUE(bounds.contains(row.at("bound").text())) << row;
    // The same work, or the comparison would mean nothing.
    if (row.at("rival").get<bool>()) {
      EXPECT_TRUE(row.at("same_result").get<bool>()) << row;
    }
  }
  const auto emulated = report.at("emulated").get<bool>();
  EXPECT_THAT(rows, ContainerEq(expected_rows(emulated)));
  if (emulated) {
    ASSERT_FALSE(report.at("memory").empty());
    for (const Json& op : report.at("memory")) {
      EXPECT_GT(op.at("bytes_over_minimum").get<double>(), 0) << op;
      EXPECT_FALSE(op.at("kernels").empty()) << op;
    }
  }
}

// The fused op is one launch where the composition needs three: what is counted is the op's own.
TEST_F(CudaBenchmark, CountsLaunches) {
  const ProcessResult result = bench({"--device", "cuda", "--json", "--filter", "swish_dropout"});
  ASSERT_EQ(result.status, 0) << result.err;
  const Json report = parse_json(result.out);  // not in the loop's head: it would be gone
  ASSERT_EQ(report.at("rows").size(), 8U);     // two precisions, two directions, ours and a rival
  for (const Json& row : report.at("rows")) {
    EXPECT_EQ(row.at("launches"), row.at("rival").get<bool>() ? 2 : 1) << row;
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

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST_F(CudaBenchmark, ListsWhatItTimes) {
  const ProcessResult all = bench({"--device", "cuda", "--list"});
  ASSERT_EQ(all.status, 0) << all.err;
  EXPECT_THAT(lines_of(all.out),
              AllOf(Contains(StartsWith("  conv2d (")),
                    Contains("attention --shape sequences,positions,heads,width"),
                    Contains("adamw --shape weights")));
  const ProcessResult some = bench({"--device", "cuda", "--list", "--filter", "glu"});
  EXPECT_THAT(lines_of(some.out),
              ElementsAre("glu --shape rows,output_channels", StartsWith("  glu (")));
}

// At the shape that was asked for, with its rivals and its traffic, and nothing else.
TEST_F(CudaBenchmark, TimesAnOpAtAnyShape) {
  const ProcessResult result =
      bench({"--device", "cuda", "--filter", "swish_dropout", "--shape", "3,40", "--json"});
  ASSERT_EQ(result.status, 0) << result.err;
  const Json report = parse_json(result.out);
  std::set<std::string> rows;
  for (const Json& row : report.at("rows")) {
    EXPECT_FALSE(row.contains("error")) << row;
    rows.insert(row.at("op").get<std::string>() + " by " + row.at("by").get<std::string>());
  }
  EXPECT_THAT(rows,
              ElementsAre("swish_dropout (3,40) rate 0.2 backward by composition: swish, dropout",
                          "swish_dropout (3,40) rate 0.2 backward by ekgine",
                          "swish_dropout (3,40) rate 0.2 forward by composition: swish, dropout",
                          "swish_dropout (3,40) rate 0.2 forward by ekgine"));
  if (report.at("emulated").get<bool>()) {
    ASSERT_FALSE(report.at("memory").empty());
    for (const Json& op : report.at("memory")) {
      EXPECT_THAT(op.at("op").get<std::string>(), StartsWith("swish_dropout (3,40) "));
    }
  }
}

TEST_F(CudaBenchmark, RefusesShapesThatTheDeviceDoes) {
  const auto refusal = [](const std::string& shape) {
    const ProcessResult result =
        bench({"--device", "cuda", "--filter", "attention", "--shape", shape});
    EXPECT_EQ(result.status, 2) << shape;
    EXPECT_EQ(result.out, "") << shape;
    return result.err;
  };
  EXPECT_EQ(refusal("1,3,2,129"),
            "ekgine_bench: --shape 1,3,2,129: attention: on CUDA D must be at most 128; query is "
            "(N,T,H,D)=(1,3,2,129)\n");
  EXPECT_THAT(refusal("1000000,1000,8,128"),
              AllOf(StartsWith("ekgine_bench: --shape 1000000,1000,8,128: attention "
                               "(1000000,1000,8,128) dropout 0.2 takes 1.23e+04 GB or more"),
                    EndsWith("\n")));
}

TEST_F(CudaBenchmark, WritesALinePerRowAsCsv) {
  const ProcessResult result = bench({"--device", "cuda", "--csv", "--filter", "swish_dropout"});
  ASSERT_EQ(result.status, 0) << result.err;
  const std::vector<std::string> lines = lines_of(result.out);
  ASSERT_GT(lines.size(), 4U);
  EXPECT_THAT(lines[0], StartsWith("op,precision,by,rival,us,"));
  const auto commas = [](const std::string& line) {
    bool quoted = false;
    return std::ranges::count_if(line, [&](char c) {
      quoted ^= c == '"';
      return c == ',' && !quoted;
    });
  };
  for (std::size_t i = 1; i < lines.size(); ++i) {
    EXPECT_THAT(lines[i], StartsWith("\"swish_dropout ("));
    EXPECT_EQ(commas(lines[i]), commas(lines[0])) << lines[i];
  }
}

TEST_F(CudaBenchmark, ComparesWithAnEarlierRun) {
  const TemporaryDirectory directory;
  const std::string path = directory / "old.json";
  const std::vector<std::string> glu = {"--device", "cuda", "--filter", "glu"};
  const auto with = [&](const std::vector<std::string>& more) {
    std::vector<std::string> all = glu;
    all.insert(all.end(), more.begin(), more.end());
    return bench(all);
  };
  Json old = parse_json(with({"--json"}).out);
  // Twice as fast then, and a row that was not there.
  ASSERT_GE(old.at("rows").size(), 2U);
  auto rows = old.at("rows").get<std::vector<Json>>();
  rows.erase(rows.begin());
  for (Json& row : rows) row["us"] = row.at("us").get<double>() / 2;
  old["rows"] = rows;
  write_bytes(path, old.dump());
  const ProcessResult result = with({"--json", "--compare", path});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.err, "");
  const Json found = parse_json(result.out);
  EXPECT_EQ(found.at("before"), old.at("device"));
  EXPECT_FALSE(found.at("rows")[0].contains("times_before"));
  for (std::size_t i = 1; i < found.at("rows").size(); ++i) {
    const Json& row = found.at("rows")[i];
    EXPECT_DOUBLE_EQ(row.at("times_before").get<double>(),
                     row.at("us").get<double>() / old.at("rows")[i - 1].at("us").get<double>());
  }
  const ProcessResult table = with({"--compare", path});
  EXPECT_THAT(table.out, HasSubstr("\nBefore: " + old.at("device").get<std::string>() + "\n"));
  EXPECT_THAT(table.out, HasSubstr("| × before |\n"));
  EXPECT_THAT(table.out, HasSubstr("|      new |\n"));

  old["device"] = "a faster one";
  write_bytes(path, old.dump());
  EXPECT_EQ(with({"--compare", path}).err,
            "ekgine_bench: --compare " + path + ": is of a faster one, this is " +
                found.at("device").get<std::string>() + ": the ratios compare devices\n");

  write_bytes(path, R"({"device": "a", "rows": [{"op": 1}]})");
  const ProcessResult refused = with({"--compare", path});
  EXPECT_EQ(refused.status, 1);
  EXPECT_EQ(refused.err,
            "ekgine_bench: " + path + ": is not what ekgine_bench --device cuda --json prints\n");
}

TEST(CpuBenchmark, ListsAndComparesWithAnEarlierRun) {
  const ProcessResult list = bench({"--list", "--filter", "glu ("});
  ASSERT_EQ(list.status, 0) << list.err;
  EXPECT_EQ(list.out, "glu --shape rows,output_channels\n  glu (384,256)\n");

  const TemporaryDirectory directory;
  const std::string path = directory / "old.json";
  const Json row = {{"name", "glu (384,256) forward"}, {"median_ms", 0.5}};
  const Json refused = {{"name", "glu (384,256) forward, another"}, {"error_occurred", true}};
  Json old = {{"context", Json::object()}, {"benchmarks", Json::array({row, refused})}};
  write_bytes(path, old.dump());
  const ProcessResult result = bench({"--filter", "glu (", "--json", "--compare", path});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.err, StartsWith("ekgine_bench: --compare " + path +
                                     ": is of a device that it does not name, this is "));
  const Json report = parse_json(result.out);
  const Json& rows = report.at("benchmarks");
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_DOUBLE_EQ(rows[0].at("x_before").get<double>(),
                   rows[0].at("median_ms").get<double>() / 0.5);
  EXPECT_FALSE(rows[1].contains("x_before"));

  old["context"]["device"] = report.at("context").at("device");
  write_bytes(path, old.dump());
  EXPECT_THAT(bench({"--filter", "glu (", "--json", "--compare", path}).err,
              Not(HasSubstr("compare devices")));

  write_bytes(path, "{}");
  EXPECT_EQ(bench({"--compare", path}).err,
            "ekgine_bench: " + path + ": is not what ekgine_bench --json prints\n");
}

TEST(CpuBenchmark, TimesAnOpAtAnyShape) {
  const ProcessResult result = bench({"--filter", "max_pool2d", "--shape", "2,6,4,3", "--json"});
  ASSERT_EQ(result.status, 0) << result.err;
  std::vector<std::string> names;
  const Json report = parse_json(result.out);
  for (const Json& row : report.at("benchmarks")) {
    EXPECT_GT(row.at("median_ms").get<double>(), 0) << row;
    const std::string name = row.at("name").text();
    names.push_back(name.substr(0, name.find('/')));
  }
  EXPECT_THAT(names, ElementsAre("max_pool2d (2,6,4,3) forward", "max_pool2d (2,6,4,3) backward"));
}

// The op's row, then its rival's, which does the same.
TEST(CpuBenchmark, TimesRivals) {
  const auto names_of = [](const std::string& filter, const std::string& shape) {
    const ProcessResult result = bench({"--filter", filter, "--shape", shape, "--json"});
    EXPECT_EQ(result.status, 0) << result.err;
    std::vector<std::string> names;
    const Json report = parse_json(result.out);
    for (const Json& row : report.at("benchmarks")) {
      const std::string name = row.at("name").text();
      names.push_back(name.substr(0, name.find('/')));
      EXPECT_EQ(row.contains("x_ours"), name.find("composition") != std::string::npos) << row;
      if (!row.contains("x_ours")) continue;
      EXPECT_GT(row.at("x_ours").get<double>(), 0) << row;
      EXPECT_LT(row.at("difference").get<double>(), 1e-3) << row;
    }
    return names;
  };
  EXPECT_THAT(names_of("attention", "2,13,3,8"),
              ElementsAre("attention (2,13,3,8) dropout 0.2 forward",
                          "attention (2,13,3,8) dropout 0.2 forward, composition: products, "
                          "softmax, dropout",
                          "attention (2,13,3,8) dropout 0.2 backward",
                          "attention (2,13,3,8) dropout 0.2 backward, composition: products, "
                          "softmax, dropout"));
  EXPECT_THAT(
      names_of("depthwise_conv1d", "2,13,5,4"),
      ElementsAre("depthwise_conv1d (2,13,5) width 4 forward",
                  "depthwise_conv1d (2,13,5) width 4 forward, composition: a pass per tap",
                  "depthwise_conv1d (2,13,5) width 4 backward",
                  "depthwise_conv1d (2,13,5) width 4 backward, composition: a pass per tap"));
  EXPECT_THAT(names_of("swish_dropout", "3,40"),
              Contains("swish_dropout (3,40) rate 0.2 backward, composition: swish, dropout"));
}

// Google Benchmark's columns are those of the first row, which is no rival's.
TEST(CpuBenchmark, HasRivalsInItsCsv) {
  const ProcessResult result = bench({"--filter", "swish_dropout", "--shape", "3,40", "--csv"});
  ASSERT_EQ(result.status, 0) << result.err;
  const std::vector<std::string> lines = lines_of(result.out);
  ASSERT_EQ(lines.size(), 5U);
  EXPECT_THAT(lines[0],
              AllOf(StartsWith("name,"), HasSubstr("\"x_ours\""), HasSubstr("\"difference\"")));
  EXPECT_THAT(lines[2], StartsWith("\"swish_dropout (3,40) rate 0.2 forward, composition: "));
}

// One line that says what was found and expected, and nothing is timed.
TEST(CpuBenchmark, RefusesShapes) {
  const auto refusal = [](const std::string& filter, const std::string& shape) {
    const ProcessResult result = bench({"--filter", filter, "--shape", shape});
    EXPECT_EQ(result.status, 2) << shape;
    EXPECT_EQ(result.out, "") << shape;
    EXPECT_EQ(std::ranges::count(result.err, '\n'), 1) << result.err;
    return result.err;
  };
  for (const char* word : {"0", "-4", "x", "", "2.5", "1e3", " 2", "0x10", "NaN"}) {
    const std::string shape = fmt::format("1,{},8,8", word);
    EXPECT_EQ(
        refusal("attention", shape),
        fmt::format("ekgine_bench: --shape {}: '{}' is no number of 1 or more\n", shape, word));
  }
  EXPECT_EQ(refusal("attention", "1,2,8"),
            "ekgine_bench: --shape 1,2,8: attention takes 4 numbers "
            "(sequences,positions,heads,width), got 3\n");
  EXPECT_EQ(refusal("relu", "2,3"),
            "ekgine_bench: --shape 2,3: relu takes 1 number (elements), got 2\n");
  for (const char* large : {"1073741825", "99999999999999999999"}) {
    EXPECT_EQ(
        refusal("relu", large),
        fmt::format("ekgine_bench: --shape {0}: '{0}' is too large, expected 1 to 1073741824\n",
                    large));
  }
  EXPECT_THAT(
      refusal("gather", "1000,128,1000000,1000000"),
      HasSubstr("is too large, its numbers multiply to 1.3e+17, expected at most 9.0e+15\n"));
  EXPECT_THAT(refusal("gather", "1,1,100000000,10000000"),  // 4 PB of indices
              HasSubstr("gather does not fit into the memory of this machine\n"));
  EXPECT_THAT(refusal("lstm", "1,1,1000000000"),
              HasSubstr(" takes 1.6e+10 GB or more, there are "));
  EXPECT_THAT(refusal("atention", "1"),
              HasSubstr("--filter atention: with --shape it is the name of an op; did you mean "
                        "attention? (--list has them)\n"));
  EXPECT_THAT(refusal("glu (384,256)", "1"), HasSubstr("with --shape it is the name of an op"));
  EXPECT_EQ(bench({"--shape", "1"}).err,
            "ekgine_bench: --shape: needs --filter with the name of an op, such as add_position\n");
}

TEST(CpuBenchmark, SaysWhereItCannotWrite) {
  Process process("/bin/sh", {"-c", EKGINE_BENCH " --list >/dev/full"});
  const ProcessResult result = process.wait();
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(
      result.err,
      "ekgine_bench: what was measured cannot be written to stdout: No space left on device\n");
}

TEST_F(CudaBenchmark, RefusesWhatMatchesNothing) {
  const ProcessResult result = bench({"--device", "cuda", "--filter", "no such op"});
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err,
            "ekgine_bench: --filter no such op: no op has that in its name and shape\n");
}

#if EKGINE_CUDA_EMULATED
// The row says why, the others come, and the exit status tells a script.
TEST_F(CudaBenchmark, FailsWithAnOpThatFails) {
  const ProcessResult result =
      bench({"--device", "cuda", "--filter", "2d"},
            {.directory = {},
             .environment = {{"EKGINE_EMULATED_FAILURE", "cudnnConvolutionForward=5000"}}});
  EXPECT_EQ(result.status, 1);
  // In float, TF32 and bfloat16.
  EXPECT_EQ(result.err, "ekgine_bench: 3 of the ops failed: their rows say why\n");
  EXPECT_THAT(result.out, HasSubstr("conv2d (2,4,6,2) * (3,3,2,4) | cuDNN: "));
  EXPECT_THAT(result.out, HasSubstr("| max_pool2d"));
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
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"--compare"},
                                                {"--filter", "relu", "--shape"},
                                                {"--filter", "relu", "--shape", ""},
                                                {"--device", "gpu"},
                                                {"--device", "cuda", "--fast"},
                                                {"--device", "cuda", "--filter"}}) {
    const ProcessResult result = bench(wrong);
    EXPECT_EQ(result.status, 2) << ::testing::PrintToString(wrong);
    EXPECT_THAT(result.err, StartsWith("usage: ekgine_bench "));
  }
}

}  // namespace
}  // namespace ekgine::testing
