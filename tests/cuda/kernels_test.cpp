// Every case of every op on a CUDA device, real or emulated, against the CPU.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/cases/add_position.h"
#include "tests/cases/attention.h"
#include "tests/cases/batch_norm.h"
#include "tests/cases/batch_norm_relu_pool.h"
#include "tests/cases/conv2d.h"
#include "tests/cases/depthwise_conv1d.h"
#include "tests/cases/dropout.h"
#include "tests/cases/elementwise.h"
#include "tests/cases/gather.h"
#include "tests/cases/gather_jittered.h"
#include "tests/cases/global_avg_pool.h"
#include "tests/cases/glu.h"
#include "tests/cases/layer_norm.h"
#include "tests/cases/linear.h"
#include "tests/cases/lstm.h"
#include "tests/cases/max_pool2d.h"
#include "tests/cases/morlet_cwt.h"
#include "tests/cases/relu.h"
#include "tests/cases/softmax_cross_entropy.h"
#include "tests/cases/stem.h"
#include "tests/cases/swish.h"
#include "tests/support/cuda_case.h"

namespace ekgine::testing {
namespace {

struct Suite {
  std::string name;
  std::function<std::vector<KernelCase>()> cases;
};

void PrintTo(const Suite& suite, std::ostream* out) {
  *out << suite.name;
}

// As many positions as are promised; the CPU's cases stop short of it, for the time that numeric
// gradients take.
std::vector<KernelCase> long_attention_cases() {
  return {attention_case(1, 1024, 1, 4, 0.1)};
}

class CudaKernels : public ::testing::TestWithParam<std::tuple<Suite, DType>> {};

TEST_P(CudaKernels, AgreeWithTheCpu) {
  if (const std::string reason = no_cuda_device(); !reason.empty()) GTEST_SKIP() << reason;
  const auto& [suite, type] = GetParam();
  const std::vector<KernelCase> cases = suite.cases();
  ASSERT_FALSE(cases.empty());
  for (const KernelCase& c : cases) {
    for (const std::string& fault : cuda_faults(c, type)) ADD_FAILURE() << fault;
  }
}

// On CUDA a composition of kernels that are tested below. In float alone: bfloat16 rounds the
// convolution between them, which may change what is largest in a window.
INSTANTIATE_TEST_SUITE_P(Compositions, CudaKernels,
                         ::testing::Combine(::testing::Values(Suite{"stem", stem_cases}),
                                            ::testing::Values(DType::f32)),
                         [](const auto& test) { return std::get<0>(test.param).name; });

INSTANTIATE_TEST_SUITE_P(
    Ops, CudaKernels,
    ::testing::Combine(
        ::testing::Values(
            Suite{"add_layer_norm", add_layer_norm_cases},
            Suite{"add_position", add_position_cases}, Suite{"attention", attention_cases},
            Suite{"attention_long", long_attention_cases}, Suite{"batch_norm", batch_norm_cases},
            Suite{"batch_norm_relu_pool", batch_norm_relu_pool_cases},
            Suite{"conv2d", conv2d_cases}, Suite{"depthwise_conv1d", depthwise_conv1d_cases},
            Suite{"dropout", dropout_cases}, Suite{"elementwise", elementwise_cases},
            Suite{"gather", gather_cases}, Suite{"gather_jittered", gather_jittered_cases},
            Suite{"global_avg_pool", global_avg_pool_cases}, Suite{"glu", glu_cases},
            Suite{"layer_norm", layer_norm_cases}, Suite{"linear", linear_cases},
            Suite{"lstm", lstm_cases}, Suite{"max_pool2d", max_pool2d_cases},
            Suite{"morlet_cwt", morlet_cwt_cases}, Suite{"relu", relu_cases},
            Suite{"softmax", softmax_cases},
            Suite{"softmax_cross_entropy", softmax_cross_entropy_cases},
            Suite{"swish", swish_cases}),
        ::testing::Values(DType::f32, DType::bf16)),
    [](const auto& test) {
      return std::get<0>(test.param).name + "_" + name_of(std::get<1>(test.param));
    });

}  // namespace
}  // namespace ekgine::testing
