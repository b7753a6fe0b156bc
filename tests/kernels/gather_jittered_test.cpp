#include "kernels/gather_jittered.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "kernels/runtime/reserved_workspace.h"
#include "tests/support/expect_error.h"
#include "tests/support/op_test.h"

namespace ekgine::testing {
namespace {

constexpr Step jitter_step{.seed = 7, .number = 12};

// The factors that rows of ones get.
std::vector<float> factors(const std::vector<std::int32_t>& ids, double deviation,
                           const Step& at = jitter_step) {
  ReservedWorkspace workspace(1 << 16);
  const std::vector<float> ones(3, 1.0F);
  const std::vector<std::int32_t> index(ids.size(), 0);
  std::vector<float> y(3 * ids.size(), -1.0F), found;
  kernels::gather_jittered(Cpu{workspace, at}, {1, 3, std::ssize(ids)}, deviation, ones.data(),
                           index.data(), ids.data(), y.data());
  for (std::size_t u = 0; u < ids.size(); ++u) {
    found.push_back(y[3 * u]);
    EXPECT_EQ(y[3 * u + 1], y[3 * u]);
    EXPECT_EQ(y[3 * u + 2], y[3 * u]);
  }
  return found;
}

TEST(GatherJittered, DrawsFactorsOfTheStatedSpread) {
  std::vector<std::int32_t> ids(20000);
  std::iota(ids.begin(), ids.end(), 0);
  double sum = 0, squares = 0;
  for (const float factor : factors(ids, 0.3)) {
    const double z = std::log(static_cast<double>(factor)) / 0.3;
    sum += z;
    squares += z * z;
  }
  const auto n = static_cast<double>(ids.size());
  EXPECT_NEAR(sum / n, 0, 4 / std::sqrt(n));
  EXPECT_NEAR(squares / n, 1, 4 * std::sqrt(2 / n));
}

// Shared or encoded for each sequence, in whatever place of a batch: the same beat looks the same.
TEST(GatherJittered, DependsOnTheIdNotOnThePlace) {
  const std::vector<float> all = factors({3, 4, 5, 900}, 0.25);
  EXPECT_EQ(factors({900, 3, 3}, 0.25), (std::vector<float>{all[3], all[0], all[0]}));
  EXPECT_NE(all[0], all[1]);
}

TEST(GatherJittered, DrawsAnewForEveryStepAndSeed) {
  const std::vector<float> now = factors({1, 2}, 0.25);
  Step next = jitter_step, other = jitter_step;
  ++next.number;
  ++other.seed;
  EXPECT_NE(factors({1, 2}, 0.25, next), now);
  EXPECT_NE(factors({1, 2}, 0.25, other), now);
}

TEST(GatherJittered, CopiesWithoutDeviation) {
  EXPECT_EQ(factors({1, 2, 3}, 0), std::vector<float>(3, 1.0F));
}

TEST(GatherJittered, RefusesRowsThatAreNotThere) {
  ReservedWorkspace workspace(1 << 16);
  const std::vector<float> x(4);
  std::vector<float> y(4);
  const std::vector<std::int32_t> index = {1, 2}, ids = {0, 0};
  EXPECT_ERROR(kernels::gather_jittered(Cpu{workspace}, {2, 2, 2}, 0.25, x.data(), index.data(),
                                        ids.data(), y.data()),
               "gather_jittered: index 1 of 2 is 2, x has 2 rows");
}

}  // namespace
}  // namespace ekgine::testing
