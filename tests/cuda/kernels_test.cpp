// Every case of every op on a CUDA device, real or emulated, against the CPU.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/cases/op_cases.h"
#include "tests/cases/ops/attention.h"
#include "tests/cases/ops/conv2d.h"
#include "tests/cases/ops/linear.h"
#include "tests/support/cuda_case.h"

#if EKGINE_CUDA_EMULATED
#include "emulation/emulation.h"
#endif

namespace ekgine::testing {
namespace {

// For tensor cores: more positions than one warp takes, ragged and whole tiles of every width.
std::vector<KernelCase> tensor_core_attention_cases() {
  const OpCases attention = attention_cases();
  std::vector<KernelCase> cases;
  for (const auto& from : {attention.cuda_tests, attention.tests}) {
    for (const KernelCase& c : from) {
      const Shape& query = c.inputs.front().shape;
      if (query.size() > 0 && query[1] > 8) cases.push_back(c);
    }
  }
  return cases;
}

void expect_no_cuda_faults(const std::vector<KernelCase>& cases, DType type, bool tf32 = false) {
  for (const KernelCase& c : cases) {
    for (const std::string& fault : cuda_faults(c, type, tf32)) ADD_FAILURE() << fault;
  }
}

struct Suite {
  std::string name;
  std::vector<KernelCase> cases;
  DType type;
};

void PrintTo(const Suite& suite, std::ostream* out) {
  *out << suite.name;
}

// Of every op, in both types: its cases, and those for CUDA alone.
std::vector<Suite> suites() {
  std::vector<Suite> all;
  for (const OpCases& op : all_ops()) {
    for (const DType type : {DType::f32, DType::bf16}) {
      const std::string ending = std::string("_") + name_of(type);
      all.push_back({op.name + ending, op.tests, type});
      if (!op.cuda_tests.empty()) all.push_back({op.name + "_more" + ending, op.cuda_tests, type});
    }
  }
  return all;
}

class CudaKernels : public ::testing::TestWithParam<Suite> {};

TEST_P(CudaKernels, AgreeWithTheCpu) {
  if (const std::string reason = no_cuda_device(); !reason.empty()) GTEST_SKIP() << reason;
  ASSERT_FALSE(GetParam().cases.empty());
  expect_no_cuda_faults(GetParam().cases, GetParam().type);
}

INSTANTIATE_TEST_SUITE_P(Ops, CudaKernels, ::testing::ValuesIn(suites()),
                         [](const auto& test) { return test.param.name; });

// Of the ops that are one product, outputs and gradients that are made by it: not those of a bias.
// Errors are measured against the largest output, so there have to be some: a single one can be
// what two terms leave of each other.
std::vector<KernelCase> product_cases() {
  std::vector<KernelCase> cases;
  for (const OpCases& op : {linear_cases(), conv2d_cases()}) {
    for (KernelCase c : op.tests) {
      if (c.inputs[0].shape.size() / c.inputs[1].shape.rows() * c.inputs[1].shape[-1] < 8) continue;
      for (std::size_t i = 2; i < c.inputs.size(); ++i) c.inputs[i].differentiable = false;
      cases.push_back(std::move(c));
    }
  }
  return cases;
}

// A number that is rounded to TF32's 10 bits is off by at most u = 2⁻¹¹ of itself. To first order
// an output of attention has four such errors (query, key, probability, value), a gradient seven
// (query, key, value, dy, probability or ds, y by way of delta), none of them larger than their sum
// relative to it: 8u = 2⁻⁸ is a quarter of its bfloat16_tolerance. 4.5u is the most that is found.
// Other products have two, and 4u are a quarter of theirs.
class CudaTf32 : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string reason = no_cuda_device(); !reason.empty()) GTEST_SKIP() << reason;
    cudaDeviceProp properties{};
    ASSERT_EQ(cudaGetDeviceProperties(&properties, 0), cudaSuccess);
    if (properties.major < 8) GTEST_SKIP() << "no TF32 before sm_80";
  }
};

TEST_F(CudaTf32, AttentionAgreesWithTheCpu) {
  const std::vector<KernelCase> cases = tensor_core_attention_cases();
  ASSERT_GT(cases.size(), 5U);
  expect_no_cuda_faults(cases, DType::f32, true);
}

TEST_F(CudaTf32, ProductsAgreeWithTheCpu) {
  expect_no_cuda_faults(product_cases(), DType::f32, true);
}

// What multiplies: nothing of it was forgotten above.
TEST_F(CudaTf32, IsTestedForEveryOpThatMultiplies) {
  std::set<std::string> found;
  for (const OpCases& op : all_ops()) {
    for (const KernelCase& c : op.tests) {
      if (c.products) found.insert(c.op_name());
    }
  }
  EXPECT_EQ(found, (std::set<std::string>{"attention", "conv2d", "linear"}));
}

#if EKGINE_CUDA_EMULATED
TEST(CudaLinear, SumsItselfWhatCublasLtDoesNot) {
  emulation::set_bias_gradients(false);
  for (const DType type : {DType::f32, DType::bf16}) {
    expect_no_cuda_faults(linear_cases().tests, type);
  }
  emulation::set_bias_gradients(true);
}
#endif

}  // namespace
}  // namespace ekgine::testing
