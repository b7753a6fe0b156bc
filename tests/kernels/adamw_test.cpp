#include "kernels/adamw.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/runtime/reserved_workspace.h"
#include "tests/cases/random.h"
#include "tests/support/thread_count.h"

namespace ekgine::testing {
namespace {

using kernels::adamw;
using kernels::AdamWSettings;

template <class T>
struct State {
  explicit State(std::vector<T> initial)
      : weight(std::move(initial)), m(weight.size()), v(weight.size()) {}
  void step(double learning_rate, const AdamWSettings& settings, std::uint32_t t,
            const std::vector<T>& gradient) {
    ReservedWorkspace workspace(1 << 16);
    adamw(Cpu{workspace, {.number = t, .learning_rate = learning_rate}},
          static_cast<std::int64_t>(weight.size()), settings, gradient.data(), weight.data(),
          m.data(), v.data());
  }
  bool operator==(const State&) const = default;

  std::vector<T> weight, m, v;
};

// Keras 3.8.0 itself (numpy back end, float64): AdamW(learning_rate=0.01) on five weights, with
// gradient k at step t = ((t·(k + 3)) mod 7 − 3)·10^−k. Step 1 moves a weight of gradient 0 by its
// decay only, the others by the learning rate whatever their gradient's size.
TEST(AdamW, GivesTheNumbersOfKeras) {
  State<double> state({0.5, -1.25, 2.0, 0.0, 1e-3});
  const std::vector<std::pair<int, std::vector<double>>> expected = {
      {1,
       {0.49998, -1.2599496837822335, 1.9899215808888695, -0.009989470173877408,
        0.010895650265801698}},
      {2,
       {0.49251864040821275, -1.256238302303827, 1.983142461301862, -0.01968408584025861,
        0.02082121191981509}},
      {5,
       {0.4820233504209447, -1.2617256056257358, 1.975650251012649, -0.0404852106871812,
        0.05065756699027729}},
      {20,
       {0.47412938760610135, -1.2666713115529415, 1.9667603075307638, -0.051779508746234965,
        0.20012554212448533}}};
  auto next = expected.begin();
  for (int t = 1; t <= 20; ++t) {
    std::vector<double> gradient;
    for (int k = 0; k < 5; ++k) gradient.push_back((t * (k + 3) % 7 - 3) * std::pow(10, -k));
    state.step(0.01, {}, static_cast<std::uint32_t>(t), gradient);
    if (t != next->first) continue;
    for (std::size_t k = 0; k < 5; ++k) {
      EXPECT_NEAR(state.weight[k], next->second[k], 2e-15) << "step " << t << ", weight " << k;
    }
    ++next;
  }
  EXPECT_EQ(next, expected.end());
}

// The formulas as the papers write them, one scalar at a time, in long double.
TEST(AdamW, FollowsItsFormulasInFloatAndDouble) {
  const AdamWSettings settings{.beta1 = 0.85, .beta2 = 0.97, .epsilon = 1e-3, .weight_decay = 0.1};
  for (const std::int64_t n : {1, 2, 3, 31, 32, 33, 127, 129, 187}) {
    Random random(static_cast<std::uint64_t>(n));
    std::vector<float> initial(static_cast<std::size_t>(n));
    for (float& w : initial) w = static_cast<float>(random.normal());
    State<float> single(initial);
    State<double> wide({initial.begin(), initial.end()});
    std::vector<long double> w(initial.begin(), initial.end()), m(w.size()), v(w.size());
    for (std::uint32_t t = 1; t <= 20; ++t) {
      std::vector<float> gradient(initial.size());
      for (float& g : gradient) g = static_cast<float>(random.normal());
      single.step(0.003, settings, t, gradient);
      wide.step(0.003, settings, t, {gradient.begin(), gradient.end()});
      for (std::size_t i = 0; i < w.size(); ++i) {
        const long double g = gradient[i];
        w[i] = w[i] - 0.003L * 0.1L * w[i];
        m[i] = 0.85L * m[i] + 0.15L * g;
        v[i] = 0.97L * v[i] + 0.03L * g * g;
        const auto power = static_cast<long double>(t);
        const long double rate =
            0.003L * std::sqrt(1 - std::pow(0.97L, power)) / (1 - std::pow(0.85L, power));
        w[i] -= rate * m[i] / (std::sqrt(v[i]) + 1e-3L);
      }
    }
    for (std::size_t i = 0; i < w.size(); ++i) {
      ASSERT_NEAR(wide.weight[i], static_cast<double>(w[i]), 2e-15) << i << " of " << n;
      ASSERT_NEAR(wide.m[i], static_cast<double>(m[i]), 2e-15) << i << " of " << n;
      ASSERT_NEAR(wide.v[i], static_cast<double>(v[i]), 2e-15) << i << " of " << n;
      ASSERT_NEAR(single.weight[i], static_cast<double>(w[i]), 2e-6) << i << " of " << n;
      ASSERT_NEAR(single.v[i], static_cast<double>(v[i]), 2e-6) << i << " of " << n;
    }
  }
}

TEST(AdamW, OnlyDecaysWhereNoGradientEverWas) {
  State<double> state({2, -3, 0});
  for (std::uint32_t t = 1; t <= 3; ++t) state.step(0.5, {}, t, {0, 0, 0});
  const double factor = std::pow(1 - 0.5 * 0.004, 3);
  EXPECT_DOUBLE_EQ(state.weight[0], 2 * factor);
  EXPECT_DOUBLE_EQ(state.weight[1], -3 * factor);
  EXPECT_EQ(state.weight[2], 0);
  EXPECT_EQ(state.m, (std::vector<double>(3)));
  EXPECT_EQ(state.v, (std::vector<double>(3)));
}

// After a million steps the corrections are 1, not NaN.
TEST(AdamW, GoesOnForMillionsOfSteps) {
  State<float> state({1});
  state.m = {1};
  state.v = {1};
  state.step(0.25, {.epsilon = 0, .weight_decay = 0}, 4'000'000'000, {1});
  EXPECT_EQ(state.weight[0], 0.75F);
}

TEST(AdamW, GivesTheSameBitsAtAnyThreadCountAndTouchesNothingElse) {
  constexpr std::size_t n = 40009;
  Random random(8);
  std::vector<float> initial(n), gradient(n);
  for (auto* array : {&initial, &gradient}) {
    for (float& v : *array) v = static_cast<float>(random.normal());
  }
  const auto after_three_steps = [&](int threads) {
    const ThreadCount count(threads);
    State<float> state(initial);
    for (std::uint32_t t = 1; t <= 3; ++t) state.step(1e-3, {}, t, gradient);
    return state;
  };
  const State<float> expected = after_three_steps(1);
  for (const int threads : {1, 2, 3, 7}) {
    EXPECT_TRUE(after_three_steps(threads) == expected) << threads << " threads";
  }
  // A part of an array is updated like the same elements of the whole.
  ReservedWorkspace workspace(1 << 16);
  State<float> part(initial);
  for (std::uint32_t t = 1; t <= 3; ++t) {
    adamw(Cpu{workspace, {.number = t, .learning_rate = 1e-3}}, 101, {}, gradient.data() + 7,
          part.weight.data() + 7, part.m.data() + 7, part.v.data() + 7);
  }
  for (std::size_t i = 0; i < n; ++i) {
    const bool inside = i >= 7 && i < 108;
    ASSERT_EQ(part.weight[i], inside ? expected.weight[i] : initial[i]) << i;
    ASSERT_EQ(part.m[i], inside ? expected.m[i] : 0) << i;
    ASSERT_EQ(part.v[i], inside ? expected.v[i] : 0) << i;
  }
}

}  // namespace
}  // namespace ekgine::testing
