// The stand-in for cuFFT transforms as the manual says, and refuses every wrong argument with the
// status that it documents and a fault that names the call and the argument.
#include <cufft.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <memory>
#include <numbers>
#include <string>
#include <vector>

#include "emulation/emulation.h"
#include "tests/support/at.h"
#include "tests/support/cuda_array.h"

namespace ekgine::emulation {
namespace {

using ekgine::testing::CudaArray;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A plan with the work area that it asks for.
class Plan {
 public:
  Plan(int n, cufftType type, int batch) {
    EXPECT_EQ(cufftCreate(&handle), CUFFT_SUCCESS);
    EXPECT_EQ(cufftSetAutoAllocation(handle, 0), CUFFT_SUCCESS);
    std::size_t bytes = 0;
    EXPECT_EQ(cufftMakePlanMany(handle, 1, &n, nullptr, 1, 0, nullptr, 1, 0, type, batch, &bytes),
              CUFFT_SUCCESS);
    work_area_ = std::make_unique<CudaArray<float>>(bytes / sizeof(float));
    EXPECT_EQ(cufftSetWorkArea(handle, work_area_->data()), CUFFT_SUCCESS);
  }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;
  ~Plan() { cufftDestroy(handle); }

  cufftHandle handle = 0;

 private:
  std::unique_ptr<CudaArray<float>> work_area_;
};

std::vector<float> wave(int n, int batch) {
  std::vector<float> x(at(n * batch));
  for (int i = 0; i < n * batch; ++i) {
    x[at(i)] = static_cast<float>(std::sin(0.7 * i) + 0.01 * (i % 5));
  }
  return x;
}

TEST(Cufft, TransformsThereAndBack) {
  for (const int n : {1, 2, 3, 7, 12, 30, 384}) {
    const int batch = 3, half = n / 2 + 1;
    const std::vector<float> x = wave(n, batch);
    CudaArray<float> in(x), back(x.size());
    CudaArray<float2> spectrum(at(batch * half));
    const Plan forward(n, CUFFT_R2C, batch), inverse(n, CUFFT_C2R, batch);
    ASSERT_EQ(cufftExecR2C(forward.handle, in.data(), spectrum.data()), CUFFT_SUCCESS);
    const std::vector<float2> found = spectrum.values();
    for (int b = 0; b < batch; ++b) {
      for (int f = 0; f < half; ++f) {
        double re = 0, im = 0;
        for (int t = 0; t < n; ++t) {
          const double angle = -2 * std::numbers::pi * f * t / n;
          const double value = x[at(b * n + t)];
          re += value * std::cos(angle);
          im += value * std::sin(angle);
        }
        const float2 y = found[at(b * half + f)];
        EXPECT_NEAR(y.x, re, 1e-4) << n << " " << b << " " << f;
        EXPECT_NEAR(y.y, im, 1e-4) << n << " " << b << " " << f;
      }
    }
    ASSERT_EQ(cufftExecC2R(inverse.handle, spectrum.data(), back.data()), CUFFT_SUCCESS);
    const std::vector<float> again = back.values();
    for (std::size_t i = 0; i < x.size(); ++i) {
      EXPECT_NEAR(again[i], static_cast<float>(n) * x[i], 1e-5 * n) << n << " " << i;
    }
    // The input of the transform back is destroyed.
    EXPECT_TRUE(std::isnan(spectrum.values()[0].x));
  }
  EXPECT_THAT(take_faults(), IsEmpty());
}

struct CufftMistake {
  std::function<cufftResult()> call;
  cufftResult status;
  std::string fault;
};

void expect_refused(const std::vector<CufftMistake>& mistakes) {
  for (const CufftMistake& mistake : mistakes) {
    SCOPED_TRACE(mistake.fault);
    EXPECT_EQ(mistake.call(), mistake.status);
    const std::vector<std::string> faults = take_faults();
    ASSERT_EQ(faults.size(), 1U);
    EXPECT_THAT(faults[0], HasSubstr(mistake.fault));
    EXPECT_THAT(faults[0], HasSubstr("cufft_test.cpp:"));
  }
}

TEST(Cufft, RefusesPlansItCannotMake) {
  const auto make = [](int n, int batch, cufftType type, int rank = 1, int distance = 0,
                       bool allocate = false) {
    return [=] {
      cufftHandle plan;
      cufftCreate(&plan);
      if (!allocate) cufftSetAutoAllocation(plan, 0);
      std::size_t bytes = 0;
      int length = n, embed = distance;
      int* const embedding = distance == 0 ? nullptr : &embed;
      const cufftResult result = cufftMakePlanMany(plan, rank, &length, embedding, 1, distance,
                                                   embedding, 1, distance, type, batch, &bytes);
      cufftDestroy(plan);
      return result;
    };
  };
  expect_refused({
      {make(0, 1, CUFFT_R2C), CUFFT_INVALID_SIZE,
       "cufftMakePlanMany: 1 transforms of length 0, called at "},
      {make(8, 0, CUFFT_R2C), CUFFT_INVALID_SIZE, "0 transforms of length 8"},
      {make(8, 1, CUFFT_Z2Z), CUFFT_INVALID_TYPE, "type 0x69 is not emulated"},
      {make(8, 1, CUFFT_R2C, 2), CUFFT_INVALID_VALUE, "rank 2 is not emulated"},
      {make(8, 1, CUFFT_R2C, 1, 10), CUFFT_INVALID_SIZE, "only packed rows (8 and 5) are emulated"},
      {make(8, 1, CUFFT_R2C, 1, 0, true), CUFFT_ALLOC_FAILED,
       "cufftSetAutoAllocation(plan, 0) before"},
      {[] { return cufftDestroy(12345); }, CUFFT_INVALID_PLAN,
       "cufftDestroy: plan 12345 does not exist"},
      {[] { return cufftSetStream(12345, nullptr); }, CUFFT_INVALID_PLAN,
       "cufftSetStream: plan 12345 does not exist"},
      {[] { return cufftCreate(nullptr); }, CUFFT_INVALID_VALUE, "cufftCreate: handle is null"},
  });
}

TEST(Cufft, RefusesWrongTransforms) {
  const int n = 8, batch = 2;
  CudaArray<float> x(wave(n, batch)), small(3);
  CudaArray<float2> spectrum(10);
  const Plan forward(n, CUFFT_R2C, batch);
  std::vector<float> on_host(16);
  const auto transform = [&](float* in, float2* out) {
    return [=, &forward] { return cufftExecR2C(forward.handle, in, out); };
  };
  expect_refused({
      {[&] { return cufftExecC2R(forward.handle, spectrum.data(), x.data()); }, CUFFT_INVALID_TYPE,
       "cufftExecC2R: the plan was made for type 0x2a, this is 0x2c"},
      {[&] { return cufftExecR2C(12345, x.data(), spectrum.data()); }, CUFFT_INVALID_PLAN,
       "plan 12345 was not made"},
      {transform(nullptr, spectrum.data()), CUFFT_INVALID_VALUE, "idata is null"},
      {transform(on_host.data(), spectrum.data()), CUFFT_INVALID_VALUE,
       "is not device memory of 64 bytes"},
      {transform(x.data(), spectrum.data() + 1), CUFFT_INVALID_VALUE,
       "is not device memory of 80 bytes"},
      {transform(x.data() + 1, spectrum.data()), CUFFT_UNALIGNED_DATA,
       "is not aligned to a complex number"},
      {transform(x.data(), reinterpret_cast<float2*>(x.data())), CUFFT_NOT_SUPPORTED,
       "transforms in place are not emulated"},
      {[&] { return cufftSetWorkArea(forward.handle, small.data()); }, CUFFT_INVALID_VALUE,
       "cufftSetWorkArea: work area ("},
      {[&] { return cufftSetAutoAllocation(forward.handle, 0); }, CUFFT_INVALID_PLAN,
       "the plan was made already"},
  });
}

TEST(Cufft, WantsItsWorkArea) {
  cufftHandle plan;
  cufftCreate(&plan);
  cufftSetAutoAllocation(plan, 0);
  int n = 8;
  std::size_t bytes = 0;
  ASSERT_EQ(cufftMakePlanMany(plan, 1, &n, nullptr, 1, 0, nullptr, 1, 0, CUFFT_R2C, 2, &bytes),
            CUFFT_SUCCESS);
  CudaArray<float> x(wave(n, 2));
  CudaArray<float2> spectrum(10);
  expect_refused({{[&] { return cufftExecR2C(plan, x.data(), spectrum.data()); },
                   CUFFT_NO_WORKSPACE, "no work area was set, the plan needs 80 bytes"}});
  cufftDestroy(plan);
}

TEST(Cufft, NeedsMemoryOfItsOwnForAPlanSoNotInACapture) {
  cudaStream_t stream;
  cudaStreamCreate(&stream);
  cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal);
  cufftHandle plan;
  cufftCreate(&plan);
  cufftSetAutoAllocation(plan, 0);
  int n = 8;
  std::size_t bytes = 0;
  expect_refused({{[&] {
                     return cufftMakePlanMany(plan, 1, &n, nullptr, 1, 0, nullptr, 1, 0, CUFFT_R2C,
                                              2, &bytes);
                   },
                   CUFFT_INTERNAL_ERROR, "not allowed while a stream is captured"}});
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);
  cufftDestroy(plan);
  cudaStreamDestroy(stream);
  cudaGetLastError();
}

}  // namespace
}  // namespace ekgine::emulation
