#include "model/model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "tests/support/expect_error.h"
#include "tests/support/random.h"

namespace ekgine {
namespace {

ModelConfig tiny() {
  return {.embed_dim = 6, .num_heads = 2, .ff_dim_multiplier = 2, .kernel_size = 3};
}

std::vector<float> random_beats(std::int64_t count, std::uint64_t seed) {
  testing::Random random(seed);
  std::vector<float> beats(static_cast<std::size_t>(count * beat_samples));
  for (float& v : beats) v = static_cast<float>(random.normal());
  return beats;
}

void set_plain_normalisation(Model& model) {
  const std::vector<double> mean(beat_samples, 1.0), std(beat_samples, 0.8);
  model.set_normalisation(mean, std);
}

TEST(Model, HasTheSeedsNumberOfParameters) {
  Device device = Device::cpu(DType::f32);
  const Model conformer({}, device, ParameterSet::Use::inference, 0);
  EXPECT_EQ(conformer.parameters().trainable_count(), 937'445);
  const Model baseline({.name = "Baseline_Model"}, device, ParameterSet::Use::inference, 0);
  EXPECT_EQ(baseline.parameters().trainable_count(), 93'541);
  EXPECT_EQ(count_trainable(conformer.state()), 937'445);
}

TEST(Model, NamesItsArraysAsDocumented) {
  Device device = Device::cpu(DType::f32);
  Model model(tiny(), device, ParameterSet::Use::inference, 0);
  const StateDict without = model.state();
  EXPECT_FALSE(without.contains("normalisation.mean"));
  EXPECT_FALSE(model.has_normalisation());
  set_plain_normalisation(model);
  EXPECT_TRUE(model.has_normalisation());
  const StateDict state = model.state();
  const std::map<std::string, std::vector<std::int64_t>> some = {
      {"features.conv1.weight", {3, 3, 1, 32}},
      {"features.conv3.weight", {3, 3, 64, 6}},
      {"features.norm3.running_variance", {6}},
      {"encoder.0.ffn1.dense1.weight", {6, 12}},
      {"encoder.0.ffn2.dense2.bias", {6}},
      {"encoder.0.attention.position", {3, 6}},
      {"encoder.0.attention.query.weight", {6, 2, 6}},
      {"encoder.0.attention.key.bias", {2, 6}},
      {"encoder.0.attention.output.weight", {2, 6, 6}},
      {"encoder.0.conv.pointwise1.weight", {6, 12}},
      {"encoder.0.conv.depthwise.weight", {3, 6}},
      {"encoder.0.conv.batch_norm.running_mean", {6}},
      {"encoder.0.norm.weight", {6}},
      {"classifier.weight", {6, 5}},
      {"normalisation.std", {187}}};
  for (const auto& [name, shape] : some) {
    ASSERT_TRUE(state.contains(name)) << name;
    EXPECT_EQ(state.at(name).shape, shape) << name;
  }
  // Features, feed-forwards, attention, convolution module, norm, classifier, normalisation.
  EXPECT_EQ(state.size(), 3 * 5 + 2 * 6 + 11 + 12 + 2 + 2 + 2);
}

TEST(Model, LoadingListsEverythingThatDoesNotFit) {
  Device device = Device::cpu(DType::f32);
  Model model(tiny(), device, ParameterSet::Use::inference, 0);
  StateDict state = model.state();
  state.erase("classifier.bias");
  state.erase("encoder.0.norm.weight");
  state["encoder.7.norm.weight"] = {{6}, std::vector<float>(6)};
  state["features.conv1.weight"] = {{3, 3, 2, 16}, std::vector<float>(288)};
  const StateDict before = model.state();
  EXPECT_ERROR(model.load(state, "w.safetensors"),
               "w.safetensors: weights do not fit Main_Model — missing: encoder.0.norm.weight, "
               "classifier.bias; unexpected: encoder.7.norm.weight; wrong shape: "
               "features.conv1.weight is (3,3,2,16), expected (3,3,1,32)");
  for (const auto& [name, array] : model.state()) {
    EXPECT_EQ(array.values, before.at(name).values) << name << " was changed all the same";
  }
}

TEST(Model, ComesBackFromItsState) {
  Device device = Device::cpu(DType::f32);
  Model model(tiny(), device, ParameterSet::Use::inference, 1);
  set_plain_normalisation(model);
  Model other(tiny(), device, ParameterSet::Use::inference, 2);
  EXPECT_NE(other.state().at("classifier.weight").values,
            model.state().at("classifier.weight").values);
  other.load(model.state(), "state");
  for (const auto& [name, array] : model.state()) {
    EXPECT_EQ(other.state().at(name).values, array.values) << name;
  }
}

// Loss of a model in double on fixed data, with dropout; gradients too, if wanted.
double loss_of(Model& model, Device& device, Arena::Plan& plan, const std::vector<float>& beats,
               const std::vector<std::int32_t>& index, const std::vector<std::int32_t>& labels,
               bool gradients) {
  const auto sequences = std::ssize(labels);
  // Running statistics move in training mode; the loss does not depend on them.
  Tape tape(device, Tape::Mode::training, plan, {.seed = 5, .step = 2, .op = 0});
  const Tensor x = tape.input({std::ssize(beats) / beat_samples, beat_samples}, beats);
  const Tensor i = tape.input({sequences, std::ssize(index) / sequences}, index);
  const std::vector<float> weights = {0.5F, 2, 1, 3, 1.5F};
  const Tensor loss =
      softmax_cross_entropy(tape, model.forward(tape, x, i), tape.input({sequences}, labels),
                            tape.input({class_count}, weights))
          .loss;
  const double value = *loss.data<double>();
  if (gradients) tape.backward(loss);
  tape.finish();
  return value;
}

// The whole training graph, from raw beats to the weighted loss, against central differences.
TEST(Model, GradientsOfEveryParameterAreRight) {
  for (const char* name : {"Main_Model", "Baseline_Model"}) {
    ModelConfig config = tiny();
    config.name = name;
    config.dropout = 0.3;
    Device device = Device::cpu(DType::f64);
    Model model(config, device, ParameterSet::Use::training, 3);
    set_plain_normalisation(model);
    Arena::Plan plan;
    const std::vector<float> beats = random_beats(2, 11);
    const std::vector<std::int32_t> index = {0, 1, 0, 0, 1, 1};
    const std::vector<std::int32_t> labels = {3, 1};
    loss_of(model, device, plan, beats, index, labels, true);
    std::vector<std::vector<double>> gradients;
    double largest = 0;
    for (const Parameter& p : model.parameters().trainable()) {
      const auto g = p.gradient.span<double>();
      gradients.emplace_back(g.begin(), g.end());
      for (const double v : g) largest = std::max(largest, std::abs(v));
    }
    Arena::Plan forward_plan;
    testing::Random random(17);
    std::size_t number = 0;
    for (Parameter& p : model.parameters().trainable()) {
      const auto& gradient = gradients[number++];
      const auto element = random.integer(0, p.value.size() - 1);
      double& weight = p.value.data<double>()[element];
      const double centre = weight, h = 1e-5;
      weight = centre + h;
      const double above = loss_of(model, device, forward_plan, beats, index, labels, false);
      weight = centre - h;
      const double below = loss_of(model, device, forward_plan, beats, index, labels, false);
      weight = centre;
      const double numeric = (above - below) / (2 * h);
      // Rectifiers that change sign within ±h leave an error of their own, far below this.
      EXPECT_NEAR(gradient[static_cast<std::size_t>(element)], numeric, 1e-6 * largest)
          << name << " " << p.name << "[" << element << "]";
    }
  }
}

// Attention, convolution and pooling along the beats take any number of them.
TEST(Model, TakesAnyNumberOfBeats) {
  for (const std::int64_t length : {1, 2, 3, 40}) {
    ModelConfig config = tiny();
    config.sequence_length = length;
    Device device = Device::cpu(DType::f32);
    Model model(config, device, ParameterSet::Use::inference, 3);
    set_plain_normalisation(model);
    Arena::Plan plan;
    Tape tape(device, Tape::Mode::inference, plan);
    std::vector<std::int32_t> index;
    for (std::int64_t t = 0; t < 2 * length; ++t) index.push_back(static_cast<std::int32_t>(t % 4));
    const Tensor logits = model.forward(tape, tape.input({4, beat_samples}, random_beats(4, 1)),
                                        tape.input({2, length}, index));
    ASSERT_EQ(logits.shape(), (Shape{2, class_count}));
    for (const float v : logits.span<float>()) EXPECT_TRUE(std::isfinite(v)) << "T = " << length;
  }
}

TEST(Model, FloatFollowsDouble) {
  const auto logits = [](DType type) {
    Device device = Device::cpu(type);
    Model model(tiny(), device, ParameterSet::Use::inference, 3);
    set_plain_normalisation(model);
    Arena::Plan plan;
    Tape tape(device, Tape::Mode::inference, plan);
    const std::vector<std::int32_t> index = {0, 1, 2, 1, 2, 3};
    const Tensor y = model.forward(tape, tape.input({4, beat_samples}, random_beats(4, 1)),
                                   tape.input({2, 3}, index));
    return device.read_floats(y);
  };
  const std::vector<float> single = logits(DType::f32), exact = logits(DType::f64);
  for (std::size_t i = 0; i < single.size(); ++i) EXPECT_NEAR(single[i], exact[i], 2e-5);
}

TEST(Model, RefusesConfigurationsItCannotBuild) {
  Device device = Device::cpu(DType::f32);
  EXPECT_ERROR(Model({.name = "Other"}, device, ParameterSet::Use::inference, 0),
               "model 'Other' is unknown (Main_Model, Baseline_Model are there)");
}

}  // namespace
}  // namespace ekgine
