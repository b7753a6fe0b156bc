// The stand-ins for cuDNN's activations, pooling and batch normalisation compute what the manual
// says, and refuse wrong arguments with a fault that names the call and the argument. That they
// agree with our own kernels is tested by tests/bench.
#include <cudnn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "emulation/emulation.h"
#include "tests/support/cuda_array.h"

namespace ekgine::emulation {
namespace {

using ekgine::testing::CudaArray;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pointwise;

constexpr float one = 1, zero = 0;

class CudnnOps : public ::testing::Test {
 protected:
  CudnnOps() {
    EXPECT_EQ(cudnnCreate(&handle), CUDNN_STATUS_SUCCESS);
    EXPECT_EQ(cudnnCreateActivationDescriptor(&activation), CUDNN_STATUS_SUCCESS);
    EXPECT_EQ(cudnnCreatePoolingDescriptor(&pooling), CUDNN_STATUS_SUCCESS);
    for (cudnnTensorDescriptor_t* tensor : {&x, &y, &parameters}) {
      EXPECT_EQ(cudnnCreateTensorDescriptor(tensor), CUDNN_STATUS_SUCCESS);
    }
  }
  ~CudnnOps() override {
    for (cudnnTensorDescriptor_t tensor : {x, y, parameters}) cudnnDestroyTensorDescriptor(tensor);
    cudnnDestroyPoolingDescriptor(pooling);
    cudnnDestroyActivationDescriptor(activation);
    cudnnDestroy(handle);
    EXPECT_THAT(leaks(), IsEmpty());
  }

  static void set(cudnnTensorDescriptor_t tensor, int n, int h, int w, int c) {
    EXPECT_EQ(cudnnSetTensor4dDescriptor(tensor, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, n, c, h, w),
              CUDNN_STATUS_SUCCESS);
  }
  cudnnStatus_t set_pooling(cudnnPoolingMode_t mode, int h, int w, int pad = 0) {
    return cudnnSetPooling2dDescriptor(pooling, mode, CUDNN_NOT_PROPAGATE_NAN, h, w, pad, pad, h,
                                       w);
  }
  static void expect_fault(const std::string& text) {
    const std::vector<std::string> faults = take_faults();
    ASSERT_EQ(faults.size(), 1u) << ::testing::PrintToString(faults);
    EXPECT_THAT(faults[0], HasSubstr(text));
    EXPECT_THAT(faults[0], HasSubstr("cudnn_ops_test.cpp:"));
  }

