// What the benchmarks time the ops against: that it is the same work, and that other work is seen.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "bench/composed_ops.h"
#include "bench/cpu_benchmark.h"
#include "bench/rivals.h"
#include "engine/device.h"
#include "tests/cases/ops/attention.h"
#include "tests/cases/ops/depthwise_conv1d.h"
#include "tests/support/cuda_case.h"

namespace ekgine::testing {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

Results results_on(Device& device, const KernelCase& c) {
  const Footprint footprint = measure_footprint(device, c);
  Workload workload(device, c, footprint);
  workload.write(device);
  Pass pass(device, workload);
  return results_of(device, workload, pass, footprint.differentiable);
}

// y + ½·y' on the same leaves, so that gradients accumulate.
OpFunction twice(const OpFunction& op) {
  return [op](Tape& tape, std::span<const Tensor> in) {
    const Tensor y = op(tape, in);
    return add_scaled(tape, y, 0.5, op(tape, in));
  };
}

// The compositions, ragged and whole: one position to many, more heads than sequences and fewer,
// more taps than positions, widths that vectors divide and others.
std::vector<KernelCase> composed_cases() {
  return {attention_case(1, 2, 1, 1),          attention_case(2, 3, 3, 5, 0.3),
          attention_case(3, 13, 2, 8, 0.2),    attention_case(1, 33, 1, 33),
          attention_case(2, 64, 2, 16, 0.5),   depthwise_conv1d_case(2, 1, 4, 2),
          depthwise_conv1d_case(2, 3, 5, 8),   depthwise_conv1d_case(3, 5, 16, 1),
          depthwise_conv1d_case(1, 70, 36, 11)};
}

void expect_same_results(Device& device, DType type, bool tf32) {
  const auto composed = std::make_shared<ComposedOps>();
  for (const KernelCase& plain : composed_cases()) {
    const KernelCase c = with_composition(plain, composed);
    ASSERT_EQ(c.rivals.size(), 1U) << c.name;
    KernelCase ours = c, rival = c;
    ours.op = twice(c.op), rival.op = twice(c.rivals[0].op);
    EXPECT_LE(difference(results_on(device, rival), results_on(device, ours)),
              allowed_difference(type, tf32))
        << c.name;
  }
}

TEST(Rivals, ComposedOpsDoTheSameOnTheCpu) {
  Device device = Device::cpu(DType::f32);
  expect_same_results(device, DType::f32, false);
}

TEST(Rivals, ComposedOpsDoTheSameOnCuda) {
  if (const std::string reason = no_cuda_device(); !reason.empty()) GTEST_SKIP() << reason;
  for (const auto& [type, tf32] :
       {std::pair(DType::f32, false), std::pair(DType::f32, true), std::pair(DType::bf16, false)}) {
    Device device = Device::cuda(
        0, type, {.activation_reserve = 1 << 26, .workspace_reserve = 1 << 22, .tf32 = tf32});
    expect_same_results(device, type, tf32);
  }
}

TEST(Rivals, DifferenceIsTheLargestOfAllArrays) {
  const Results one = {{3, 4}, {1, 1, 1, 1}};
  EXPECT_EQ(difference(one, one), 0);
  EXPECT_DOUBLE_EQ(difference({{3, 4.5}, {1, 1, 1, 1}}, one), 0.1);
  EXPECT_DOUBLE_EQ(difference({{3, 4.5}, {1, 1, 1, 2}}, one), 0.5);
  EXPECT_EQ(difference({{3, 4}}, one), INFINITY);
  EXPECT_EQ(difference({{3, 4, 5}, {1, 1, 1, 1}}, one), INFINITY);
  EXPECT_EQ(difference({{3, NAN}, {1, 1, 1, 1}}, one), INFINITY);
  EXPECT_EQ(told_difference(1e-3, 1e-3), "");
  EXPECT_EQ(told_difference(0.0123, 1e-3), " (differs by 1.2e-02)");
}

// Each in its row: a rival that does other work is timed and named, one that cannot says why.
TEST(Rivals, TheCpuSaysWhichAreNone) {
  KernelCase c = attention_case(2, 5, 2, 4, 0.2);
  c.name = "watched";
  c.rivals = {{"same", c.op},
              {"other",
               [](Tape& tape, std::span<const Tensor> in) {
                 return attention(tape, in[0], in[1], in[2], 0.21);
               }},
              {"unable", [](Tape&, std::span<const Tensor>) -> Tensor { fail("not on Sundays"); }},
              {"absent", c.op, false}};
  ::testing::internal::CaptureStdout();
  BenchmarkOptions json;
  json.format = BenchmarkOptions::Format::json;
  const int status = benchmark_cpu(Timeable{{c}, {}}, json, {});
  const Json report = parse_json(::testing::internal::GetCapturedStdout());
  EXPECT_EQ(status, 0);
  const Json& rows = report.at("benchmarks");
  ASSERT_EQ(rows.size(), 8U);
  const auto name = [&](std::size_t i) {
    const std::string whole = rows[i].at("name").text();
    return whole.substr(0, whole.find('/'));
  };
  for (const std::size_t first : {0U, 4U}) {
    const std::string row = first == 0 ? "watched forward" : "watched backward";
    EXPECT_EQ(name(first), row);
    EXPECT_FALSE(rows[first].contains("x_ours"));
    EXPECT_EQ(name(first + 1), row + ", same");
    EXPECT_GT(rows[first + 1].at("x_ours").get<double>(), 0);
    EXPECT_EQ(rows[first + 1].at("difference").get<double>(), 0);
    EXPECT_THAT(rows[first + 1].at("label").text(), Not(HasSubstr("differs")));
    EXPECT_EQ(name(first + 2), row + ", other");
    EXPECT_GT(rows[first + 2].at("difference").get<double>(), 1e-3);
    EXPECT_THAT(rows[first + 2].at("label").text(),
                AllOf(HasSubstr(" (differs by "), EndsWith(")")));
    EXPECT_EQ(name(first + 3), row + ", unable");
    EXPECT_EQ(rows[first + 3].at("error_message").text(), "not on Sundays");
  }
}

}  // namespace
}  // namespace ekgine::testing
