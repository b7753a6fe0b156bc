// Every op of the list (tests/cases) as every op must be; what is special to one is in
// NAME_test.cpp.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "tests/cases/op_cases.h"
#include "tests/cases/placement.h"
#include "tests/support/kernel_runs.h"
#include "tests/support/op_test.h"

namespace ekgine::testing {
namespace {

using ::testing::ContainerEq;
using ::testing::IsEmpty;
using ::testing::Not;

class Ops : public ::testing::TestWithParam<OpCases> {};

TEST_P(Ops, Kernel) {
  expect_no_faults(GetParam().tests);
}

// An op without images computes in float there, too.
TEST_P(Ops, KernelWithImagesInBfloat16) {
  expect_no_faults_in_bfloat16(GetParam().tests);
}

TEST_P(Ops, StateWhatTheyCost) {
  TestDevice& cpu = guarded_cpu(DType::f32);
  ASSERT_THAT(GetParam().tiny, Not(IsEmpty()));
  for (const KernelCase& c : GetParam().tiny) {
    const std::vector<bool> wanted = differentiable_inputs(c);
    Profile profile;
    cpu.device().set_profile(&profile);
    run_kernel(cpu, {.c = c, .values = draw_inputs(c), .wanted = wanted});
    cpu.device().set_profile(nullptr);
    const StatedCosts costs = stated_costs(profile);
    EXPECT_GT(costs.forward.bytes, 0) << c.name;
    if (std::ranges::count(wanted, true) > 0) {
      EXPECT_GT(costs.backward.bytes, 0) << c.name;
      EXPECT_GT(costs.backward.flops, 0) << c.name;
    }
  }
}

// The traffic of a kernel of ours is counted.
TEST_P(Ops, AreCountedWhereTheyAreOurs) {
  const OpCases& op = GetParam();
  const bool ours = std::ranges::any_of(
      op.model, [](const KernelCase& c) { return c.cuda_by.find("ekgine") != std::string::npos; });
  EXPECT_EQ(op.counted.empty(), !ours);
}

// At the shape that is asked for: it runs, and every number counts.
TEST_P(Ops, AreTimedAtAnyShape) {
  for (const ShapedOp& op : GetParam().shaped) {
    std::vector<std::int64_t> extents;
    for (std::size_t i = 0; i < op.dimensions.size(); ++i) {
      extents.push_back(4 + static_cast<std::int64_t>(i));
    }
    const KernelCase c = op.at(extents);
    EXPECT_EQ(c.op_name(), op.op);
    TestDevice& cpu = guarded_cpu(DType::f32);
    run_kernel(cpu, {.c = c, .values = draw_inputs(c), .wanted = differentiable_inputs(c)});
    for (std::size_t i = 0; i < extents.size(); ++i) {
      std::vector<std::int64_t> other = extents;
      ++other[i];
      EXPECT_NE(op.at(other).name, c.name) << op.dimensions[i];
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Ops, ::testing::ValuesIn(all_ops()),
                         [](const auto& test) { return test.param.name; });

// Those that engine/ops.h declares, but those that give no tensor, in the order of their names.
std::set<std::string> declared_ops() {
  const std::string header = read_file(EKGINE_SOURCE_DIR "/engine/ops.h");
  const std::regex declaration("\n[A-Z]\\w+ (\\w+)\\(Tape& tape");
  std::set<std::string> names;
  for (std::sregex_iterator match(header.begin(), header.end(), declaration), end; match != end;
       ++match) {
    names.insert((*match)[1]);
  }
  return names;
}

TEST(OpList, HasCasesOfEveryKindForEveryOp) {
  const std::set<std::string> declared = declared_ops();
  ASSERT_GE(declared.size(), 20U);
  for (const auto kind : {&OpCases::tests, &OpCases::model, &OpCases::tiny}) {
    std::set<std::string> found;
    for (const OpCases& op : all_ops()) {
      for (const KernelCase& c : op.*kind) found.insert(c.op_name());
    }
    EXPECT_THAT(found, ContainerEq(declared)) << (kind == &OpCases::tests   ? "tests"
                                                  : kind == &OpCases::model ? "model"
                                                                            : "tiny");
  }
  std::multiset<std::string> shaped;
  for (const OpCases& op : all_ops()) {
    for (const ShapedOp& one : op.shaped) shaped.insert(one.op);
  }
  EXPECT_THAT(shaped, ContainerEq(std::multiset<std::string>(declared.begin(), declared.end())));
}

}  // namespace
}  // namespace ekgine::testing