  cudnnHandle_t handle = nullptr;
  cudnnActivationDescriptor_t activation = nullptr;
  cudnnPoolingDescriptor_t pooling = nullptr;
  cudnnTensorDescriptor_t x = nullptr, y = nullptr, parameters = nullptr;
};

TEST_F(CudnnOps, Activations) {
  set(x, 1, 1, 1, 3);
  const CudaArray<float> in(std::vector<float>{-2, 0, 3}), dy(std::vector<float>{1, 10, 100}),
      out(std::vector<float>{1, 1, 1}), dx(std::vector<float>{7, 7, 7});
  ASSERT_EQ(
      cudnnSetActivationDescriptor(activation, CUDNN_ACTIVATION_RELU, CUDNN_NOT_PROPAGATE_NAN, 0),
      CUDNN_STATUS_SUCCESS);
  ASSERT_EQ(cudnnActivationForward(handle, activation, &one, x, in.data(), &zero, x, out.data()),
            CUDNN_STATUS_SUCCESS);
  EXPECT_THAT(out.values(), ElementsAre(0, 0, 3));
  // beta 1 adds.
  ASSERT_EQ(cudnnActivationBackward(handle, activation, &one, x, out.data(), x, dy.data(), x,
                                    in.data(), &one, x, dx.data()),
            CUDNN_STATUS_SUCCESS);
  EXPECT_THAT(dx.values(), ElementsAre(7, 7, 107));

  ASSERT_EQ(
      cudnnSetActivationDescriptor(activation, CUDNN_ACTIVATION_SWISH, CUDNN_NOT_PROPAGATE_NAN, 0),
      CUDNN_STATUS_SUCCESS);
  ASSERT_EQ(cudnnSetActivationDescriptorSwishBeta(activation, 1), CUDNN_STATUS_SUCCESS);
  ASSERT_EQ(cudnnActivationForward(handle, activation, &one, x, in.data(), &zero, x, out.data()),
            CUDNN_STATUS_SUCCESS);
  const float s = 1 / (1 + std::exp(-3.0F));
  EXPECT_THAT(out.values(), Pointwise(FloatNear(1e-6F), {-2 / (1 + std::exp(2.0F)), 0.0F, 3 * s}));
  ASSERT_EQ(cudnnActivationBackward(handle, activation, &one, x, out.data(), x, dy.data(), x,
                                    in.data(), &zero, x, dx.data()),
            CUDNN_STATUS_SUCCESS);
  const std::vector<float> gradient = dx.values();
  EXPECT_FLOAT_EQ(gradient[1], 5);
  EXPECT_FLOAT_EQ(gradient[2], 100 * (s + 3 * s * (1 - s)));
  EXPECT_THAT(take_faults(), IsEmpty());
}

TEST_F(CudnnOps, Pooling) {
  set(x, 1, 3, 4, 1);
  set(y, 1, 1, 2, 1);  // the last row is in no window
  const CudaArray<float> in(std::vector<float>{1, 2, 5, 5, 3, 0, 5, 4, 9, 9, 9, 9}),
      out(std::vector<float>{0, 0}), dy(std::vector<float>{10, 100}), dx(12);
  ASSERT_EQ(set_pooling(CUDNN_POOLING_MAX_DETERMINISTIC, 2, 2), CUDNN_STATUS_SUCCESS);
  ASSERT_EQ(cudnnPoolingForward(handle, pooling, &one, x, in.data(), &zero, y, out.data()),
            CUDNN_STATUS_SUCCESS);
  EXPECT_THAT(out.values(), ElementsAre(3, 5));
  ASSERT_EQ(cudnnPoolingBackward(handle, pooling, &one, y, out.data(), y, dy.data(), x, in.data(),
                                 &zero, x, dx.data()),
            CUDNN_STATUS_SUCCESS);
  EXPECT_THAT(dx.values(), ElementsAre(0, 0, 100, 0, 10, 0, 0, 0, 0, 0, 0, 0));

  set(y, 1, 1, 1, 1);
  ASSERT_EQ(set_pooling(CUDNN_POOLING_AVERAGE_COUNT_EXCLUDE_PADDING, 3, 4), CUDNN_STATUS_SUCCESS);
  ASSERT_EQ(cudnnPoolingForward(handle, pooling, &one, x, in.data(), &zero, y, out.data()),
            CUDNN_STATUS_SUCCESS);
  EXPECT_FLOAT_EQ(out.values()[0], 61.0F / 12);
  EXPECT_THAT(take_faults(), IsEmpty());
}

// Two channels of two rows: 1 and 3, 10 and 10.
TEST_F(CudnnOps, BatchNormalisation) {
  set(x, 2, 1, 1, 2);
  set(parameters, 1, 1, 1, 2);
  const CudaArray<float> in(std::vector<float>{1, 10, 3, 10}), out(4), dx(4),
      weight(std::vector<float>{2, 5}), bias(std::vector<float>{1, -1}), mean(2), rstd(2),
      dy(std::vector<float>{1, 2, 5, 4}), dweight(2), dbias(2);
  const double epsilon = 1e-3;
  ASSERT_EQ(cudnnBatchNormalizationForwardTraining(handle, CUDNN_BATCHNORM_SPATIAL_PERSISTENT, &one,
                                                   &zero, x, in.data(), x, out.data(), parameters,
                                                   weight.data(), bias.data(), 0, nullptr, nullptr,
                                                   epsilon, mean.data(), rstd.data()),
            CUDNN_STATUS_SUCCESS);
  const float r = 1 / std::sqrt(1.001F);
  EXPECT_THAT(out.values(), Pointwise(FloatNear(1e-6F), {1 - 2 * r, -1.0F, 1 + 2 * r, -1.0F}));
  EXPECT_THAT(mean.values(), ElementsAre(2, 10));
  EXPECT_THAT(rstd.values(), Pointwise(FloatNear(1e-5F), {r, 1 / std::sqrt(1e-3F)}));
  ASSERT_EQ(cudnnBatchNormalizationBackward(handle, CUDNN_BATCHNORM_SPATIAL_PERSISTENT, &one, &zero,
                                            &one, &zero, x, in.data(), x, dy.data(), x, dx.data(),
                                            parameters, weight.data(), dweight.data(), dbias.data(),
                                            epsilon, mean.data(), rstd.data()),
            CUDNN_STATUS_SUCCESS);
  EXPECT_THAT(dbias.values(), ElementsAre(6, 6));
  EXPECT_THAT(dweight.values(), Pointwise(FloatNear(1e-5F), {4 * r, 0.0F}));
  // dx = weight·rstd·(dy − mean(dy) − normal·mean(dy·normal)), where normal is −r and r.
  EXPECT_NEAR(dx.values()[0], 2 * r * (1 - 3 + r * 2 * r), 1e-5);
  EXPECT_THAT(take_faults(), IsEmpty());
}

TEST_F(CudnnOps, RefuseWrongArguments) {
  const CudaArray<float> in(12), out(12);
  set(x, 1, 3, 4, 1);
  EXPECT_EQ(cudnnActivationForward(handle, activation, &one, x, in.data(), &zero, x, out.data()),
            CUDNN_STATUS_BAD_PARAM);
  expect_fault("cudnnActivationForward: the activation was not created and set");
  ASSERT_EQ(
      cudnnSetActivationDescriptor(activation, CUDNN_ACTIVATION_RELU, CUDNN_NOT_PROPAGATE_NAN, 0),
      CUDNN_STATUS_SUCCESS);
  EXPECT_EQ(cudnnActivationForward(handle, activation, &one, y, in.data(), &zero, x, out.data()),
            CUDNN_STATUS_BAD_PARAM);
  expect_fault("the descriptor of x was not created and set");
  set(y, 1, 3, 3, 1);
  EXPECT_EQ(cudnnActivationForward(handle, activation, &one, x, in.data(), &zero, y, out.data()),
            CUDNN_STATUS_BAD_PARAM);
  expect_fault("x and y differ in type or shape");
  set(y, 1, 3, 5, 1);
  EXPECT_EQ(cudnnActivationForward(handle, activation, &one, y, in.data(), &zero, y, out.data()),
            CUDNN_STATUS_BAD_PARAM);
  expect_fault("is not device memory of 60 bytes");

  EXPECT_EQ(set_pooling(CUDNN_POOLING_MAX, 2, 2), CUDNN_STATUS_NOT_SUPPORTED);
  expect_fault("only windows side by side without padding are emulated");
  EXPECT_EQ(set_pooling(CUDNN_POOLING_MAX_DETERMINISTIC, 2, 2, 2), CUDNN_STATUS_BAD_PARAM);
  expect_fault("window 2 x 2, padding 2, 2");
  ASSERT_EQ(set_pooling(CUDNN_POOLING_MAX_DETERMINISTIC, 2, 2), CUDNN_STATUS_SUCCESS);
  set(y, 1, 2, 2, 1);
  EXPECT_EQ(cudnnPoolingForward(handle, pooling, &one, x, in.data(), &zero, y, out.data()),
            CUDNN_STATUS_BAD_PARAM);
  expect_fault("y (N,H,W,C)=(1,2,2,1) should be (1,1,2,1)");

  set(parameters, 1, 1, 1, 2);
  EXPECT_EQ(cudnnBatchNormalizationForwardTraining(
                handle, CUDNN_BATCHNORM_SPATIAL, &one, &zero, x, in.data(), x, out.data(),
                parameters, in.data(), in.data(), 0, nullptr, nullptr, 1e-3, in.data(), in.data()),
            CUDNN_STATUS_BAD_PARAM);
  expect_fault("parameters (N,H,W,C)=(1,1,1,2) should be (1,1,1,1) of float");
}

// A graph made of captured ones runs them in the order given, and keeps them apart.
TEST(ChildGraphs, FollowEachOther) {
  cudaStream_t stream = nullptr;
  ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
  const CudaArray<unsigned char> bytes(std::vector<unsigned char>{0, 0});
  std::vector<cudaGraph_t> parts;
  for (const int value : {1, 2}) {
    ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), cudaSuccess);
    ASSERT_EQ(cudaMemsetAsync(bytes.data(), value, 1, stream), cudaSuccess);
    ASSERT_EQ(cudaStreamEndCapture(stream, &parts.emplace_back()), cudaSuccess);
  }
  cudaGraph_t whole = nullptr;
  cudaGraphNode_t first = nullptr, second = nullptr;
  ASSERT_EQ(cudaGraphCreate(&whole, 0), cudaSuccess);
  ASSERT_EQ(cudaGraphAddChildGraphNode(&first, whole, nullptr, 0, parts[0]), cudaSuccess);
  ASSERT_EQ(cudaGraphAddChildGraphNode(&second, whole, &first, 1, parts[1]), cudaSuccess);
  cudaGraphExec_t executable = nullptr;
  ASSERT_EQ(cudaGraphInstantiate(&executable, whole, 0), cudaSuccess);
  for (const std::uint64_t seed : {0, 1, 2, 3, 4, 5}) {
    set_seed(seed);
    ASSERT_EQ(cudaGraphLaunch(executable, stream), cudaSuccess);
    ASSERT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
    EXPECT_EQ(bytes.values()[0], 2);
  }
  set_seed(0);
  EXPECT_THAT(take_faults(), IsEmpty());
  const cudaGraphNode_t foreign = second;
  EXPECT_EQ(cudaGraphAddChildGraphNode(&first, parts[0], &foreign, 1, parts[1]),
            cudaErrorInvalidValue);
  EXPECT_EQ(cudaGraphExecDestroy(executable), cudaSuccess);
  for (const cudaGraph_t graph : {whole, parts[0], parts[1]}) {
    EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
  }
  EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
}

}  // namespace
}  // namespace ekgine::emulation
