// Both ways from signals to scalograms on a CUDA device, real or emulated, against the CPU.
#include "kernels/morlet_cwt.h"

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/runtime/cuda_device.h"
#include "kernels/runtime/reserved_workspace.h"
#include "tests/cases/random.h"
#include "tests/support/cuda_array.h"
#include "tests/support/cuda_case.h"
#include "tests/support/expect_error.h"

namespace ekgine::testing {
namespace {

using kernels::MorletCwtPath;
using kernels::MorletCwtShape;

class MorletCwtOnCuda : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string reason = no_cuda_device(); !reason.empty()) GTEST_SKIP() << reason;
  }
};

constexpr std::size_t workspace_bytes = std::size_t{8} << 20;

std::vector<float> draw(std::int64_t count, Random& random) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& v : values) v = static_cast<float>(random.normal());
  return values;
}

// Largest error, relative to the largest value.
template <class T>
double error(const CudaDevice& device, const MorletCwtShape& s, MorletCwtPath path,
             bool normalised) {
  Random random(static_cast<std::uint64_t>(s.length));
  const std::vector<float> x = draw(s.signals * s.length, random), mean = draw(s.length, random);
  std::vector<float> std = draw(s.length, random);
  for (float& v : std) v = 0.5F + std::abs(v);

  const std::vector<double> x64(x.begin(), x.end()), mean64(mean.begin(), mean.end()),
      std64(std.begin(), std.end());
  std::vector<double> expected(static_cast<std::size_t>(s.signals * s.scales.count() * s.length));
  ReservedWorkspace workspace(workspace_bytes);
  kernels::morlet_cwt(Cpu{workspace}, s, x64.data(), normalised ? mean64.data() : nullptr,
                      normalised ? std64.data() : nullptr, expected.data());

  const CudaArray<float> device_x(x), device_mean(mean), device_std(std);
  const CudaArray<T> y(expected.size());
  kernels::morlet_cwt_prepare(device.context(), s, path);
  kernels::morlet_cwt(device.context(), s, path, device_x.data(),
                      normalised ? device_mean.data() : nullptr,
                      normalised ? device_std.data() : nullptr, y.data());
  EXPECT_EQ(cudaStreamSynchronize(device.context().stream), cudaSuccess);
  const std::vector<T> found = y.values();
  double worst = 0, size = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double difference = std::abs(static_cast<float>(found[i]) - expected[i]);
    worst = std::isnan(difference) ? INFINITY : std::max(worst, difference);
    size = std::max(size, std::abs(expected[i]));
  }
  return worst / size;
}

TEST_F(MorletCwtOnCuda, BothPathsGiveTheScalogramsOfTheCpu) {
  const CudaDevice device(0, workspace_bytes);
  // One signal, and more than are done at a time; filters longer than the signal, and shorter.
  const std::vector<MorletCwtShape> shapes{
      {1, 1, 1},   {1, 2, 5},   {3, 3, 2},
      {3, 31, 5},  {5, 33, 1},  {2, 90, 3},
      {1, 187, 4}, {300, 7, 2}, {3, 96, {24, 3, 7}, kernels::MorletSigns::kept}};
  for (const MorletCwtPath path : {MorletCwtPath::matrix, MorletCwtPath::fft}) {
    for (const MorletCwtShape& s : shapes) {
      for (const bool normalised : {false, true}) {
        SCOPED_TRACE(::testing::Message()
                     << (path == MorletCwtPath::matrix ? "matrix" : "fft") << ", " << s.signals
                     << " signals of " << s.length << ", " << s.scales.count() << " scales"
                     << (normalised ? ", normalised" : ""));
        EXPECT_LT(error<float>(device, s, path, normalised), 2e-6);
        EXPECT_LT(error<bfloat16>(device, s, path, normalised), 0x1p-8);
      }
    }
  }
}

TEST_F(MorletCwtOnCuda, SaysWhatWasNotPrepared) {
  const CudaDevice device(0, workspace_bytes);
  const CudaArray<float> x(std::vector<float>(30)), y(90);
  const auto transform = [&](const MorletCwtShape& s, MorletCwtPath path) {
    kernels::morlet_cwt(device.context(), s, path, x.data(), nullptr, nullptr, y.data());
  };
  EXPECT_ERROR(transform({2, 6, 3}, MorletCwtPath::matrix),
               "morlet_cwt: the matrix of (L,S)=(6,3): not prepared");
  EXPECT_ERROR(transform({2, 6, 3}, MorletCwtPath::fft),
               "morlet_cwt: the filters' spectra of (L,S)=(6,3): not prepared");
  // Transforms are planned for a number of signals.
  kernels::morlet_cwt_prepare(device.context(), {2, 6, 3}, MorletCwtPath::fft);
  EXPECT_ERROR(transform({5, 6, 3}, MorletCwtPath::fft),
               "morlet_cwt: 8 transforms of length 12: not prepared");
}

TEST_F(MorletCwtOnCuda, CannotBePreparedDuringACapture) {
  const CudaDevice device(0, workspace_bytes);
  const cudaStream_t stream = device.context().stream;
  ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), cudaSuccess);
  EXPECT_ERROR(
      kernels::morlet_cwt_prepare(device.context(), {2, 6, 3}, MorletCwtPath::matrix),
      "morlet_cwt: the matrix of (L,S)=(6,3) cannot be made ready while the stream is captured: "
      "run "
      "the step once before");
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
}

}  // namespace
}  // namespace ekgine::testing
