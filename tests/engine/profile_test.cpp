#include "engine/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "engine/back_end.h"
#include "engine/ops.h"
#include "kernels/conv2d.h"
#include "kernels/layer_norm.h"
#include "tests/cases/random.h"

namespace ekgine::testing {
namespace {

using ::testing::DoubleEq;
using ::testing::UnorderedElementsAre;

std::vector<std::string> names(const Profile& profile) {
  std::vector<std::string> names;
  for (const Profile::Row& row : profile.rows()) {
    names.push_back(row.name + " " + name_of(row.phase));
  }
  return names;
}

Profile::Row row(const Profile& profile, const std::string& name, Phase phase) {
  for (const Profile::Row& row : profile.rows()) {
    if (row.name == name && row.phase == phase) return row;
  }
  ADD_FAILURE() << "no row " << name << " " << name_of(phase);
  return {};
}

void step(Profile& profile, const Op& op = {"op"}) {
  const Profile::Span span(&profile, {"step"}, Phase::step);
  const Profile::Span inner(&profile, op, Phase::forward);
}

TEST(Profile, CountsCallsAndCostsByNameAndPhase) {
  Profile profile;
  // The same name at another address: literals of two source files.
  const std::string copy = "relu";
  for (const auto& [name, phase] : {std::pair{"relu", Phase::forward},
                                    {copy.c_str(), Phase::forward},
                                    {"relu", Phase::backward},
                                    {"adamw", Phase::update}}) {
    const Profile::Span span(&profile, {name, {.flops = 3, .bytes = 5}}, phase);
  }
  EXPECT_THAT(names(profile),
              UnorderedElementsAre("relu forward", "relu backward", "adamw update"));
  const Profile::Row both = row(profile, "relu", Phase::forward);
  EXPECT_EQ(both.calls, 2);
  EXPECT_THAT(both.cost.flops, DoubleEq(6));
  EXPECT_THAT(both.cost.bytes, DoubleEq(10));
  EXPECT_EQ(row(profile, "relu", Phase::backward).calls, 1);
}

TEST(Profile, TimeInsideASpanIsNotCountedTwice) {
  using std::chrono::milliseconds;
  Profile profile;
  const auto start = Profile::Clock::now();
  {
    const Profile::Span outer(&profile, {"outer"}, Phase::host);
    {
      const Profile::Span inner(&profile, {"inner"}, Phase::host);
      const Profile::Span innermost(&profile, {"innermost"}, Phase::host);
      std::this_thread::sleep_for(milliseconds(20));
    }
    const Profile::Span second(&profile, {"inner"}, Phase::host);
    std::this_thread::sleep_for(milliseconds(5));
  }
  const double whole = std::chrono::duration<double>(Profile::Clock::now() - start).count();
  const double inner = row(profile, "inner", Phase::host).seconds;
  const double innermost = row(profile, "innermost", Phase::host).seconds;
  const double outer = row(profile, "outer", Phase::host).seconds;
  EXPECT_GE(innermost, 0.020);
  EXPECT_GE(inner, 0.005);
  EXPECT_EQ(row(profile, "inner", Phase::host).calls, 2);
  EXPECT_GE(outer, 0);
  EXPECT_LE(outer + inner + innermost, whole);
  EXPECT_TRUE(std::ranges::is_sorted(profile.rows(), std::greater(), &Profile::Row::seconds));

  // The trace has whole spans, each within the one around it.
  ASSERT_EQ(profile.trace().size(), 4u);
  const Profile::Event first = profile.trace().front(), last = profile.trace().back();
  EXPECT_STREQ(first.name, "innermost");
  EXPECT_STREQ(last.name, "outer");
  EXPECT_GE(last.seconds, 0.025);
  for (const Profile::Event& event : profile.trace()) {
    EXPECT_GE(event.start, last.start) << event.name;
    EXPECT_LE(event.start + event.seconds, last.start + last.seconds + 1e-9) << event.name;
  }
}

TEST(Profile, ForgetsTheWarmUpOnceThereIsMore) {
  Profile profile;
  for (int i = 0; i < Profile::warm_up_steps; ++i) step(profile, {"warm"});
  EXPECT_EQ(profile.steps(), Profile::warm_up_steps);  // a shorter run has nothing else
  EXPECT_EQ(profile.forgotten_steps(), 0);
  EXPECT_EQ(row(profile, "warm", Phase::forward).calls, Profile::warm_up_steps);
  for (int i = 0; i < 3; ++i) step(profile);
  EXPECT_EQ(profile.steps(), 3);
  EXPECT_EQ(profile.forgotten_steps(), Profile::warm_up_steps);
  EXPECT_THAT(names(profile), UnorderedElementsAre("op forward", "step step"));
  EXPECT_EQ(row(profile, "step", Phase::step).calls, 3);
  ASSERT_EQ(profile.trace().size(), 6u);
  EXPECT_EQ(profile.trace().front().step, Profile::warm_up_steps + 1);
}

TEST(Profile, TracesAsManyStepsAsItSays) {
  Profile profile;
  const std::int64_t steps = Profile::warm_up_steps + Profile::traced_steps + 10;
  for (std::int64_t i = 0; i < steps; ++i) step(profile);
  EXPECT_EQ(std::ssize(profile.trace()), 2 * Profile::traced_steps);
  EXPECT_EQ(profile.trace().back().step, Profile::warm_up_steps + Profile::traced_steps);
  EXPECT_EQ(row(profile, "op", Phase::forward).calls, Profile::traced_steps + 10);
}

TEST(Profile, AnExceptionClosesItsSpans) {
  Profile profile;
  EXPECT_THROW(
      {
        const Profile::Span outer(&profile, {"outer"}, Phase::host);
        const Profile::Span inner(&profile, {"inner"}, Phase::host);
        throw std::runtime_error("stop");
      },
      std::runtime_error);
  // What comes next is inside of neither.
  { const Profile::Span next(&profile, {"next"}, Phase::host); }
  EXPECT_THAT(names(profile), UnorderedElementsAre("outer host", "inner host", "next host"));
}

// --- Ops on a device ----------------------------------------------------------------------------

struct Values {
  Values(Random& random, std::initializer_list<std::int64_t> extents)
      : shape(extents), values(static_cast<std::size_t>(shape.size())), gradient(values.size()) {
    for (double& value : values) value = random.normal();
  }
  Tensor on(Tape& tape) {
    return tape.leaf(Tensor::view(values.data(), shape, DType::f64),
                     Tensor::view(gradient.data(), shape, DType::f64));
  }
  Shape shape;
  std::vector<double> values, gradient;
};

TEST(Profile, KnowsWhatOpsDoInBothDirections) {
  Device device = Device::cpu(DType::f64);
  Random random(1);
  Values x(random, {2, 5, 6, 3}), filter(random, {3, 3, 3, 4}), weight(random, {4}),
      bias(random, {4});
  const Tensor seed_value = Tensor::view(x.values.data(), {2, 5, 6, 3}, DType::f64);
  const kernels::Conv2dShape conv{2, 5, 6, 3, 3, 3, 4};
  const kernels::LayerNormShape norm{60, 4};
  const auto run = [&](bool dry, bool data_gradient) {
    Arena::Plan plan;
    Tape tape(device, Tape::Mode::training, plan, {}, dry);
    const Tensor input = data_gradient ? x.on(tape) : seed_value;
    const Tensor y = conv2d(tape, input, filter.on(tape));
    const Tensor z = layer_norm(tape, y, weight.on(tape), bias.on(tape), 1e-3);
    // An op that does not say what it is: named by this file.
    tape.run([]<class B>(B&) {});
    const Tensor seed = tape.empty(z.shape());
    if (!dry) std::ranges::fill(seed.span<double>(), 1.0);
    tape.backward(z, seed);
    tape.finish();
  };
  Profile profile;
  run(true, true);
  device.set_profile(&profile);
  run(true, true);
  EXPECT_TRUE(profile.rows().empty()) << "a dry step runs nothing";
  run(false, true);
  EXPECT_THAT(names(profile),
              UnorderedElementsAre("conv2d forward", "conv2d backward", "layer_norm forward",
                                   "layer_norm backward", "profile_test.cpp forward"));
  const auto expect_cost = [&](const char* name, Phase phase, Cost expected) {
    const Profile::Row found = row(profile, name, phase);
    EXPECT_EQ(found.calls, 1) << name;
    EXPECT_GT(found.cost.flops, 0) << name;
    EXPECT_THAT(found.cost.flops, DoubleEq(expected.flops)) << name;
    EXPECT_THAT(found.cost.bytes, DoubleEq(expected.bytes)) << name;
    EXPECT_GT(found.seconds, 0) << name;
  };
  expect_cost("conv2d", Phase::forward, kernels::conv2d_forward_cost(conv, sizeof(double)));
  expect_cost("conv2d", Phase::backward, kernels::conv2d_backward_cost(conv, sizeof(double)));
  expect_cost("layer_norm", Phase::forward, kernels::layer_norm_forward_cost(norm, sizeof(double)));
  expect_cost("layer_norm", Phase::backward,
              kernels::layer_norm_backward_cost(norm, sizeof(double)));

  // The gradient of data is not wanted, and not counted.
  profile = Profile();
  run(false, false);
  expect_cost("conv2d", Phase::backward,
              kernels::conv2d_backward_cost(conv, sizeof(double), false));

  profile = Profile();
  device.set_profile(nullptr);
  run(false, false);
  EXPECT_TRUE(profile.rows().empty());
  EXPECT_TRUE(profile.trace().empty());
}

// A batch normalisation's statistics have a line of their own; together they are the op.
TEST(Profile, CountsTheStatisticsOfANormalisationOnce) {
  Device device = Device::cpu(DType::f32);
  const std::vector<float> ones(4, 1.0F), image(2 * 4 * 6 * 4, 0.5F);
  Arena::Plan plan;
  Profile profile;
  device.set_profile(&profile);
  Tape tape(device, Tape::Mode::training, plan);
  const BatchNorm norm{tape.input({4}, std::span(ones)), tape.input({4}, std::span(ones)),
                       tape.input({4}, std::span(ones)), tape.input({4}, std::span(ones))};
  batch_norm(tape, tape.input({2, 4, 6, 4}, std::span(image)), norm);
  tape.finish();
  const double n = 2 * 4 * 6 * 4;
  const Profile::Row statistics = row(profile, "batch_norm_statistics", Phase::forward);
  const Profile::Row rest = row(profile, "batch_norm", Phase::forward);
  EXPECT_THAT(statistics.cost.bytes, DoubleEq(n * sizeof(float)));  // reads x
  EXPECT_THAT(rest.cost.bytes, DoubleEq(2 * n * sizeof(float)));    // reads x, writes y
  EXPECT_THAT(statistics.cost.flops + rest.cost.flops, DoubleEq(7 * n));
}

}  // namespace
}  // namespace ekgine::testing
