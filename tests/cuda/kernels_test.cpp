// Every case of every op on a CUDA device, real or emulated, against the CPU.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <iterator>
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

// For tensor cores: more positions than one warp takes, ragged and whole tiles of every width.
std::vector<KernelCase> tensor_core_attention_cases() {
  std::vector<KernelCase> cases = long_attention_cases();
  std::ranges::copy_if(attention_cases(), std::back_inserter(cases),
                       [](const KernelCase& c) { return c.inputs.front().shape[1] > 8; });
  return cases;
}

// Batches without a row. Gradients of weights are then 0.
std::vector<KernelCase> empty_cases() {
  return {add_position_case(0, 3, 5, 4),
          attention_case(0, 3, 2, 4, 0.2),
          attention_case(0, 9, 2, 4, 0.2),
          conv2d_case({0, 3, 5, 1, 3, 3, 4}),
          conv2d_case({0, 3, 5, 2, 3, 3, 4}),
          depthwise_conv1d_case(0, 3, 5, 3),
          dropout_case({0, 4}, 0.5),
          add_scaled_case({0, 4}, 0.5),
          glu_case(0, 4),
          glu_over_input_case(0, 4),
          layer_norm_case(0, 4),
          add_layer_norm_case(0, 4, 0.5),
          linear_case(0, 3, 4),
          linear_case(0, 3, 4, false),
          lstm_case(0, 3, 4),
          max_pool2d_case({0, 4, 6, 3}),
          morlet_cwt_case(0, 187, 4),
          relu_case(0),
          softmax_case({0, 5}),
          swish_case({0, 4}),
          swish_over_input_case({0, 4}),
          swish_dropout_case({0, 4}, 0.5),
          swish_dropout_over_input_case({0, 4}, 0.5)};
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

// A number that is rounded to TF32's 10 bits is off by at most u = 2⁻¹¹ of itself. To first order
// an output has four such errors (query, key, probability, value), a gradient seven (query, key,
// value, dy, probability or ds, y by way of delta), none of them larger than their sum relative to
// it: 8u = 2⁻⁸ is a quarter of attention's bfloat16_tolerance. 4.5u is the most that is found.
TEST(CudaAttention, AgreesWithTheCpuInTf32) {
  if (const std::string reason = no_cuda_device(); !reason.empty()) GTEST_SKIP() << reason;
  cudaDeviceProp properties{};
  ASSERT_EQ(cudaGetDeviceProperties(&properties, 0), cudaSuccess);
  if (properties.major < 8) GTEST_SKIP() << "no TF32 before sm_80";
  const std::vector<KernelCase> cases = tensor_core_attention_cases();
  ASSERT_GT(cases.size(), 5U);
  for (const KernelCase& c : cases) {
    for (const std::string& fault : cuda_faults(c, DType::f32, true)) ADD_FAILURE() << fault;
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
            Suite{"empty", empty_cases}, Suite{"gather", gather_cases},
            Suite{"gather_jittered", gather_jittered_cases},
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
