// CudaLibraries on a CUDA device, real or emulated.
#include "kernels/runtime/cuda_libraries.h"

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <memory>
#include <vector>

#include "kernels/conv2d.h"
#include "kernels/linear.h"
#include "kernels/runtime/cuda_device.h"
#include "tests/cases/random.h"
#include "tests/support/cuda_array.h"
#include "tests/support/cuda_case.h"
#include "tests/support/expect_error.h"

namespace ekgine::testing {
namespace {

class CudaLibrariesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string reason = no_cuda_device(); !reason.empty()) GTEST_SKIP() << reason;
    device_ = std::make_unique<CudaDevice>(0, std::size_t{8} << 20);
  }
  const Cuda& cuda() const { return device_->context(); }
  void synchronise() const { EXPECT_EQ(cudaStreamSynchronize(cuda().stream), cudaSuccess); }

 private:
  std::unique_ptr<CudaDevice> device_;
};

std::vector<float> draw(std::int64_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& v : values) v = static_cast<float>(bfloat16(static_cast<float>(random.normal())));
  return values;
}

template <class T>
std::vector<T> convert(const std::vector<float>& values) {
  std::vector<T> converted;
  converted.reserve(values.size());
  for (const float v : values) converted.push_back(T(v));
  return converted;
}

// Every transposition, started at every element of 16 bytes, so that algorithms cannot count on
// alignment; with and without a bias, assigned and added.
template <class In, class Out>
void expect_products(const Cuda& cuda, double tolerance) {
  const std::int64_t m = 5, n = 7, k = 33;
  const std::vector<float> a = draw(m * k + 9, 1), b = draw(k * n + 9, 2), bias = draw(n + 9, 3),
                           before = draw(m * n + 9, 4);
  const CudaArray<In> device_a(convert<In>(a)), device_b(convert<In>(b));
  const CudaArray<Out> device_bias(convert<Out>(bias));
  for (const int variant : {0, 1, 2, 3, 4, 5, 6, 7}) {
    for (const std::size_t skew : {0, 1, 2, 4, 8}) {
      const MatrixProduct product{.m = m,
                                  .n = n,
                                  .k = k,
                                  .transpose_a = (variant & 1) != 0,
                                  .transpose_b = (variant & 2) != 0};
      const bool accumulate = (variant & 4) != 0;
      const CudaArray<Out> c(convert<Out>(before));
      cuda.libraries.multiply(cuda, "test", product, device_a.data() + skew, device_b.data() + skew,
                              accumulate ? nullptr : device_bias.data() + skew,
                              Gradient<Out>{c.data() + skew, accumulate});
      EXPECT_EQ(cudaStreamSynchronize(cuda.stream), cudaSuccess);
      const std::vector<Out> found = c.values();
      for (std::int64_t i = 0; i < m; ++i) {
        for (std::int64_t j = 0; j < n; ++j) {
          const auto at = [&](const std::vector<float>& values, std::int64_t index) {
            return static_cast<double>(values[static_cast<std::size_t>(index) + skew]);
          };
          double expected = accumulate ? at(before, i * n + j) : at(bias, j);
          for (std::int64_t q = 0; q < k; ++q) {
            expected += at(a, product.transpose_a ? q * m + i : i * k + q) *
                        at(b, product.transpose_b ? j * k + q : q * n + j);
          }
          const auto got = static_cast<float>(found[static_cast<std::size_t>(i * n + j) + skew]);
          EXPECT_NEAR(got, expected, tolerance * (1 + std::abs(expected)))
              << "variant " << variant << ", skew " << skew << ", element " << i << "," << j;
        }
      }
      EXPECT_EQ(static_cast<float>(found[m * n + skew]), before[m * n + skew]) << "past the end";
    }
  }
}

TEST_F(CudaLibrariesTest, MultipliesFloats) {
  expect_products<float, float>(cuda(), 1e-5);
}

TEST_F(CudaLibrariesTest, MultipliesBfloat16) {
  if (cuda().compute_capability < 80) GTEST_SKIP() << "no bfloat16 before sm_80";
  expect_products<bfloat16, float>(cuda(), 1e-5);
  expect_products<bfloat16, bfloat16>(cuda(), 0x1p-8);
}

