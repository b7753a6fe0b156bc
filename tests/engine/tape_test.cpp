#include "engine/tape.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <optional>
#include <stdexcept>
#include <vector>

#include "engine/back_end.h"
#include "engine/ops.h"
#include "tests/cases/random.h"
#include "tests/support/at.h"
#include "tests/support/expect_error.h"

namespace ekgine::testing {
namespace {

using ::testing::Each;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Device guarded_device(DType type = DType::f64) {
  Device::Options options;
  options.activation_reserve = std::size_t{1} << 26;
  options.workspace_reserve = std::size_t{1} << 26;
  options.guarded = true;
  return Device::cpu(type, options);
}

// A differentiable array of the caller, its gradient unwritten.
struct Leaf {
  explicit Leaf(std::vector<double> initial)
      : values(std::move(initial)), gradient(values.size(), nan) {}
  Tensor on(Tape& tape) {
    const Shape shape{static_cast<std::int64_t>(values.size())};
    return tape.leaf(Tensor::view(values.data(), shape, DType::f64),
                     Tensor::view(gradient.data(), shape, DType::f64));
  }
  std::vector<double> values, gradient;
};

double swish_slope(double x) {
  const double s = 1 / (1 + std::exp(-x));
  return s * (1 + x * (1 - s));
}

// y = x³ elementwise: its backward reads only x, which it may overwrite.
Tensor cube(Tape& tape, const Tensor& x, GradientPlace* place = nullptr) {
  const Tensor y = tape.empty(x.shape());
  tape.run([&]<class B>(B&) {
    using T = typename B::Real;  // arithmetic: these run on the CPU only
    for (std::int64_t i = 0; i < x.size(); ++i) {
      const T v = x.data<T>()[i];
      y.data<T>()[i] = v * v * v;
    }
  });
  return tape.record(y, {x}, [x, place](Backward& node) {
    const GradientPlace dx = node.gradient_over(0, x);
    if (place != nullptr)
      *place = {Tensor::view(dx.tensor.data<double>(), x.shape(), DType::f64), dx.accumulate};
    node.run([&]<class B>(B&) {
      using T = typename B::Real;  // arithmetic: these run on the CPU only
      for (std::int64_t i = 0; i < x.size(); ++i) {
        const T v = x.data<T>()[i];
        dx.as<T>().put(i, 3 * v * v * node.dy_data<T>()[i]);
      }
    });
  });
}

TEST(Tape, AddsUpTheGradientsOfSharedValues) {
  Device device = guarded_device();
  Arena::Plan plan;
  Leaf x({-1.5, 0, 0.5, 2});
  {
    Tape tape(device, Tape::Mode::training, plan);
    const Tensor leaf = x.on(tape);
    const Tensor s = swish(tape, leaf);          // used three times, the leaf twice
    const Tensor a = add_scaled(tape, s, 2, s);  // 3s
    const Tensor b = add_scaled(tape, a, 0.5, leaf);
    const Tensor y = add_scaled(tape, b, -4, s);  // −s + x/2
    tape.backward(y, tape.input({4}, std::vector<double>{1, 10, 100, 1000}));
    tape.finish();
  }
  for (std::size_t i = 0; i < 4; ++i) {
    const double dy = std::pow(10, i);
    EXPECT_NEAR(x.gradient[i], dy * (0.5 - swish_slope(x.values[i])), 1e-12 * dy) << i;
  }
  EXPECT_EQ(device.activations().faults(), 0);
}

TEST(Tape, AddsUpTheGradientOfAParameterUsedTwice) {
  Device device = guarded_device();
  Arena::Plan plan;
  std::vector<double> values = {3}, gradient = {nan};
  Parameter parameter{"w", Tensor::view(values.data(), {1}, DType::f64),
                      Tensor::view(gradient.data(), {1}, DType::f64), false};
  Tape tape(device, Tape::Mode::training, plan);
  const Tensor first = tape.use(parameter), second = tape.use(parameter);
  EXPECT_EQ(first.id(), second.id());
  const Tensor y = add_scaled(tape, cube(tape, first), 5, second);
  EXPECT_FALSE(parameter.has_gradient);
  tape.backward(y);
  EXPECT_TRUE(parameter.has_gradient);
  EXPECT_EQ(gradient[0], 27 + 5);
}

TEST(Tape, TakesBuffersAsConstants) {
  Device device = guarded_device();
  Arena::Plan plan;
  std::vector<double> values = {3};
  Parameter buffer{"running_mean", Tensor::view(values.data(), {1}, DType::f64), Tensor(), false};
  Tape tape(device, Tape::Mode::training, plan);
  EXPECT_EQ(tape.use(buffer).id(), -1);
  EXPECT_EQ(cube(tape, tape.use(buffer)).id(), -1);
}

// Whoever reads a gradient afterwards must not find the one of an earlier step.
TEST(Tape, FillsUnusedGradientsWithZero) {
  Device device = guarded_device();
  Arena::Plan plan;
  Leaf used({1, 2}), idle({3, 4}), dead_end({5, 6});
  {
    Tape tape(device, Tape::Mode::training, plan);
    const Tensor a = used.on(tape);
    idle.on(tape);
    cube(tape, dead_end.on(tape));  // nothing depends on the result
    tape.backward(cube(tape, a), tape.input({2}, std::vector<double>{1, 1}));
    tape.finish();
  }
  EXPECT_EQ(used.gradient, (std::vector<double>{3, 12}));
  EXPECT_THAT(idle.gradient, Each(0));
  EXPECT_THAT(dead_end.gradient, Each(0));
  EXPECT_EQ(device.activations().faults(), 0);
}

TEST(Tape, SeedsALossWithOne) {
  Device device = guarded_device();
  Arena::Plan plan;
  Leaf x({2});
  Tape tape(device, Tape::Mode::training, plan);
  tape.backward(cube(tape, x.on(tape)));
  EXPECT_EQ(x.gradient[0], 12);
}

// Two places hold the gradient of a sum: its own and, passed through, that of its first term. When
// the term's other consumers add theirs, the sum's gradient must have been read by everybody.
TEST(Tape, PassesGradientsThroughChainsOfResiduals) {
  Device device = guarded_device();
  Arena::Plan plan;
  Leaf x({-1, 0.25, 3});
  std::vector<double> seed = {1, -2, 0.5};
  {
    Tape tape(device, Tape::Mode::training, plan);
    Tensor y = cube(tape, x.on(tape));
    for (int block = 0; block < 4; ++block) y = add_scaled(tape, y, 0.5, swish(tape, y));
    tape.backward(y, Tensor::view(seed.data(), {3}, DType::f64));
    tape.finish();
  }
  EXPECT_EQ(seed, (std::vector<double>{1, -2, 0.5})) << "the seed is the caller's";
  for (std::size_t i = 0; i < 3; ++i) {
    double value = std::pow(x.values[i], 3), slope = 3 * x.values[i] * x.values[i];
    for (int block = 0; block < 4; ++block) {
      slope *= 1 + 0.5 * swish_slope(value);
      value += 0.5 * value / (1 + std::exp(-value));
    }
    EXPECT_NEAR(x.gradient[i], seed[i] * slope, 1e-12 * std::abs(slope)) << i;
  }
  EXPECT_EQ(device.activations().faults(), 0);
}

TEST(Tape, PassesAGradientThroughWithoutACopy) {
  Device device = guarded_device();
  Leaf x({1, 2});
  const void *dy = nullptr, *dx = nullptr;
  const auto observe = [](Tape& tape, const Tensor& in, const void*& address, bool pass) {
    const Tensor out = tape.empty(in.shape());
    return tape.record(out, {in}, [&address, pass](Backward& node) {
      address = node.dy_data<double>();
      if (pass) {
        node.pass_through(0);
      } else {
        (void)node.gradient(0);
      }
    });
  };
  for (const bool seed_on_top : {false, true}) {
    Arena::Plan plan;
    Tape tape(device, Tape::Mode::training, plan);
    Tensor y = observe(tape, observe(tape, x.on(tape), dx, false), dy, true);
    if (!seed_on_top) y = observe(tape, y, dx, false);
    const Tensor seed = tape.input({2}, std::vector<double>{1, 1});
    tape.backward(y, seed);
    if (seed_on_top) {
      EXPECT_NE(dx, dy) << "the seed is the caller's: it is copied";
    } else {
      EXPECT_EQ(dx, dy);
    }
  }
}

TEST(Tape, PutsAGradientOverSavedMemoryOnlyWhereNobodyElseLooks) {
  Device device = guarded_device();
  Leaf x({1, 2, 3});
  const std::vector<double> ones = {1, 1, 1};
  // The first cube's output is the second one's input: held by the node alone.
  {
    Arena::Plan plan;
    Tape tape(device, Tape::Mode::training, plan);
    GradientPlace first, second;
    const void* saved = nullptr;
    Tensor y;
    {
      const Tensor inner = cube(tape, x.on(tape), &first);
      saved = inner.data<double>();
      y = cube(tape, inner, &second);
    }
    tape.backward(y, tape.input({3}, std::span(ones)));
    EXPECT_EQ(second.tensor.data<double>(), saved);
    EXPECT_FALSE(second.accumulate);
    EXPECT_EQ(first.tensor.data<double>(), x.gradient.data()) << "a leaf's gradient goes to it";
    EXPECT_EQ(x.gradient, (std::vector<double>{9, 9 * 256, 9 * 6561}));
  }
  // Another handle lives.
  {
    Arena::Plan plan;
    Tape tape(device, Tape::Mode::training, plan);
    GradientPlace place;
    const Tensor inner = cube(tape, x.on(tape));
    const Tensor y = cube(tape, inner, &place);
    tape.backward(y, tape.input({3}, std::span(ones)));
    EXPECT_NE(place.tensor.data<double>(), inner.data<double>());
    EXPECT_EQ(inner.span<double>()[2], 27) << "still what forward computed";
  }
  // Another consumer has written its part already.
  {
    Arena::Plan plan;
    Tape tape(device, Tape::Mode::training, plan);
    GradientPlace early, late;
    Tensor y;
    {
      const Tensor inner = cube(tape, x.on(tape));
      const Tensor a = cube(tape, inner, &late);
      y = add_scaled(tape, a, 1, cube(tape, inner, &early));
    }
    tape.backward(y, tape.input({3}, std::span(ones)));
    EXPECT_FALSE(early.accumulate);
    EXPECT_TRUE(late.accumulate);
    EXPECT_EQ(late.tensor.data<double>(), early.tensor.data<double>());
    EXPECT_EQ(x.gradient, (std::vector<double>{18, 18 * 256, 18 * 6561}));
  }
  EXPECT_EQ(device.activations().faults(), 0);
}

TEST(Tape, TellsWhichGradientsAreWanted) {
  Device device = guarded_device();
  Arena::Plan plan;
  Leaf x({1});
  Tape tape(device, Tape::Mode::training, plan);
  const Tensor constant = tape.input({1}, std::vector<double>{1});
  bool ran = false;
  const Tensor y = tape.record(tape.empty({1}), {constant, x.on(tape)}, [&ran](Backward& node) {
    ran = true;
    EXPECT_FALSE(node.wants(0));
    EXPECT_FALSE(node.gradient(0));
    EXPECT_FALSE(node.gradient(0).as<double>());
    EXPECT_FALSE(node.gradient_over(0, Tensor()));
    node.pass_through(0);
    EXPECT_TRUE(node.wants(1));
    EXPECT_TRUE(node.gradient(1));
  });
  tape.backward(y);
  EXPECT_TRUE(ran);
}

TEST(Tape, FreesWhatBackwardHasPassed) {
  Device device = Device::cpu(DType::f64);
  Leaf x(std::vector<double>(1000, 0.1));
  // Forward keeps every value for backward, which then goes over their memory.
  Arena::Plan plan;
  Tape tape(device, Tape::Mode::training, plan);
  Tensor y = x.on(tape);
  constexpr std::size_t depth = 10, block = 8000;
  for (std::size_t i = 0; i < depth; ++i) y = swish(tape, y);
  tape.backward(y, tape.input({1000}, std::vector<double>(1000, 1)));
  y = Tensor();
  tape.finish();
  EXPECT_EQ(plan.bytes(), (depth + 1) * block);  // the values and the seed
}

TEST(Tape, RecordsNothingInInference) {
  Device device = guarded_device();
  Arena::Plan plan;
  std::vector<double> values = {3, 4}, gradient = {nan, nan};
  Parameter parameter{"w", Tensor::view(values.data(), {2}, DType::f64),
                      Tensor::view(gradient.data(), {2}, DType::f64), false};
  Tape tape(device, Tape::Mode::inference, plan);
  EXPECT_FALSE(tape.training());
  Tensor y = tape.use(parameter);
  EXPECT_EQ(y.id(), -1);
  for (int i = 0; i < 20; ++i) y = swish(tape, y);
  EXPECT_EQ(y.id(), -1);
  EXPECT_ERROR(tape.backward(y, y),
               "backward: the value does not depend on any parameter of this tape");
  y = Tensor();
  tape.finish();
  EXPECT_EQ(plan.bytes(), 4 * Arena::alignment) << "two values, each with its guard";
  EXPECT_FALSE(parameter.has_gradient);
  EXPECT_TRUE(std::isnan(gradient[0]));
}

TEST(Tape, NumbersTheOpsThatDraw) {
  Device device = guarded_device();
  Arena::Plan plan;
  Tape tape(device, Tape::Mode::training, plan, {.seed = 5, .step = 6, .op = 7});
  for (std::uint32_t op = 7; op < 10; ++op) EXPECT_EQ(tape.next_draw(), op);
}

TEST(Tape, TellsKernelsTheSeedAndNumberOfATrainingStep) {
  Device device = guarded_device();
  device.set_step({.seed = 1, .number = 2, .learning_rate = 0.5});
  const auto after = [&](Tape::Mode mode, bool dry) {
    Arena::Plan plan;
    Tape tape(device, mode, plan, {.seed = 5, .step = 6, .op = 7}, dry);
    Step seen;
    device.run([&]<class B>(B& b) {
      if constexpr (!B::is_cuda) seen = b.context.step;
    });
    EXPECT_TRUE(seen == device.step());
    return seen;
  };
  const Step before{.seed = 1, .number = 2, .learning_rate = 0.5};
  EXPECT_TRUE(after(Tape::Mode::inference, false) == before) << "it may be within captured work";
  EXPECT_TRUE(after(Tape::Mode::training, true) == before);
  EXPECT_TRUE(after(Tape::Mode::training, false) ==
              (Step{.seed = 5, .number = 6, .learning_rate = 0.5}));
}

TEST(Tape, ConvertsInputsToTheTypeOfTheDevice) {
  for (const DType type : {DType::f32, DType::f64}) {
    Device device = guarded_device(type);
    Arena::Plan plan;
    Tape tape(device, Tape::Mode::inference, plan);
    const Tensor a = tape.input({2}, std::vector<double>{0.1, 2});
    const Tensor b = tape.input({2}, std::vector<float>{0.5F, 2});
    const Tensor c = tape.input({2}, std::vector<std::int32_t>{-7, 1 << 30});
    EXPECT_EQ(a.dtype(), type);
    EXPECT_EQ(b.dtype(), type);
    if (type == DType::f32) {
      EXPECT_EQ(a.data<float>()[0], 0.1F);
    } else {
      EXPECT_EQ(a.data<double>()[0], 0.1);
      EXPECT_EQ(b.data<double>()[0], 0.5);
    }
    EXPECT_EQ(c.data<std::int32_t>()[0], -7);
    EXPECT_EQ(c.data<std::int32_t>()[1], 1 << 30);
  }
}

TEST(Tape, NamesWhatItRefuses) {
  Device device = guarded_device();
  Arena::Plan plan;
  Leaf x({1, 2});
  Tape tape(device, Tape::Mode::training, plan);
  EXPECT_ERROR(tape.input({2, 2}, std::vector<double>(3)), "input: 3 values for shape (2,2)");
  EXPECT_ERROR(tape.input({2, 2}, std::vector<float>(5)), "input: 5 values for shape (2,2)");
  EXPECT_ERROR(tape.input({3}, std::vector<std::int32_t>(2)), "input: 2 values for shape (3)");
  const Tensor y = cube(tape, x.on(tape));
  EXPECT_ERROR(tape.backward(y), "backward: the loss has shape (2), expected one element");
  EXPECT_ERROR(tape.backward(y, tape.input({1}, std::vector<double>{1})),
               "backward: seed (1) for a value (2)");
  EXPECT_ERROR(tape.leaf(y, tape.input({1}, std::vector<double>{1})),
               "leaf: value (2) and gradient (1) differ");
  EXPECT_ERROR(tape.record(y, {y, y, y, y, y, y, y}, [](Backward&) {}),
               "tape: 7 inputs, at most 6");
  Arena::Plan other;
  EXPECT_ERROR(Tape(device, Tape::Mode::training, other), "activations: a step is already running");
}

// A small model of the ops that the Conformer is made of, stepped as training does.
class Model {
 public:
  explicit Model(std::int64_t channels) : channels_(channels) {
    const std::int64_t c = channels;
    for (const Shape& shape : {Shape{c}, Shape{c}, Shape{5, c}, Shape{c}, Shape{3, c}}) {
      auto& w = weights_.emplace_back(
          Weight{std::vector<float>(at(shape.size())), std::vector<float>(at(shape.size())), {}});
      for (float& v : w.values) v = static_cast<float>(random_.normal());
    }
    const std::vector<Shape> shapes = {{c}, {c}, {5, c}, {c}, {3, c}};
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      Weight& w = weights_[i];
      w.parameter = {"w", Tensor::view(w.values.data(), shapes[i], DType::f32),
                     Tensor::view(w.gradient.data(), shapes[i], DType::f32), false};
    }
  }

