// The stand-in for cuDNN convolves as the manual says, and refuses every wrong argument with the
// status that it documents and a fault that names the call and the argument.
#include <cudnn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "emulation/emulation.h"
#include "kernels/runtime/bfloat16.h"
#include "tests/support/cuda_array.h"

namespace ekgine::emulation {
namespace {

using ekgine::testing::CudaArray;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

enum class Pass { forward, backward_weights };

// One image of 2 x 3 pixels and a channel, a kernel of 3 x 3, padded to keep the size; and
// everything that can be said wrong of it.
struct Convolution {
  Pass pass = Pass::forward;
  cudnnDataType_t x_type = CUDNN_DATA_FLOAT, w_type = CUDNN_DATA_FLOAT, y_type = CUDNN_DATA_FLOAT;
  int n = 1, c = 1, h = 2, w = 3, k = 1, filter_c = 1, kernel_h = 3, kernel_w = 3, y_h = 2, y_w = 3,
      pad_h = 1, pad_w = 1;
  cudnnMathType_t math = CUDNN_FMA_MATH;
  cudnnConvolutionFwdAlgo_t forward = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM;
  cudnnConvolutionBwdFilterAlgo_t backward_weights = CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1;
  float one = 1, beta = 0;

  // Powers of ten show which pixel met which tap.
  CudaArray<float> x{std::vector<float>{1, 2, 3, 4, 5, 6}};
  CudaArray<float> filter{std::vector<float>{1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8}};
  CudaArray<float> y{std::vector<float>{1, 2, 3, 4, 5, 6}};
  CudaArray<float> workspace{64};
  void* x_data = x.data();
  void* filter_data = filter.data();
  void* y_data = y.data();
  void* workspace_data = workspace.data();
  std::size_t workspace_bytes = 64 * sizeof(float);
  const void* alpha = &one;
  cudnnHandle_t handle = nullptr, created = nullptr;

  Convolution() {
    EXPECT_EQ(cudnnCreate(&created), CUDNN_STATUS_SUCCESS);
    handle = created;
  }
  Convolution(const Convolution&) = delete;
  Convolution& operator=(const Convolution&) = delete;
  ~Convolution() { cudnnDestroy(created); }