// Where the library has no algorithm, nothing is written; an emulated device shows both.
template <class In>
void expect_sums(const Cuda& cuda) {
  const std::int64_t m = 5, n = 7, k = 33;
  const std::vector<float> a = draw(k * m, 1), b = draw(k * n + 9, 2);
  const CudaArray<In> device_a(convert<In>(a)), device_b(convert<In>(b));
  for (const std::size_t skew : {0, 1, 4}) {
    const CudaArray<float> c(std::vector<float>(m * n, -1)), sums(std::vector<float>(n + 5, -1));
    const bool done = cuda.libraries.multiply_and_sum(
        cuda, "test", {.m = m, .n = n, .k = k, .transpose_a = true}, device_a.data(),
        device_b.data() + skew, sums.data() + skew, Gradient<float>{c.data(), true});
    EXPECT_EQ(cudaStreamSynchronize(cuda.stream), cudaSuccess);
    for (std::int64_t j = 0; j < n; ++j) {
      double sum = 0, first = -1;
      for (std::int64_t q = 0; q < k; ++q) {
        const double factor = b[static_cast<std::size_t>(q * n + j) + skew];
        sum += factor;
        first += factor * a[static_cast<std::size_t>(q * m)];
      }
      const auto at = static_cast<std::size_t>(j);
      EXPECT_NEAR(sums.values()[at + skew], done ? sum : -1, 1e-4) << "skew " << skew;
      EXPECT_NEAR(c.values()[at], done ? first : -1, 1e-4) << "skew " << skew;
    }
    EXPECT_EQ(sums.values()[n + skew], -1) << "past the end";
#if EKGINE_CUDA_EMULATED
    EXPECT_TRUE(done);
#endif
  }
}

TEST_F(CudaLibrariesTest, MultipliesAndSums) {
  expect_sums<float>(cuda());
  if (cuda().compute_capability >= 80) expect_sums<bfloat16>(cuda());
}

// 1 + 2^-11 is no TF32: it becomes a neighbour, unless full precision is asked for.
TEST_F(CudaLibrariesTest, RoundsToTf32WhereThatIsAllowed) {
  if (cuda().compute_capability < 80) GTEST_SKIP() << "no TF32 before sm_80";
  const std::int64_t size = 64;
  const float value = 1 + 0x1p-11F;
  const CudaArray<float> a(std::vector<float>(size * size, value)),
      ones(std::vector<float>(size * size, 1)), c(size * size);
  for (const bool allowed : {false, true}) {
    CudaLibraries libraries(cuda().stream, allowed);
    for (const bool full_precision : {false, true}) {
      libraries.multiply(cuda(), "test",
                         {.m = size, .n = size, .k = size, .full_precision = full_precision},
                         a.data(), ones.data(), static_cast<const float*>(nullptr),
                         Gradient<float>{c.data(), false});
      synchronise();
      EXPECT_EQ(c.values()[size + 1] != size * value, allowed && !full_precision)
          << c.values()[size + 1];
    }
  }
}

TEST_F(CudaLibrariesTest, TransformsThereAndBack) {
  const int n = 30, batch = 4, frequencies = n / 2 + 1;
  const std::vector<float> signals = draw(n * batch, 5);
  const CudaArray<float> x(signals), back(n * batch);
  const CudaArray<float2> spectrum(batch * frequencies);
  CudaLibraries& libraries = cuda().libraries;
  EXPECT_ERROR(libraries.fft(cuda(), "test", n, batch, x.data(), spectrum.data()),
               "test: 4 transforms of length 30: not prepared");
  libraries.prepare_fft("test", n, batch);
  libraries.prepare_inverse_fft("test", n, batch);
  libraries.fft(cuda(), "test", n, batch, x.data(), spectrum.data());
  synchronise();
  double sum = 0;
  for (std::size_t t = 0; t < std::size_t{n}; ++t) sum += signals[std::size_t{n} + t];
  EXPECT_NEAR(spectrum.values()[frequencies].x, sum, 1e-5);
  libraries.inverse_fft(cuda(), "test", n, batch, spectrum.data(), back.data());
  synchronise();
  const std::vector<float> found = back.values();
  for (std::size_t i = 0; i < signals.size(); ++i) {
    EXPECT_NEAR(found[i], n * signals[i], 1e-4) << i;
  }
}

