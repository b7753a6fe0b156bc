#include "model/model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "model/weights.h"
#include "tests/cases/random.h"
#include "tests/support/expect_error.h"

namespace ekgine {
namespace {

constexpr const char* architectures[] = {"Main_Model", "AttentionOnly", "CNNLSTM_Model",
                                         "Baseline_Model"};

ModelConfig tiny(const std::string& name = "Main_Model") {
  return {.name = name,
          .embed_dim = 6,
          .num_heads = 2,
          .ff_dim_multiplier = 2,
          .kernel_size = 3,
          .lstm_units = 5};
}

std::vector<float> random_beats(std::int64_t count, std::uint64_t seed,
                                std::int64_t width = beat_samples) {
  testing::Random random(seed);
  std::vector<float> beats(static_cast<std::size_t>(count * width));
  for (float& v : beats) v = static_cast<float>(random.normal());
  return beats;
}

void set_plain_normalisation(Model& model) {
  const auto width = static_cast<std::size_t>(row_width(model.config().input()));
  const std::vector<double> mean(width, 1.0), std(width, 0.8);
  model.set_normalisation(mean, std);
}

TEST(Model, HasTheReferencesNumberOfParameters) {
  Device device = Device::cpu(DType::f32);
  const Model conformer({}, device, ParameterSet::Use::inference, 0);
  EXPECT_EQ(conformer.parameters().trainable_count(), 937'445);
  const Model baseline({.name = "Baseline_Model"}, device, ParameterSet::Use::inference, 0);
  EXPECT_EQ(baseline.parameters().trainable_count(), 93'541);
  EXPECT_EQ(count_trainable(conformer.state()), 937'445);
  // With the hyperparameters that the reference's search chose.
  const Model attention({.name = "AttentionOnly", .embed_dim = 64, .num_blocks = 2}, device,
                        ParameterSet::Use::inference, 0);
  EXPECT_EQ(attention.parameters().trainable_count(), 388'901);
  const Model lstm({.name = "CNNLSTM_Model"}, device, ParameterSet::Use::inference, 0);
  EXPECT_EQ(lstm.parameters().trainable_count(), 225'125);
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

TEST(Model, NamesTheArraysOfItsArchitecture) {
  Device device = Device::cpu(DType::f32);
  const StateDict attention =
      Model(tiny("AttentionOnly"), device, ParameterSet::Use::inference, 0).state();
  EXPECT_EQ(attention.size(), 3 * 5 + 11 + 6 + 2 + 2);
  EXPECT_EQ(attention.at("encoder.0.ffn.dense1.weight").shape, (std::vector<std::int64_t>{6, 12}));
  EXPECT_EQ(attention.at("encoder.0.attention.position").shape, (std::vector<std::int64_t>{3, 6}));
  EXPECT_TRUE(attention.contains("encoder.0.norm.bias"));
  const StateDict lstm =
      Model(tiny("CNNLSTM_Model"), device, ParameterSet::Use::inference, 0).state();
  EXPECT_EQ(lstm.size(), 3 * 5 + 3 + 2);
  EXPECT_EQ(lstm.at("lstm.weight").shape, (std::vector<std::int64_t>{6, 20}));
  EXPECT_EQ(lstm.at("lstm.recurrent_weight").shape, (std::vector<std::int64_t>{5, 20}));
  EXPECT_EQ(lstm.at("lstm.bias").shape, (std::vector<std::int64_t>{20}));
  EXPECT_EQ(lstm.at("classifier.weight").shape, (std::vector<std::int64_t>{5, 5}));
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
  const std::int64_t sequences = std::ssize(labels) / model.config().labels_per_sequence();
  const std::int64_t width = row_width(model.config().input());
  // Running statistics move in training mode; the loss does not depend on them.
  Tape tape(device, Tape::Mode::training, plan, {.seed = 5, .step = 2, .op = 0});
  const Tensor x = tape.input({std::ssize(beats) / width, width}, beats);
  const Tensor i = tape.input({sequences, std::ssize(index) / sequences}, index);
  const std::vector<float> weights = {0.5F, 2, 1, 3, 1.5F};
  const Tensor loss = softmax_cross_entropy(tape, model.forward(tape, x, i),
                                            tape.input({std::ssize(labels)}, labels),
                                            tape.input({class_count}, weights))
                          .loss;
  const double value = *loss.data<double>();
  if (gradients) tape.backward(loss);
  tape.finish();
  return value;
}

// The whole training graph, from raw beats to the weighted loss, against central differences.
TEST(Model, GradientsOfEveryParameterAreRight) {
  std::vector<ModelConfig> configs;
  for (const char* name : architectures) configs.push_back(tiny(name));
  for (const Choice<FeatureSet>& choice : choices_of(FeatureSet{})) {
    configs.push_back(tiny("Rhythm_Model"));
    configs.back().features = choice.value;
  }
  for (ModelConfig& config : configs) {
    SCOPED_TRACE(config.name + ", features " + choice_name(config.features));
    config.dropout = 0.3;
    Device device = Device::cpu(DType::f64);
    Model model(config, device, ParameterSet::Use::training, 3);
    set_plain_normalisation(model);
    Arena::Plan plan;
    const std::vector<float> beats = random_beats(2, 11, row_width(config.input()));
    const std::vector<std::int32_t> index = {0, 1, 0, 0, 1, 1};
    std::vector<std::int32_t> labels = {3, 1};
    if (config.labels_every_beat()) labels = {3, 1, 0, 2, 4, 1};
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
          << p.name << "[" << element << "]";
    }
  }
}

// Attention, convolution, recurrence and pooling along the beats take any number of them.
TEST(Model, TakesAnyNumberOfBeats) {
  for (const char* name : architectures) {
    for (const std::int64_t length : {1, 2, 3, 40}) {
      ModelConfig config = tiny(name);
      config.sequence_length = length;
      Device device = Device::cpu(DType::f32);
      Model model(config, device, ParameterSet::Use::inference, 3);
      set_plain_normalisation(model);
      Arena::Plan plan;
      Tape tape(device, Tape::Mode::inference, plan);
      std::vector<std::int32_t> index;
      for (std::int64_t t = 0; t < 2 * length; ++t) {
        index.push_back(static_cast<std::int32_t>(t % 4));
      }
      const Tensor logits = model.forward(tape, tape.input({4, beat_samples}, random_beats(4, 1)),
                                          tape.input({2, length}, index));
      ASSERT_EQ(logits.shape(), (Shape{2, class_count})) << name;
      for (const float v : logits.span<float>()) {
        EXPECT_TRUE(std::isfinite(v)) << name << ", T = " << length;
      }
    }
  }
}

TEST(Model, FloatFollowsDouble) {
  const auto logits = [](const char* name, DType type) {
    Device device = Device::cpu(type);
    Model model(tiny(name), device, ParameterSet::Use::inference, 3);
    set_plain_normalisation(model);
    Arena::Plan plan;
    Tape tape(device, Tape::Mode::inference, plan);
    const std::vector<std::int32_t> index = {0, 1, 2, 1, 2, 3};
    const Tensor y = model.forward(tape, tape.input({4, beat_samples}, random_beats(4, 1)),
                                   tape.input({2, 3}, index));
    return device.read_floats(y);
  };
  for (const char* name : architectures) {
    const std::vector<float> single = logits(name, DType::f32), exact = logits(name, DType::f64);
    for (std::size_t i = 0; i < single.size(); ++i) EXPECT_NEAR(single[i], exact[i], 2e-5) << name;
  }
}

// Beats, which of them form the sequences, and their labels.
struct Sequences {
  std::vector<float> beats;          // (U, beat_samples)
  std::vector<std::int32_t> index;   // (B, T)
  std::vector<std::int32_t> labels;  // (B)
};

struct Outcome {
  double loss;
  std::vector<double> logits;
};

// One pass; in training mode gradients are left in the model.
Outcome run(Model& model, const Sequences& s, Tape::Mode mode, RandomKey random = {}) {
  Device& device = model.device();
  Arena::Plan plan;
  Outcome outcome{};
  Tape tape(device, mode, plan, random);
  {
    const auto count = std::ssize(s.labels);
    const Tensor logits =
        model.forward(tape, tape.input({std::ssize(s.beats) / beat_samples, beat_samples}, s.beats),
                      tape.input({count, std::ssize(s.index) / count}, s.index));
    outcome.logits = device.read(logits);
    const std::vector<float> weights = {0.5F, 1.5F, 1, 2, 0.75F};
    const Tensor loss = softmax_cross_entropy(tape, logits, tape.input({count}, s.labels),
                                              tape.input({class_count}, weights))
                            .loss;
    outcome.loss = device.read(loss).front();
    if (mode == Tape::Mode::training) tape.backward(loss);
  }
  tape.finish();
  return outcome;
}

TEST(Model, SharedBeatsAreEncodedOnceAndCountAsOften) {
  Device device = Device::cpu(DType::f64);
  Model model(tiny(), device, ParameterSet::Use::training, 1);
  set_plain_normalisation(model);
  // Every beat is in two sequences, so that batch statistics agree too.
  const Sequences shared{random_beats(3, 2), {0, 1, 2, 2, 0, 1}, {0, 3}};
  Sequences each{{}, {0, 1, 2, 3, 4, 5}, shared.labels};
  for (const std::int32_t i : shared.index) {
    each.beats.insert(each.beats.end(), shared.beats.begin() + i * beat_samples,
                      shared.beats.begin() + (i + 1) * beat_samples);
  }
  for (const Tape::Mode mode : {Tape::Mode::inference, Tape::Mode::training}) {
    // Dropout draws after the features: the same bits for both.
    const Outcome a = run(model, shared, mode);
    const std::vector<double> gradients = device.read(model.parameters().gradients());
    const Outcome b = run(model, each, mode);
    EXPECT_NEAR(a.loss, b.loss, 1e-12 * a.loss);
    for (std::size_t i = 0; i < a.logits.size(); ++i) EXPECT_NEAR(a.logits[i], b.logits[i], 1e-11);
    if (mode == Tape::Mode::inference) continue;
    const std::vector<double> others = device.read(model.parameters().gradients());
    for (std::size_t i = 0; i < others.size(); ++i) {
      ASSERT_NEAR(gradients[i], others[i], 1e-9) << "element " << i;
    }
  }
}

TEST(Model, TrainingChangesRunningStatisticsAndInferenceNothing) {
  Device device = Device::cpu(DType::f32);
  Model model(tiny(), device, ParameterSet::Use::training, 1);
  set_plain_normalisation(model);
  const Sequences s{random_beats(3, 2), {0, 1, 2}, {0}};
  const StateDict before = model.state();
  run(model, s, Tape::Mode::inference);
  for (const auto& [name, array] : model.state()) EXPECT_EQ(array.values, before.at(name).values);
  run(model, s, Tape::Mode::training);
  for (const auto& [name, array] : model.state()) {
    const bool running = name.find("running_") != std::string::npos;
    EXPECT_EQ(array.values != before.at(name).values, running) << name;
  }
}

TEST(Model, StartsAsKerasDoes) {
  ModelConfig config = tiny();
  config.embed_dim = 16;
  Device device = Device::cpu(DType::f32);
  const StateDict state = Model(config, device, ParameterSet::Use::training, 5).state();
  const auto check_uniform = [&](const std::string& name, double limit) {
    const std::vector<float>& values = state.at(name).values;
    double largest = 0, sum = 0, squares = 0;
    for (const float v : values) {
      largest = std::max(largest, std::abs(static_cast<double>(v)));
      sum += v;
      squares += static_cast<double>(v) * v;
    }
    const auto n = static_cast<double>(values.size());
    EXPECT_LE(largest, limit * (1 + 1e-6)) << name;
    EXPECT_GT(largest, limit * (1 - 10 / n)) << name;
    EXPECT_NEAR(sum / n, 0, 4 * limit / std::sqrt(3 * n)) << name;
    EXPECT_NEAR(squares / n, limit * limit / 3, limit * limit * 1.2 / std::sqrt(n)) << name;
  };
  // Fans: receptive field times channels; for attention Keras counts (D, H, width) as a field of D
  // positions, and output (H, width, D) as one of H.
  check_uniform("features.conv2.weight", std::sqrt(6.0 / (9 * (32 + 64))));
  check_uniform("encoder.0.ffn1.dense1.weight", std::sqrt(6.0 / (16 + 32)));
  check_uniform("encoder.0.attention.query.weight", std::sqrt(6.0 / (16 * (2 + 16))));
  check_uniform("encoder.0.attention.output.weight", std::sqrt(6.0 / (2 * (16 + 16))));
  check_uniform("encoder.0.attention.position", 0.05);
  check_uniform("encoder.0.conv.depthwise.weight", std::sqrt(6.0 / (3 * (16 + 1))));
  for (const auto& [name, array] : state) {
    const bool one = name.ends_with("norm.weight") || name.ends_with("running_variance") ||
                     (name.starts_with("features.norm") && name.ends_with(".weight"));
    const bool zero = name.ends_with("bias") || name.ends_with("running_mean");
    if (one || zero) {
      for (const float v : array.values) ASSERT_EQ(v, one ? 1 : 0) << name;
    }
  }
  // Chosen by the seed, different from array to array.
  EXPECT_NE(Model(config, device, ParameterSet::Use::inference, 6)
                .state()
                .at("features.conv3.weight")
                .values,
            state.at("features.conv3.weight").values);
  EXPECT_NE(state.at("encoder.0.ffn1.dense1.weight").values,
            state.at("encoder.0.ffn2.dense1.weight").values);
}

TEST(Model, AnLstmStartsAsKerasDoes) {
  ModelConfig config = tiny("CNNLSTM_Model");
  config.embed_dim = 16;
  config.lstm_units = 12;
  Device device = Device::cpu(DType::f32);
  const StateDict state = Model(config, device, ParameterSet::Use::training, 5).state();
  // The limit of all four gates' columns together.
  const std::vector<float>& weight = state.at("lstm.weight").values;
  const double limit = std::sqrt(6.0 / (16 + 48));
  const auto [low, high] = std::ranges::minmax(weight);
  EXPECT_GE(low, -limit * (1 + 1e-6));
  EXPECT_LE(high, limit * (1 + 1e-6));
  EXPECT_LT(low, -0.95 * limit);
  EXPECT_GT(high, 0.95 * limit);
  // Rows of the recurrent weights: length 1, at right angles.
  const std::vector<float>& u = state.at("lstm.recurrent_weight").values;
  for (std::size_t a = 0; a < 12; ++a) {
    for (std::size_t b = 0; b <= a; ++b) {
      double dot = 0;
      for (std::size_t k = 0; k < 48; ++k)
        dot += static_cast<double>(u[a * 48 + k]) * u[b * 48 + k];
      EXPECT_NEAR(dot, a == b ? 1 : 0, 1e-6) << a << " " << b;
    }
  }
  // The forget gate is open.
  const std::vector<float>& bias = state.at("lstm.bias").values;
  for (std::size_t k = 0; k < 48; ++k) EXPECT_EQ(bias[k], k / 12 == 1 ? 1 : 0) << k;
}

TEST(Model, RefusesConfigurationsItCannotBuild) {
  Device device = Device::cpu(DType::f32);
  EXPECT_ERROR(
      Model({.name = "Other"}, device, ParameterSet::Use::inference, 0),
      "model 'Other' is unknown (Main_Model, AttentionOnly, CNNLSTM_Model, Baseline_Model, "
      "Rhythm_Model are there)");
}

TEST(RhythmModel, LabelsEveryBeatOfSequencesOfAnyLength) {
  Device device = Device::cpu(DType::f32);
  ModelConfig config = tiny("Rhythm_Model");
  config.num_blocks = 2;
  Model model(config, device, ParameterSet::Use::inference, 0);
  EXPECT_EQ(config.labels_per_sequence(), config.sequence_length);
  EXPECT_EQ(config.input(), BeatUnit::features);
  const StateDict state = model.state();
  EXPECT_EQ(state.at("projection.dense1.weight").shape, (std::vector<std::int64_t>{48, 12}));
  EXPECT_EQ(state.at("projection.dense2.weight").shape, (std::vector<std::int64_t>{12, 6}));
  EXPECT_TRUE(state.contains("encoder.1.conv.depthwise.weight"));
  EXPECT_FALSE(state.contains("encoder.0.attention.position"));
  EXPECT_FALSE(state.contains("features.conv1.weight"));
  check_arrays(config, state, "here");

  model.set_normalisation(std::vector<double>(beat_features, 0.5),
                          std::vector<double>(beat_features, 2.0));
  check_arrays(config, model.state(), "here");
  EXPECT_ERROR(config.check_beats(BeatUnit::deviation, "here"),
               "here: the beats' amplitude is deviation, the model takes features");
  testing::Random random(1);
  std::vector<float> features(5 * beat_features);
  for (float& value : features) value = static_cast<float>(random.normal());
  Tensor beats, index;
  const auto memory = device.allocate(
      "test", {{beats, {5, beat_features}, DType::f32}, {index, {2, 5}, DType::i32}});
  device.write(beats, std::span<const float>(features));
  const std::vector<std::int32_t> order = {0, 1, 2, 3, 4, 4, 3, 2, 1, 0};
  device.write(index, std::span<const std::int32_t>(order));
  Arena::Plan plan;
  Tape tape(device, Tape::Mode::inference, plan);
  const Tensor logits = model.forward(tape, beats, index);
  EXPECT_EQ(logits.shape().text(), "(10,5)");
  // Backwards is another context, so another answer.
  const std::vector<float> found = device.read_floats(logits);
  EXPECT_NE(found[0], found[45]);
  tape.finish();
}

}  // namespace
}  // namespace ekgine