  cudnnStatus_t run() {
    cudnnTensorDescriptor_t x_descriptor, y_descriptor;
    cudnnFilterDescriptor_t w_descriptor;
    cudnnConvolutionDescriptor_t convolution;
    cudnnCreateTensorDescriptor(&x_descriptor);
    cudnnCreateTensorDescriptor(&y_descriptor);
    cudnnCreateFilterDescriptor(&w_descriptor);
    cudnnCreateConvolutionDescriptor(&convolution);
    cudnnStatus_t status = CUDNN_STATUS_SUCCESS;
    const auto next = [&](cudnnStatus_t result) {
      if (status == CUDNN_STATUS_SUCCESS) status = result;
    };
    next(cudnnSetTensor4dDescriptor(x_descriptor, CUDNN_TENSOR_NHWC, x_type, n, c, h, w));
    next(cudnnSetTensor4dDescriptor(y_descriptor, CUDNN_TENSOR_NHWC, y_type, n, k, y_h, y_w));
    next(cudnnSetFilter4dDescriptor(w_descriptor, w_type, CUDNN_TENSOR_NHWC, k, filter_c, kernel_h,
                                    kernel_w));
    next(cudnnSetConvolution2dDescriptor(convolution, pad_h, pad_w, 1, 1, 1, 1,
                                         CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT));
    next(cudnnSetConvolutionMathType(convolution, math));
    if (status == CUDNN_STATUS_SUCCESS) {
      switch (pass) {
        case Pass::forward:
          next(cudnnConvolutionForward(handle, alpha, x_descriptor, x_data, w_descriptor,
                                       filter_data, convolution, forward, workspace_data,
                                       workspace_bytes, &beta, y_descriptor, y_data));
          break;
        case Pass::backward_weights:
          next(cudnnConvolutionBackwardFilter(handle, alpha, x_descriptor, x_data, y_descriptor,
                                              y_data, convolution, backward_weights, workspace_data,
                                              workspace_bytes, &beta, w_descriptor, filter_data));
          break;
      }
    }
    cudnnDestroyTensorDescriptor(x_descriptor);
    cudnnDestroyTensorDescriptor(y_descriptor);
    cudnnDestroyFilterDescriptor(w_descriptor);
    cudnnDestroyConvolutionDescriptor(convolution);
    cudaDeviceSynchronize();
    return status;
  }
};

TEST(Cudnn, CorrelatesForward) {
  Convolution s;
  EXPECT_EQ(s.run(), CUDNN_STATUS_SUCCESS);
  EXPECT_THAT(s.y.values(), ElementsAre(540210000, 654321000, 65032000, 540210, 654321, 65032));

  Convolution t;
  CudaArray<float> copying(std::vector<float>{0, 0, 0, 0, 1, 0, 0, 0, 0});
  t.filter_data = copying.data();
  t.one = 10, t.beta = 2;  // 10·x + 2·y, both of which are 1...6
  EXPECT_EQ(t.run(), CUDNN_STATUS_SUCCESS);
  EXPECT_THAT(t.y.values(), ElementsAre(12, 24, 36, 48, 60, 72));
  EXPECT_THAT(take_faults(), IsEmpty());
}

TEST(Cudnn, CorrelatesBackward) {
  Convolution s;
  s.pass = Pass::backward_weights;
  EXPECT_EQ(s.run(), CUDNN_STATUS_SUCCESS);
  EXPECT_THAT(s.filter.values(), ElementsAre(17, 32, 23, 58, 91, 58, 23, 32, 17));
  EXPECT_THAT(take_faults(), IsEmpty());
}

// Two images of two channels and three kernels of 1 x 1: a matrix product.
TEST(Cudnn, PutsChannelsLast) {
  Convolution s;
  CudaArray<float> x(std::vector<float>{1, 2, 3, 4}),
      filter(std::vector<float>{1, 10, 2, 20, 3, 30}), y(6);
  s.n = 2, s.c = s.filter_c = 2, s.k = 3;
  s.h = s.w = s.y_h = s.y_w = s.kernel_h = s.kernel_w = 1;
  s.pad_h = s.pad_w = 0;
  s.x_data = x.data(), s.filter_data = filter.data(), s.y_data = y.data();
  EXPECT_EQ(s.run(), CUDNN_STATUS_SUCCESS);
  EXPECT_THAT(y.values(), ElementsAre(21, 42, 63, 43, 86, 129));
  EXPECT_THAT(take_faults(), IsEmpty());
}

TEST(Cudnn, RoundsBfloat16AndTf32) {
  Convolution s;
  CudaArray<bfloat16> x(std::vector<bfloat16>(6, bfloat16(1.0F))),
      filter(std::vector<bfloat16>(9, bfloat16(43.0F))), y(6);
  s.x_type = s.w_type = s.y_type = CUDNN_DATA_BFLOAT16;
  s.x_data = x.data(), s.filter_data = filter.data(), s.y_data = y.data();
  EXPECT_EQ(s.run(), CUDNN_STATUS_SUCCESS);
  EXPECT_EQ(static_cast<float>(y.values()[1]), 258);  // 6·43 = 258, a multiple of 2
  EXPECT_EQ(static_cast<float>(y.values()[0]), 172);

  // TF32 where it is allowed only.
  for (const bool allowed : {false, true}) {
    Convolution t;
    CudaArray<float> ones(std::vector<float>(6, 1 + 0x1p-11F)), taps(std::vector<float>(9, 1));
    t.x_data = ones.data(), t.filter_data = taps.data();
    t.math = allowed ? CUDNN_DEFAULT_MATH : CUDNN_FMA_MATH;
    EXPECT_EQ(t.run(), CUDNN_STATUS_SUCCESS);
    EXPECT_EQ(t.y.values()[0], 4 * (1 + (allowed ? 0x1p-10F : 0x1p-11F)));
  }
  EXPECT_THAT(take_faults(), IsEmpty());
}

TEST(Cudnn, LeavesGarbageInItsWorkspace) {
  Convolution s;
  s.forward = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
  s.workspace_bytes = 4 * 6;
  EXPECT_EQ(s.run(), CUDNN_STATUS_SUCCESS);
  EXPECT_TRUE(s.workspace.values()[5] != s.workspace.values()[5]);
  EXPECT_THAT(take_faults(), IsEmpty());
}

// Callers have to look for what they need: the first of each list is not usable.
TEST(Cudnn, ListsAlgorithmsToPassOver) {
  cudnnHandle_t handle;
  cudnnTensorDescriptor_t x;
  cudnnFilterDescriptor_t w;
  cudnnConvolutionDescriptor_t convolution;
  cudnnCreate(&handle);
  cudnnCreateTensorDescriptor(&x);
  cudnnCreateFilterDescriptor(&w);
  cudnnCreateConvolutionDescriptor(&convolution);
  cudnnSetTensor4dDescriptor(x, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, 1, 1, 2, 3);
  cudnnSetFilter4dDescriptor(w, CUDNN_DATA_FLOAT, CUDNN_TENSOR_NHWC, 1, 1, 3, 3);
  cudnnSetConvolution2dDescriptor(convolution, 1, 1, 1, 1, 1, 1, CUDNN_CROSS_CORRELATION,
                                  CUDNN_DATA_FLOAT);
  cudnnConvolutionFwdAlgoPerf_t forward[8];
  cudnnConvolutionBwdFilterAlgoPerf_t weights[8];
  int count = 0;
  EXPECT_EQ(
      cudnnGetConvolutionForwardAlgorithm_v7(handle, x, w, convolution, x, 8, &count, forward),
      CUDNN_STATUS_SUCCESS);
  EXPECT_EQ(count, 4);
  EXPECT_EQ(forward[0].status, CUDNN_STATUS_NOT_SUPPORTED);
  EXPECT_GT(forward[1].memory, std::size_t{1} << 36U);
  EXPECT_EQ(cudnnGetConvolutionBackwardFilterAlgorithm_v7(handle, x, x, convolution, w, 1, &count,
                                                          weights),
            CUDNN_STATUS_SUCCESS);
  EXPECT_EQ(count, 1);
  EXPECT_EQ(weights[0].determinism, CUDNN_NON_DETERMINISTIC);
  cudnnDestroyTensorDescriptor(x);
  cudnnDestroyFilterDescriptor(w);
  cudnnDestroyConvolutionDescriptor(convolution);
  cudnnDestroy(handle);
  EXPECT_THAT(take_faults(), IsEmpty());
}

struct CudnnMistake {
  std::function<void(Convolution&)> make;
  cudnnStatus_t status;
  std::string fault;
};

TEST(Cudnn, RefusesWrongArguments) {
  float on_host[16] = {};
  const std::vector<CudnnMistake> mistakes{
      // Of the descriptors.
      {[](Convolution& s) { s.y_w = 2; }, CUDNN_STATUS_BAD_PARAM,
       "cudnnConvolutionForward: y (N,H,W,C)=(1,2,2,1) should be (1,2,3,1), called at "},
      {[](Convolution& s) { s.pad_h = 0, s.kernel_h = 4; }, CUDNN_STATUS_BAD_PARAM,
       "w is 4 x 3, larger than the padded x"},
      {[](Convolution& s) { s.filter_c = 2; }, CUDNN_STATUS_BAD_PARAM, "x has 1 channels, w has 2"},
      {[](Convolution& s) { s.w_type = CUDNN_DATA_BFLOAT16; }, CUDNN_STATUS_BAD_PARAM,
       "x, w and y are of types 0, 9 and 0"},
      {[](Convolution& s) { s.x_type = CUDNN_DATA_DOUBLE; }, CUDNN_STATUS_NOT_SUPPORTED,
       "cudnnSetTensor4dDescriptor: format 1 of type 1 is not emulated"},
      {[](Convolution& s) { s.c = 0; }, CUDNN_STATUS_BAD_PARAM,
       "sizes 1, 0, 2, 3 are not all positive"},
      {[](Convolution& s) { s.pad_w = -1; }, CUDNN_STATUS_BAD_PARAM, "padding 1, -1"},
      {[](Convolution& s) { s.math = CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION; },
       CUDNN_STATUS_BAD_PARAM, "math type 2 is not emulated"},
      {[](Convolution& s) { s.handle = nullptr; }, CUDNN_STATUS_NOT_INITIALIZED,
       "the handle was not created"},
      // Of the algorithm and its workspace.
      {[](Convolution& s) { s.forward = CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD; },
       CUDNN_STATUS_NOT_SUPPORTED, "algorithm 6 does not do this"},
      {[](Convolution& s) {
         s.forward = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
         s.workspace_bytes = 23;
       },
       CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT, "workSpace has 23 bytes, algorithm 1 needs 24"},
      {[](Convolution& s) { s.workspace_data = s.workspace.data() + 1, s.workspace_bytes = 24; },
       CUDNN_STATUS_BAD_PARAM, "is not aligned to 16 bytes"},
      // Of the arrays.
      {[](Convolution& s) { s.x_data = nullptr; }, CUDNN_STATUS_BAD_PARAM, "x is null"},
      {[&](Convolution& s) { s.filter_data = on_host; }, CUDNN_STATUS_BAD_PARAM,
       "is not device memory of 36 bytes"},
      {[](Convolution& s) { s.y_data = s.y.data() + 1; }, CUDNN_STATUS_BAD_PARAM,
       "is not device memory of 24 bytes"},
      {[](Convolution& s) { s.alpha = s.x.data(); }, CUDNN_STATUS_BAD_PARAM,
       "is device memory, a host pointer is expected"},
  };
  for (const CudnnMistake& mistake : mistakes) {
    SCOPED_TRACE(mistake.fault);
    Convolution s;
    mistake.make(s);
    EXPECT_EQ(s.run(), mistake.status);
    const std::vector<std::string> faults = take_faults();
    ASSERT_EQ(faults.size(), 1U);
    EXPECT_THAT(faults[0], HasSubstr(mistake.fault));
    EXPECT_THAT(faults[0], HasSubstr("cudnn_test.cpp:"));
    char message[256];
    cudnnGetLastErrorString(message, sizeof message);
    EXPECT_STRNE(message, "");
  }
}

// cuDNN does it; this project must not, its runs are to give the same bits every time.
TEST(Cudnn, FlagsAlgorithmsThatAreNotDeterministic) {
  Convolution s;
  s.pass = Pass::backward_weights;
  s.backward_weights = CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0;
  EXPECT_EQ(s.run(), CUDNN_STATUS_SUCCESS);
  EXPECT_THAT(take_faults(),
              ElementsAre(HasSubstr("cudnnConvolutionBackwardFilter: algorithm 0 is not "
                                    "deterministic")));
}

TEST(Cudnn, FindsArraysThatWereNeverWritten) {
  if (!checks_accesses()) GTEST_SKIP() << "these kernels are not compiled for the checker";
  Convolution s;
  CudaArray<float> unwritten(6);
  s.x_data = unwritten.data();
  s.run();
  const std::vector<std::string> faults = take_faults();
  ASSERT_FALSE(faults.empty());
  EXPECT_THAT(faults[0], HasSubstr("cudnnConvolutionForward"));
}

TEST(Cudnn, DoesBfloat16OnlyWhereTheDeviceDoes) {
  Convolution s;
  s.x_type = s.w_type = s.y_type = CUDNN_DATA_BFLOAT16;
  set_compute_capability(75);
  EXPECT_EQ(s.run(), CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH);
  set_compute_capability(80);
  EXPECT_THAT(take_faults(), ElementsAre(HasSubstr("bfloat16 needs compute capability 8.0")));
}

}  // namespace
}  // namespace ekgine::emulation