TEST_F(CudaLibrariesTest, KeepsConstants) {
  CudaLibraries& libraries = cuda().libraries;
  const CudaLibraries::Constant key{"test: the numbers of ", 2, 3};
  EXPECT_FALSE(libraries.kept(key));
  EXPECT_ERROR(libraries.constant(key), "test: the numbers of (2,3): not prepared");
  libraries.keep(key, std::array{1.0F, 2.0F, 3.0F});
  EXPECT_TRUE(libraries.kept(key));
  EXPECT_FALSE(libraries.kept({"test: the numbers of ", 3, 2}));
  std::array<float, 3> copy{};
  ASSERT_EQ(cudaMemcpy(copy.data(), libraries.constant(key), sizeof copy, cudaMemcpyDeviceToHost),
            cudaSuccess);
  EXPECT_EQ(copy, (std::array{1.0F, 2.0F, 3.0F}));
}

// What a shape needs is made at its first call; from then on a call can be captured, and the graph
// run on other data.
TEST_F(CudaLibrariesTest, ProductsAndConvolutionsCanBeCaptured) {
  const kernels::LinearShape linear{6, 5, 7};
  const kernels::Conv2dShape convolution{2, 3, 5, 2, 3, 2, 3};
  const CudaArray<float> x(draw(30, 6)), w(draw(35, 7)), bias(draw(7, 8)), y(42);
  const CudaArray<float> image(draw(convolution.in(), 9)), weights(draw(convolution.weights(), 10)),
      output(static_cast<std::size_t>(convolution.out()));
  const auto work = [&] {
    kernels::linear_forward(cuda(), linear, x.data(), w.data(), bias.data(), y.data());
    kernels::conv2d_forward(cuda(), convolution, image.data(), weights.data(), output.data());
  };
  work();
  synchronise();
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  ASSERT_EQ(cudaStreamBeginCapture(cuda().stream, cudaStreamCaptureModeThreadLocal), cudaSuccess);
  work();
  ASSERT_EQ(cudaStreamEndCapture(cuda().stream, &graph), cudaSuccess);
  ASSERT_EQ(cudaGraphInstantiate(&executable, graph, 0), cudaSuccess);

  const std::vector<float> other_x = draw(30, 11), other_image = draw(convolution.in(), 12);
  ASSERT_EQ(cudaMemcpy(x.data(), other_x.data(), 30 * sizeof(float), cudaMemcpyHostToDevice),
            cudaSuccess);
  ASSERT_EQ(cudaMemcpy(image.data(), other_image.data(), other_image.size() * sizeof(float),
                       cudaMemcpyHostToDevice),
            cudaSuccess);
  ASSERT_EQ(cudaGraphLaunch(executable, cuda().stream), cudaSuccess);
  synchronise();
  const std::vector<float> replayed_y = y.values(), replayed_output = output.values();
  work();
  synchronise();
  EXPECT_EQ(replayed_y, y.values());
  EXPECT_EQ(replayed_output, output.values());
  EXPECT_EQ(cudaGraphExecDestroy(executable), cudaSuccess);
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
}

TEST_F(CudaLibrariesTest, RefusesConvolutionsThatCudnnCannotCount) {
  const CudaArray<float> array(std::vector<float>(18));
  EXPECT_ERROR(
      kernels::conv2d_forward(cuda(), {1 << 20, 1000, 1000, 2, 3, 3, 1}, array.data(), array.data(),
                              array.data()),
      "conv2d_forward: x (N,H,W,C)=(1048576,1000,1000,2), weight (O,KH,KW,C)=(1,3,3,2) of float: "
      "more than 2147483647 elements; use a smaller batch");
}

// Sums over nothing are 0, and add nothing.
TEST_F(CudaLibrariesTest, GradientsOfNoRowsAreZero) {
  for (const bool accumulate : {false, true}) {
    const CudaArray<float> dw(std::vector<float>(6, 5)), dbias(std::vector<float>(3, 5)),
        dweight(std::vector<float>(18, 5));
    kernels::linear_backward<float>(cuda(), {0, 2, 3}, nullptr, nullptr, nullptr, {},
                                    {dw.data(), accumulate}, {dbias.data(), accumulate});
    kernels::conv2d_backward<float>(cuda(), {0, 4, 5, 1, 3, 3, 2}, nullptr, nullptr, nullptr, {},
                                    {dweight.data(), accumulate});
    synchronise();
    const float expected = accumulate ? 5 : 0;
    EXPECT_EQ(dw.values(), std::vector<float>(6, expected));
    EXPECT_EQ(dbias.values(), std::vector<float>(3, expected));
    EXPECT_EQ(dweight.values(), std::vector<float>(18, expected));
  }
}

}  // namespace
}  // namespace ekgine::testing