  // One step over `batch` sequences of three beats; returns the loss, and not-a-number when dry.
  float step(Device& device, Arena::Plan& plan, std::int64_t batch, std::uint32_t number,
             bool dry = false) {
    Tape tape(device, Tape::Mode::training, plan, {1, number, 0}, dry);
    const std::int64_t beats = batch + 2, heads = 2;
    std::vector<float> values(at(beats * channels_));
    for (float& v : values) v = static_cast<float>(random_.normal());
    std::vector<std::int32_t> index, labels;
    for (std::int64_t b = 0; b < batch; ++b) {
      for (std::int64_t t = 0; t < 3; ++t) index.push_back(static_cast<std::int32_t>(b + t));
      labels.push_back(static_cast<std::int32_t>(b % channels_));
    }
    float result = std::numeric_limits<float>::quiet_NaN();
    {
      const auto weight = [&](std::size_t i) { return tape.use(weights_[i].parameter); };
      const Tensor encoded = layer_norm(tape, tape.input({beats, channels_}, std::span(values)),
                                        weight(0), weight(1), 1e-3);
      Tensor x = gather(tape, encoded, tape.input({batch, 3}, std::span(index)));
      const Shape split{batch, 3, heads, channels_ / heads};
      const Tensor query = add_position(tape, x, weight(4)).reshape(split);
      const Tensor attended = attention(tape, query, x.reshape(split), x.reshape(split), 0.2);
      x = add_scaled(tape, x, 1, dropout(tape, attended.reshape(x.shape()), 0.1));
      const Tensor mixed = swish(tape, depthwise_conv1d(tape, x, weight(2), weight(3)));
      x = add_scaled(tape, x, 0.5, mixed);
      const Tensor logits = x.reshape({batch * 3, channels_});
      std::vector<std::int32_t> repeated;
      for (const std::int32_t label : labels) repeated.insert(repeated.end(), 3, label);
      const std::vector<float> class_weights(at(channels_), 1);
      const CrossEntropy result_of =
          softmax_cross_entropy(tape, logits, tape.input({batch * 3}, std::span(repeated)),
                                tape.input({channels_}, std::span(class_weights)));
      tape.backward(result_of.loss);
      if (!dry) result = *result_of.loss.data<float>();
    }
    tape.finish();
    return result;
  }

