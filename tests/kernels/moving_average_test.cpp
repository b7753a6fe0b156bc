#include "kernels/moving_average.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/runtime/reserved_workspace.h"
#include "tests/cases/random.h"
#include "tests/support/thread_count.h"

namespace ekgine::testing {
namespace {

template <class T>
void average(std::uint32_t step, std::int64_t n, double decay, const T* weight, T* average,
             const std::uint32_t* stop = nullptr) {
  ReservedWorkspace workspace(1 << 16);
  kernels::moving_average(Cpu{workspace, {.number = step}}, n, decay, weight, average, stop);
}

// The formula step by step, in long double: first the share that grows with the steps, then the
// decay, which at 0.9 takes over at step 80.
TEST(MovingAverage, FollowsItsFormulaInFloatAndDouble) {
  for (const std::int64_t n : {1, 2, 3, 31, 32, 33, 127, 129, 187}) {
    Random random(static_cast<std::uint64_t>(n));
    const auto size = static_cast<std::size_t>(n);
    std::vector<float> single(size);
    for (float& a : single) a = static_cast<float>(random.normal());
    std::vector<double> wide(single.begin(), single.end());
    std::vector<long double> expected(single.begin(), single.end());
    for (std::uint32_t t = 1; t <= 120; ++t) {
      std::vector<float> weight(size);
      for (float& w : weight) w = static_cast<float>(random.normal());
      average(t, n, 0.9, weight.data(), single.data());
      average(t, n, 0.9, std::vector<double>(weight.begin(), weight.end()).data(), wide.data());
      const long double share = t < 80 ? 9.0L / (10.0L + t) : 0.1L;
      for (std::size_t i = 0; i < size; ++i) {
        expected[i] = (1 - share) * expected[i] + share * static_cast<long double>(weight[i]);
      }
    }
    for (std::size_t i = 0; i < size; ++i) {
      ASSERT_NEAR(wide[i], static_cast<double>(expected[i]), 2e-15) << i << " of " << n;
      ASSERT_NEAR(single[i], static_cast<double>(expected[i]), 5e-7) << i << " of " << n;
    }
  }
}

TEST(MovingAverage, StaysWhereAStepIsHeldBack) {
  const std::vector<double> weight = {1, 2};
  for (const std::uint32_t stop : {0U, 3U}) {
    std::vector<double> values = {5, 6};
    average(1000, 1, 0.5, weight.data(), values.data(), &stop);
    EXPECT_EQ(values, stop == 0 ? (std::vector<double>{3, 6}) : (std::vector<double>{5, 6}));
  }
}

TEST(MovingAverage, GivesTheSameBitsAtAnyThreadCountAndTouchesNothingElse) {
  constexpr std::int64_t n = 400'009;
  Random random(8);
  std::vector<float> initial(n), weight(n);
  for (auto* array : {&initial, &weight}) {
    for (float& v : *array) v = static_cast<float>(random.normal());
  }
  const auto averaged = [&](int threads) {
    const ThreadCount count(threads);
    std::vector<float> values = initial;
    average(7, n, 0.999, weight.data(), values.data());
    return values;
  };
  const std::vector<float> expected = averaged(1);
  for (const int threads : {2, 3, 7}) EXPECT_EQ(averaged(threads), expected) << threads;
  std::vector<float> part = initial;
  average(7, 101, 0.999, weight.data() + 7, part.data() + 7);
  for (std::size_t i = 0; i < n; ++i) {
    ASSERT_EQ(part[i], i >= 7 && i < 108 ? expected[i] : initial[i]) << i;
  }
}

}  // namespace
}  // namespace ekgine::testing
