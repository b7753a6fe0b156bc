#include "engine/parameter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "engine/optimiser.h"
#include "tests/support/expect_error.h"

namespace ekgine {
namespace {

TEST(ParameterSet, LaysOutAllArraysAlike) {
  Device device = Device::cpu(DType::f32);
  ParameterSet set(device);
  Parameter& a = set.add("a", {3, 5}, constant(2));
  Parameter& b = set.add("b", {7}, constant(3));
  set.add_buffer("running", {4}, 0.5);
  set.allocate(ParameterSet::Use::training, 1);
  EXPECT_EQ(set.trainable_count(), 22);
  const auto offset = [](const Tensor& piece, const Tensor& all) {
    return piece.data<float>() - all.data<float>();
  };
  for (const Parameter* p : {&a, &b}) {
    const auto expected = offset(p->value, set.values());
    EXPECT_EQ(offset(p->gradient, set.gradients()), expected) << p->name;
    EXPECT_EQ(offset(set.piece(set.first_moments(), *p), set.first_moments()), expected);
    EXPECT_EQ(offset(set.piece(set.second_moments(), *p), set.second_moments()), expected);
    EXPECT_EQ(expected % 16, 0) << p->name << " does not start on a cache line";
  }
  for (const float v : a.value.span<float>()) EXPECT_EQ(v, 2);
  for (const float v : b.value.span<float>()) EXPECT_EQ(v, 3);
  for (const float v : set.buffers().front().value.span<float>()) EXPECT_EQ(v, 0.5F);
  const Tensor gradients = set.gradients();
  for (const float v : gradients.span<float>()) EXPECT_EQ(v, 0);
  EXPECT_FALSE(set.buffers().front().gradient);
}

TEST(ParameterSet, HasNoGradientsForInference) {
  Device device = Device::cpu(DType::f64);
  ParameterSet set(device);
  Parameter& a = set.add("a", {3}, constant(1));
  set.allocate(ParameterSet::Use::inference, 1);
  EXPECT_FALSE(a.gradient);
  EXPECT_ERROR(set.gradients(), "parameters: a set for inference has values only");
}

TEST(ParameterSet, InitialisesFromTheSeedAlike) {
  const auto values = [](DType type, std::uint64_t seed) {
    Device device = Device::cpu(type);
    ParameterSet set(device);
    set.add("first", {100}, uniform(1));
    Parameter& p = set.add("second", {100}, uniform(0.05));
    set.allocate(ParameterSet::Use::inference, seed);
    std::vector<double> v(100);
    for (std::size_t i = 0; i < v.size(); ++i) {
      v[i] = type == DType::f64 ? p.value.data<double>()[i] : p.value.data<float>()[i];
    }
    return v;
  };
  const auto v = values(DType::f32, 7);
  EXPECT_EQ(v, values(DType::f32, 7));
  EXPECT_EQ(v, values(DType::f64, 7)) << "float and double models start equal";
  EXPECT_NE(v, values(DType::f32, 8));
  for (const double x : v) EXPECT_LE(std::abs(x), 0.05);
}

// keras.initializers.GlorotUniform counts the fans of (field..., in, out) kernels so.
TEST(Initialiser, GlorotLimitFollowsTheFans) {
  const auto largest = [](const Shape& shape) {
    std::vector<double> values(200'000);
    glorot_uniform(shape)(values, {1, 2, 3});
    return *std::max_element(values.begin(), values.end());
  };
  EXPECT_NEAR(largest({128, 512}), std::sqrt(6.0 / 640), 1e-5);
  EXPECT_NEAR(largest({3, 3, 32, 64}), std::sqrt(6.0 / (9 * 96)), 1e-5);
  EXPECT_NEAR(largest({128, 8, 128}), std::sqrt(6.0 / (128 * 136)), 1e-5);
}

TEST(Initialiser, OrthogonalRowsAreDrawnWithoutPreference) {
  for (const auto& [rows, columns] : {std::pair{1, 1}, {1, 4}, {7, 7}, {30, 120}}) {
    const auto n = static_cast<std::size_t>(rows), m = static_cast<std::size_t>(columns);
    std::vector<double> values(n * m);
    orthogonal({rows, columns})(values, {1, 2, 3});
    for (std::size_t a = 0; a < n; ++a) {
      for (std::size_t b = 0; b <= a; ++b) {
        double dot = 0;
        for (std::size_t k = 0; k < m; ++k) dot += values[a * m + k] * values[b * m + k];
        EXPECT_NEAR(dot, a == b ? 1 : 0, 1e-13) << rows << "x" << columns << ": " << a << ", " << b;
      }
    }
  }
  // Over many draws every element has mean 0 and variance 1/columns.
  std::vector<double> sum(6), squares(6), values(6);
  constexpr std::uint32_t draws = 4000;
  for (std::uint32_t draw = 0; draw < draws; ++draw) {
    orthogonal({2, 3})(values, {1, 2, draw});
    for (std::size_t i = 0; i < 6; ++i) {
      sum[i] += values[i];
      squares[i] += values[i] * values[i];
    }
  }
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_NEAR(sum[i] / draws, 0, 0.04) << i;
    EXPECT_NEAR(squares[i] / draws, 1.0 / 3, 0.025) << i;
  }
  EXPECT_ERROR(orthogonal({4, 3}),
               "orthogonal: shape must be (rows,columns) with rows ≤ columns, got (4,3)");
}

TEST(Optimiser, RefusesAParameterThatNoBackwardPassHasReached) {
  Device device = Device::cpu(DType::f32);
  ParameterSet set(device);
  Parameter& reached = set.add("reached", {3}, constant(1));
  set.add("encoder.0.forgotten", {3}, constant(1));
  set.allocate(ParameterSet::Use::training, 1);
  reached.has_gradient = true;
  EXPECT_ERROR(adamw_step(device, set, {}), "adamw: encoder.0.forgotten has no gradient");
}

// The first step of Adam has the size of the learning rate, whatever the gradient's.
TEST(Optimiser, UpdatesEveryParameterAndUsesUpItsGradient) {
  Device device = Device::cpu(DType::f64);
  ParameterSet set(device);
  Parameter& a = set.add("a", {3}, constant(1));
  Parameter& b = set.add("b", {40}, constant(1));
  set.allocate(ParameterSet::Use::training, 1);
  for (Parameter* p : {&a, &b}) {
    p->has_gradient = true;
    std::ranges::fill(p->gradient.span<double>(), p == &a ? 3.0 : -0.5);
  }
  device.set_step({.number = 1, .learning_rate = 0.1});
  adamw_step(device, set, {.weight_decay = 0});
  for (const double v : a.value.span<double>()) EXPECT_NEAR(v, 0.9, 1e-6);
  for (const double v : b.value.span<double>()) EXPECT_NEAR(v, 1.1, 1e-6);
  EXPECT_FALSE(a.has_gradient);
  EXPECT_FALSE(b.has_gradient);
}

TEST(Optimiser, KeepsAnAverageThatCanStandInForTheWeights) {
  Device device = Device::cpu(DType::f64);
  ParameterSet set(device);
  Parameter& a = set.add("a", {3}, constant(1));
  set.add_buffer("statistic", {2}, 5);
  set.allocate(ParameterSet::Use::training, 1);
  EXPECT_ERROR(set.average(), "parameters: no average is kept");
  { const AveragedWeights none(set); }
  EXPECT_EQ(a.value.span<double>()[0], 1);

  set.keep_average();
  std::ranges::fill(a.value.span<double>(), 3.0);
  device.set_step({.number = 1000});
  average_step(device, set, 0.75);  // 1 + (3 − 1)/4
  const std::uint32_t stop = 1;
  average_step(device, set, 0.75, &stop);
  const std::span<const double> average = set.piece(set.average(), a).span<double>();
  EXPECT_EQ(average[2], 1.5);
  {
    const AveragedWeights averaged(set);
    EXPECT_EQ(a.value.span<double>()[2], 1.5);
  }
  EXPECT_EQ(a.value.span<double>()[2], 3);
  EXPECT_EQ(average[2], 1.5);
}

}  // namespace
}  // namespace ekgine