  std::vector<float> gradients() const {
    std::vector<float> all;
    for (const Weight& w : weights_) all.insert(all.end(), w.gradient.begin(), w.gradient.end());
    return all;
  }

 private:
  struct Weight {
    std::vector<float> values, gradient;
    Parameter parameter;
  };

  std::int64_t channels_;
  Random random_{11};
  std::vector<Weight> weights_;
};

TEST(Tape, TracesNothingNewInTenSteps) {
  Device device = guarded_device(DType::f32);
  Arena::Plan plan;
  Model model(8);
  EXPECT_TRUE(std::isfinite(model.step(device, plan, 16, 0)));
  device.activations().seal();
  const std::size_t settled = device.activations().high_water();
  for (std::uint32_t step = 1; step <= 10; ++step) {
    // The last batch of an epoch is smaller.
    const float loss = model.step(device, plan, step % 5 == 0 ? 7 : 16, step);
    EXPECT_TRUE(std::isfinite(loss)) << "step " << step;
  }
  EXPECT_EQ(device.activations().traces(), 1);
  EXPECT_EQ(device.activations().high_water(), settled);
  EXPECT_EQ(device.activations().faults(), 0);
}

TEST(Tape, PlansInADryStepWhatRealStepsNeed) {
  Device planned = guarded_device(DType::f32), traced = guarded_device(DType::f32);
  Arena::Plan dry, wet;
  Model a(8), b(8);
  EXPECT_TRUE(std::isnan(a.step(planned, dry, 16, 0, true)));
  EXPECT_EQ(a.gradients(), std::vector<float>(a.gradients().size(), 0)) << "no kernel ran";
  planned.activations().seal();
  b.step(traced, wet, 16, 0);
  EXPECT_EQ(dry.bytes(), wet.bytes());
  const float first = a.step(planned, dry, 16, 1), second = b.step(traced, wet, 16, 1);
  EXPECT_EQ(first, second) << "the same bits, wherever the memory was planned";
  EXPECT_EQ(a.gradients(), b.gradients());
  EXPECT_EQ(planned.activations().faults(), 0);
}

TEST(Tape, AnExceptionDropsTheTracedPlanAndLeavesTheDeviceUsable) {
  Device device = guarded_device();
  Leaf x({1, 2});
  Arena::Plan plan;
  const auto step = [&](bool fails) {
    Tape tape(device, Tape::Mode::training, plan);
    const Tensor y = cube(tape, x.on(tape));
    if (fails) throw std::runtime_error("in the middle of a step");
    tape.backward(cube(tape, y), tape.input({2}, std::vector<double>{1, 1}));
    // y goes back to the arena after the tape: blocks may outlive their step.
    tape.finish();
  };
  EXPECT_THROW(step(true), std::runtime_error);
  EXPECT_TRUE(plan.empty()) << "a plan cut short must not be replayed";
  EXPECT_NO_THROW(step(false));
  EXPECT_FALSE(plan.empty());
  EXPECT_THROW(step(true), std::runtime_error);
  EXPECT_FALSE(plan.empty()) << "a replayed plan is whole";
  x.gradient = {nan, nan};
  EXPECT_NO_THROW(step(false));
  EXPECT_EQ(x.gradient, (std::vector<double>{9, 9 * 256}));
  EXPECT_EQ(device.activations().traces(), 2);
}

TEST(Tape, AnExceptionInBackwardLeavesTheDeviceUsable) {
  Device device = guarded_device();
  Leaf x({1, 2});
  Arena::Plan plan;
  const auto step = [&](bool fails) {
    Tape tape(device, Tape::Mode::training, plan);
    {
      Tensor y = cube(tape, x.on(tape));
      y = tape.record(tape.empty({2}), {y}, [fails](Backward& node) {
        const GradientPlace dy = node.gradient(0);
        if (fails) throw std::runtime_error("in backward");
        node.run([&]<class B>(B&) {
          using T = typename B::Real;  // arithmetic: these run on the CPU only
          for (int i = 0; i < 2; ++i) dy.as<T>().put(i, node.dy_data<T>()[i]);
        });
      });
      tape.backward(y, tape.input({2}, std::vector<double>{1, 1}));
    }
    tape.finish();
  };
  EXPECT_THROW(step(true), std::runtime_error);
  EXPECT_NO_THROW(step(false));
  EXPECT_THROW(step(true), std::runtime_error);
  EXPECT_NO_THROW(step(false));
  EXPECT_EQ(x.gradient, (std::vector<double>{3, 12}));
}

TEST(Tape, DropsItsPlanWithoutFinish) {
  Device device = guarded_device();
  Leaf x({1, 2});
  Arena::Plan plan;
  {
    Tape tape(device, Tape::Mode::training, plan);
    cube(tape, x.on(tape));
  }
  EXPECT_TRUE(plan.empty());
}

}  // namespace
}  // namespace ekgine::testing
