// sum_rows on a CUDA device, real or emulated: what kernels_test sees of it, as the gradient of
// biases, are few rows.
#include "kernels/reduce.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/runtime/cuda_device.h"
#include "tests/cases/random.h"
#include "tests/support/cuda_array.h"
#include "tests/support/cuda_case.h"
#if EKGINE_CUDA_EMULATED
#include "emulation/emulation.h"
#endif

namespace ekgine::testing {
namespace {

struct Matrix {
  std::int64_t rows, columns;
  std::vector<float> values;
};

Matrix draw_matrix(std::int64_t rows, std::int64_t columns) {
  Random random(11);
  Matrix x{rows, columns, std::vector<float>(static_cast<std::size_t>(rows * columns))};
  for (float& v : x.values) v = static_cast<float>(random.normal());
  return x;
}

std::vector<float> sums_on(const CudaDevice& device, const Matrix& x) {
  const CudaArray<float> in(x.values);
  const CudaArray<float> sum(std::vector<float>(static_cast<std::size_t>(x.columns), NAN));
  kernels::sum_rows(device.context(), x.rows, x.columns, in.data(), {sum.data(), false});
  device.wait();
  return sum.values();
}

class SumRowsOnCuda : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string reason = no_cuda_device(); !reason.empty()) GTEST_SKIP() << reason;
  }
};

// Few rows, the most that are few, and more, which a second launch adds up.
std::vector<Matrix> matrices() {
  return {draw_matrix(1, 5),     draw_matrix(31, 8),    draw_matrix(200, 3),
          draw_matrix(384, 128), draw_matrix(1024, 33), draw_matrix(1025, 40),
          draw_matrix(1500, 64), draw_matrix(5000, 7),  draw_matrix(9000, 4)};
}

TEST_F(SumRowsOnCuda, EqualsTheSums) {
  const CudaDevice device(0, std::size_t{8} << 20);
  for (const Matrix& x : matrices()) {
    const std::vector<float> found = sums_on(device, x);
    for (std::int64_t c = 0; c < x.columns; ++c) {
      double sum = 0, magnitude = 0;
      for (std::int64_t r = 0; r < x.rows; ++r) {
        const double value = x.values[static_cast<std::size_t>(r * x.columns + c)];
        sum += value;
        magnitude += std::abs(value);
      }
      EXPECT_NEAR(found[static_cast<std::size_t>(c)], sum, 1e-6 * magnitude)
          << x.rows << " rows, column " << c << " of " << x.columns;
    }
  }
}

#if EKGINE_CUDA_EMULATED
TEST_F(SumRowsOnCuda, GivesTheSameBitsOnAnyNumberOfMultiprocessors) {
  const auto sums = [](int multiprocessors) {
    emulation::set_multiprocessors(multiprocessors);
    const CudaDevice device(0, std::size_t{8} << 20);
    EXPECT_EQ(device.context().multiprocessors, multiprocessors);
    std::vector<std::vector<float>> all;
    for (const Matrix& x : matrices()) all.push_back(sums_on(device, x));
    return all;
  };
  const std::vector<std::vector<float>> expected = sums(132);
  for (const int multiprocessors : {1, 20, 114, 4}) {
    EXPECT_EQ(sums(multiprocessors), expected) << multiprocessors << " multiprocessors";
  }
}
#endif

}  // namespace
}  // namespace ekgine::testing
