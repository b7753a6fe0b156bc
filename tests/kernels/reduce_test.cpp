#include "kernels/reduce.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/runtime/reserved_workspace.h"
#include "tests/cases/random.h"

namespace ekgine::testing {
namespace {

template <class T>
std::vector<T> sums(std::int64_t rows, std::int64_t columns, const std::vector<T>& x,
                    std::vector<T> sum, bool accumulate) {
  ReservedWorkspace workspace(std::size_t{1} << 24);
  kernels::sum_rows(Cpu{workspace}, rows, columns, x.data(), Gradient<T>{sum.data(), accumulate});
  return sum;
}

TEST(SumRows, AssignsOrAdds) {
  const std::vector<double> x{1, 2, 3, 10, 20, 30};
  const std::vector<double> nan(3, NAN);
  EXPECT_EQ(sums(2, 3, x, nan, false), (std::vector<double>{11, 22, 33}));
  EXPECT_EQ(sums(2, 3, x, {100, 200, 300}, true), (std::vector<double>{111, 222, 333}));
  EXPECT_EQ(sums<double>(0, 3, {}, nan, false), (std::vector<double>{0, 0, 0}));
  EXPECT_EQ(sums<double>(0, 3, {}, {1, 2, 3}, true), (std::vector<double>{1, 2, 3}));
}

TEST(SumRows, AddsUpAnyNumberOfRowsAndColumns) {
  Random random(6);
  for (const std::int64_t rows : {1, 33, 5000}) {
    for (const std::int64_t columns : {1, 5, 32, 129}) {
      std::vector<double> x(static_cast<std::size_t>(rows * columns));
      for (double& v : x) v = static_cast<float>(random.normal());
      const std::vector<float> rounded(x.begin(), x.end());
      const std::vector<double> exact =
          sums(rows, columns, x, std::vector<double>(static_cast<std::size_t>(columns)), false);
      const std::vector<float> found = sums(
          rows, columns, rounded, std::vector<float>(static_cast<std::size_t>(columns)), false);
      for (std::int64_t c = 0; c < columns; ++c) {
        double expected = 0;
        for (std::int64_t r = 0; r < rows; ++r) {
          expected += x[static_cast<std::size_t>(r * columns + c)];
        }
        const auto i = static_cast<std::size_t>(c);
        EXPECT_NEAR(exact[i], expected, 1e-12 * static_cast<double>(rows)) << rows << " " << c;
        EXPECT_NEAR(found[i], expected, 1e-6 * std::sqrt(static_cast<double>(rows)) * 10)
            << rows << " " << c;
      }
    }
  }
}

}  // namespace
}  // namespace ekgine::testing
