#include "model/model.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <numeric>
#include <set>

#include "base/hdf5.h"
#include "engine/optimiser.h"
#include "model/keras_import.h"
#include "tests/model/keras_reference.h"
#include "tests/support/expect_error.h"
#include "tests/support/random.h"

namespace ekgine {
namespace {

using nlohmann::json;
using testing::expect_array;
using testing::Random;
using testing::read_fixture;
using Use = ParameterSet::Use;

ModelConfig tiny_main() {
  ModelConfig config;
  config.sequence_length = 3;
  config.embed_dim = 4;
  config.num_heads = 2;
  config.ff_dim_multiplier = 2;
  config.kernel_size = 3;
  return config;
}

ModelConfig tiny_baseline() {
  ModelConfig config;
  config.name = "Baseline_Model";
  config.embed_dim = 4;
  return config;
}

// Statistics that every column of noise of standard deviation 1 roughly has.
void normalise_for_noise(Model& model) {
  const std::vector<double> mean(beat_samples, 1.5), std(beat_samples, 1.0);
  model.set_normalisation(mean, std);
}

std::vector<float> random_beats(std::int64_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> beats;
  for (std::int64_t i = 0; i < count * beat_samples; ++i) {
    beats.push_back(static_cast<float>(random.normal()));
  }
  return beats;
}

struct Sequences {
  std::vector<float> beats;          // (U, beat_samples)
  std::vector<std::int32_t> index;   // (B, T)
  std::vector<std::int32_t> labels;  // (B)

  std::int64_t count() const { return std::ssize(labels); }
};

const std::vector<float> class_weights = {0.5F, 1.5F, 1, 2, 0.75F};

std::vector<double> to_doubles(const Tensor& tensor) {
  const std::vector<float> floats =
      tensor.dtype() == DType::f32 ? to_floats(tensor) : std::vector<float>();
  if (tensor.dtype() == DType::f32) return {floats.begin(), floats.end()};
  const auto values = tensor.span<double>();
  return {values.begin(), values.end()};
}

// Logits and, in training mode, loss and gradients (left in the model).
struct Outcome {
  double loss = 0;
  std::vector<double> logits;
};
Outcome run(Model& model, const Sequences& s, Tape::Mode mode, RandomKey random = {}) {
  Device device = Device::cpu(model.parameters().dtype());
  Arena::Plan plan;
  Tape tape(device, mode, plan, random);
  const std::int64_t length = std::ssize(s.index) / s.count();
  Tensor logits =
      model.forward(tape, tape.input({std::ssize(s.beats) / beat_samples, beat_samples}, s.beats),
                    tape.input({s.count(), length}, s.index));
  Outcome outcome{0, to_doubles(logits)};
  const CrossEntropy cross_entropy = softmax_cross_entropy(
      tape, logits, tape.input({s.count()}, s.labels), tape.input({class_count}, class_weights));
  outcome.loss = to_doubles(cross_entropy.loss).front();
  if (mode == Tape::Mode::training) tape.backward(cross_entropy.loss);
  logits = Tensor();
  return outcome;
}

// --- What a model is ----------------------------------------------------------------------------

TEST(Model, HasTheSeedsNumberOfParameters) {
  const Model main(ModelConfig{}, DType::f32, Use::inference, 0);
  EXPECT_EQ(main.parameters().trainable_count(), 937445);
  EXPECT_EQ(count_trainable(main.state()), 937445);
  ModelConfig config;
  config.name = "Baseline_Model";
  EXPECT_EQ(Model(config, DType::f32, Use::inference, 0).parameters().trainable_count(), 93541);
}

// Names and shapes, as model/state_dict.h lists them.
std::map<std::string, std::vector<std::int64_t>> documented_arrays(const ModelConfig& c) {
  std::map<std::string, std::vector<std::int64_t>> arrays;
  const std::int64_t d = c.embed_dim, h = c.num_heads, f = c.ff_dim_multiplier * d;
  const auto norm = [&](const std::string& name, std::int64_t width, bool running) {
    for (const char* part : {"weight", "bias"}) arrays[name + "." + part] = {width};
    if (!running) return;
    for (const char* part : {"mean", "variance"}) arrays[name + ".running_" + part] = {width};
  };
  const auto dense = [&](const std::string& name, std::int64_t in, std::int64_t out) {
    arrays[name + ".weight"] = {in, out};
    arrays[name + ".bias"] = {out};
  };
  const std::int64_t widths[] = {1, 32, 64, d};
  for (std::size_t i = 1; i <= 3; ++i) {
    arrays[fmt::format("features.conv{}.weight", i)] = {3, 3, widths[i - 1], widths[i]};
    norm(fmt::format("features.norm{}", i), widths[i], true);
  }
  for (std::int64_t n = 0; c.name == "Main_Model" && n < c.num_blocks; ++n) {
    const std::string block = fmt::format("encoder.{}.", n);
    for (const char* ffn : {"ffn1", "ffn2"}) {
      norm(block + ffn + ".norm", d, false);
      dense(block + ffn + ".dense1", d, f);
      dense(block + ffn + ".dense2", f, d);
    }
    norm(block + "attention.norm", d, false);
    arrays[block + "attention.position"] = {c.sequence_length, d};
    for (const char* part : {"query", "key", "value"}) {
      arrays[block + "attention." + part + ".weight"] = {d, h, d};
      arrays[block + "attention." + part + ".bias"] = {h, d};
    }
    arrays[block + "attention.output.weight"] = {h, d, d};
    arrays[block + "attention.output.bias"] = {d};
    norm(block + "conv.norm", d, false);
    dense(block + "conv.pointwise1", d, 2 * d);
    arrays[block + "conv.depthwise.weight"] = {c.kernel_size, d};
    arrays[block + "conv.depthwise.bias"] = {d};
    norm(block + "conv.batch_norm", d, true);
    dense(block + "conv.pointwise2", d, d);
    norm(block + "norm", d, false);
  }
  dense("classifier", d, 5);
  arrays["normalisation.mean"] = arrays["normalisation.std"] = {beat_samples};
  return arrays;
}

TEST(Model, ArraysAreThoseOfTheStateDict) {
  ModelConfig odd = tiny_main();
  odd.sequence_length = 7;
  odd.embed_dim = 6;
  odd.num_heads = 3;
  odd.num_blocks = 3;
  for (const ModelConfig& config : {ModelConfig{}, odd, tiny_baseline()}) {
    Model model(config, DType::f32, Use::inference, 1);
    normalise_for_noise(model);
    std::map<std::string, std::vector<std::int64_t>> shapes;
    for (const auto& [name, array] : model.state()) {
      shapes[name] = array.shape;
      EXPECT_EQ(std::ssize(array.values), std::accumulate(array.shape.begin(), array.shape.end(),
                                                          std::int64_t{1}, std::multiplies<>()))
          << name;
    }
    EXPECT_EQ(shapes, documented_arrays(config));
    EXPECT_EQ(count_trainable(model.state()), model.parameters().trainable_count());
  }
}

TEST(Model, StartsAsKerasDoes) {
  ModelConfig config = tiny_main();
  config.embed_dim = 16;
  const Model model(config, DType::f32, Use::training, 5);
  const StateDict state = model.state();
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
  // Chosen by the seed, the same in double, different from array to array.
  EXPECT_EQ(Model(config, DType::f64, Use::inference, 5).state().at("features.conv3.weight").values,
            state.at("features.conv3.weight").values);
  EXPECT_NE(Model(config, DType::f32, Use::inference, 6).state().at("features.conv3.weight").values,
            state.at("features.conv3.weight").values);
  EXPECT_NE(state.at("encoder.0.ffn1.dense1.weight").values,
            state.at("encoder.0.ffn2.dense1.weight").values);
}

TEST(Model, StateGoesRoundTrip) {
  for (const DType type : {DType::f32, DType::f64}) {
    Model a(tiny_main(), type, Use::training, 1), b(tiny_main(), type, Use::inference, 2);
    EXPECT_FALSE(a.has_normalisation());
    EXPECT_FALSE(a.state().contains("normalisation.mean"));
    b.load(a.state(), "a");
    EXPECT_FALSE(b.has_normalisation());
    normalise_for_noise(a);
    EXPECT_TRUE(a.has_normalisation());
    b.load(a.state(), "a");
    EXPECT_TRUE(b.has_normalisation());
    const StateDict expected = a.state(), found = b.state();
    ASSERT_EQ(found.size(), expected.size());
    for (const auto& [name, array] : expected) EXPECT_EQ(found.at(name).values, array.values);
  }
}

TEST(Model, LoadingIsStrict) {
  Model model(tiny_main(), DType::f32, Use::inference, 1);
  StateDict state = model.state();
  const std::vector<float> before = state.at("features.conv1.weight").values;
  state.at("features.conv1.weight").values.assign(288, 7);
  state.erase("features.norm1.bias");
  state.erase("encoder.0.conv.batch_norm.running_mean");
  state["encoder.1.norm.weight"] = {{4}, {1, 1, 1, 1}};
  state["classifier.weights"] = {{1}, {1}};
  state.at("classifier.weight").shape = {5, 4};
  state.at("encoder.0.attention.position") = {{2, 4}, std::vector<float>(8)};
  state["normalisation.mean"] = {{187}, std::vector<float>(187)};
  EXPECT_ERROR(
      model.load(state, "w.safetensors"),
      "w.safetensors: weights do not fit Main_Model — missing: features.norm1.bias, "
      "normalisation.std, encoder.0.conv.batch_norm.running_mean; unexpected: classifier.weights, "
      "encoder.1.norm.weight; wrong shape: encoder.0.attention.position is (2,4), expected (3,4), "
      "classifier.weight is (5,4), expected (4,5)");
  // Nothing was taken over.
  EXPECT_EQ(model.state().at("features.conv1.weight").values, before);
  const Model baseline(tiny_baseline(), DType::f32, Use::inference, 1);
  EXPECT_ERROR(model.load(baseline.state(), "b"), "missing: encoder.0.ffn1.norm.weight, ");
}

TEST(Model, ConfigurationsOutOfRangeAreRefused) {
  ModelConfig config = tiny_main();
  config.kernel_size = 4;
  EXPECT_ERROR(Model(config, DType::f32, Use::inference, 1), "kernel_size must be odd, got 4");
}

// --- What it computes ---------------------------------------------------------------------------

// Central differences of the loss, for some elements of every parameter, dropout included: its bits
// depend on the key of the step alone. Only the feature extractor's parameters need the whole
// forward pass; the others see the features of the unperturbed one.
TEST(Model, GradientsAreThoseOfTheLoss) {
  ModelConfig config = tiny_main();
  config.dropout = 0.3;
  Model model(config, DType::f64, Use::training, 3);
  testing::set_initial_values(model.parameters());
  normalise_for_noise(model);
  const Sequences s{random_beats(3, 8), {0, 1, 2, 2, 0, 1}, {2, 4}};
  const RandomKey key{11, 5, 0};
  run(model, s, Tape::Mode::training, key);

  Device device = Device::cpu(DType::f64);
  const auto loss_of_logits = [&](Tape& tape, const Tensor& logits) {
    return to_doubles(softmax_cross_entropy(tape, logits, tape.input({2}, s.labels),
                                            tape.input({class_count}, class_weights))
                          .loss)
        .front();
  };
  const auto whole_loss = [&] {
    Arena::Plan plan;
    Tape tape(device, Tape::Mode::training, plan, key);
    return loss_of_logits(tape, model.forward(tape, tape.input({3, beat_samples}, s.beats),
                                              tape.input({2, 3}, s.index)));
  };
  std::vector<double> features;  // (B,T,D)
  {
    Arena::Plan plan;
    Tape tape(device, Tape::Mode::training, plan, key);
    features = to_doubles(gather(tape, model.encode(tape, tape.input({3, beat_samples}, s.beats)),
                                 tape.input({2, 3}, s.index)));
  }
  const auto encoder_loss = [&] {
    Arena::Plan plan;
    Tape tape(device, Tape::Mode::training, plan, key);
    return loss_of_logits(tape,
                          model.classify(tape, tape.input({2, 3, config.embed_dim}, features)));
  };
  EXPECT_EQ(encoder_loss(), whole_loss());

  Random random(4);
  for (Parameter& parameter : model.parameters().trainable()) {
    const auto values = parameter.value.span<double>();
    const std::vector<double> gradient = to_doubles(parameter.gradient);
    const bool feature = parameter.name.starts_with("features.");
    double largest = 1e-2;
    for (const double g : gradient) largest = std::max(largest, std::abs(g));
    for (int sample = 0; sample < (feature ? 2 : 4); ++sample) {
      const auto i = static_cast<std::size_t>(random.integer(0, std::ssize(gradient) - 1));
      const double x = values[i], h = 1e-6 * std::max(1.0, std::abs(x));
      values[i] = x + h;
      const double up = feature ? whole_loss() : encoder_loss();
      values[i] = x - h;
      const double down = feature ? whole_loss() : encoder_loss();
      values[i] = x;
      EXPECT_NEAR(gradient[i], (up - down) / (2 * h), 2e-7 * largest)
          << parameter.name << ", element " << i;
    }
  }
}

TEST(Model, RunsOnAnyNumberOfBeats) {
  const std::vector<float> beats = random_beats(6, 1);
  const auto logits = [&](const ModelConfig& config, std::int64_t length) {
    Model model(config, DType::f32, Use::training, 7);
    normalise_for_noise(model);
    Sequences s{beats, {}, {1, 3}};
    for (std::int32_t i = 0; i < 2 * length; ++i) s.index.push_back(i % 6);
    run(model, s, Tape::Mode::training);
    return run(model, s, Tape::Mode::inference).logits;
  };
  ModelConfig config = tiny_main();
  config.kernel_size = 11;
  for (const std::int64_t length : {1, 2, 3}) {
    for (const double v : logits(config, length)) EXPECT_TRUE(std::isfinite(v)) << length;
  }
  EXPECT_ERROR(logits(config, 4), "add_position: ");
  config.sequence_length = 40;
  for (const std::int64_t length : {1, 39, 40}) {
    for (const double v : logits(config, length)) EXPECT_TRUE(std::isfinite(v)) << length;
  }
  EXPECT_EQ(logits(tiny_baseline(), 17).size(), 10u);
  // Order matters to the one, not to the other.
  for (const bool conformer : {true, false}) {
    Model model(conformer ? tiny_main() : tiny_baseline(), DType::f64, Use::inference, 7);
    testing::set_initial_values(model.parameters());
    normalise_for_noise(model);
    const std::vector<double> y =
        run(model, {beats, {0, 1, 2, 2, 1, 0}, {0, 0}}, Tape::Mode::inference).logits;
    const double difference = std::abs(y[0] - y[5]);
    if (conformer) {
      EXPECT_GT(difference, 1e-3);
    } else {
      EXPECT_LT(difference, 1e-12);
    }
  }
}

TEST(Model, SharedBeatsAreEncodedOnceAndCountAsOften) {
  Model model(tiny_main(), DType::f64, Use::training, 1);
  testing::set_initial_values(model.parameters());
  normalise_for_noise(model);
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
    std::vector<double> gradients;
    if (mode == Tape::Mode::training) gradients = to_doubles(model.parameters().gradients());
    const Outcome b = run(model, each, mode);
    EXPECT_NEAR(a.loss, b.loss, 1e-12 * a.loss);
    for (std::size_t i = 0; i < a.logits.size(); ++i) EXPECT_NEAR(a.logits[i], b.logits[i], 1e-11);
    if (gradients.empty()) continue;
    const std::vector<double> others = to_doubles(model.parameters().gradients());
    for (std::size_t i = 0; i < others.size(); ++i) {
      ASSERT_NEAR(gradients[i], others[i], 1e-9) << "element " << i;
    }
  }
}

TEST(Model, FloatFollowsDouble) {
  for (const ModelConfig& config : {tiny_main(), tiny_baseline()}) {
    Model f32(config, DType::f32, Use::training, 9), f64(config, DType::f64, Use::training, 9);
    normalise_for_noise(f32);
    normalise_for_noise(f64);
    const Sequences s{random_beats(4, 3), {0, 1, 2, 1, 2, 3}, {4, 1}};
    const RandomKey key{1, 2, 0};
    const Outcome a = run(f32, s, Tape::Mode::training, key);
    const Outcome b = run(f64, s, Tape::Mode::training, key);
    EXPECT_NEAR(a.loss, b.loss, 1e-5 * b.loss);
    for (std::size_t i = 0; i < a.logits.size(); ++i) EXPECT_NEAR(a.logits[i], b.logits[i], 1e-5);
    for (std::size_t p = 0; p < f32.parameters().trainable().size(); ++p) {
      const Parameter& wide = f64.parameters().trainable()[p];
      const std::vector<double> expected = to_doubles(wide.gradient);
      const std::vector<double> found = to_doubles(f32.parameters().trainable()[p].gradient);
      double largest = 1e-3;
      for (const double g : expected) largest = std::max(largest, std::abs(g));
      for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_NEAR(found[i], expected[i], 1e-5 * largest) << wide.name << ", element " << i;
      }
    }
  }
}

TEST(Model, TrainingChangesRunningStatisticsAndInferenceNothing) {
  Model model(tiny_main(), DType::f32, Use::training, 1);
  normalise_for_noise(model);
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

// --- Against Keras ------------------------------------------------------------------------------

class KerasSteps : public ::testing::TestWithParam<std::size_t> {
 protected:
  const json fixture_ = read_fixture("training_steps.json");
  const json& case_ = fixture_.at("cases").at(GetParam());
  const ModelConfig config_ = ModelConfig::from_json(case_.at("config"), "fixture");

  std::vector<float> beat(std::int64_t i) const {
    std::vector<float> samples = case_.at("beats").at(static_cast<std::size_t>(i));
    for (float& v : samples) v /= 1024;
    return samples;
  }
  // With the distinct beats of the batch alone: batch statistics are theirs.
  Sequences batch(const json& step) const {
    Sequences s;
    s.labels = step.at("labels").get<std::vector<std::int32_t>>();
    std::map<std::int32_t, std::int32_t> places;
    for (const json& row : step.at("index")) {
      for (const json& i : row) places[i.get<std::int32_t>()] = 0;
    }
    std::int32_t next = 0;
    for (auto& [i, place] : places) {
      place = next++;
      const std::vector<float> samples = beat(i);
      s.beats.insert(s.beats.end(), samples.begin(), samples.end());
    }
    for (const json& row : step.at("index")) {
      for (const json& i : row) s.index.push_back(places.at(i.get<std::int32_t>()));
    }
    return s;
  }
  void prepare(Model& model) const {
    testing::set_initial_values(model.parameters());
    const std::vector<double> mean = case_.at("mean"), std = case_.at("std");
    model.set_normalisation(mean, std);
  }
};

TEST_P(KerasSteps, ForwardPassesAgree) {
  Model model(config_, DType::f64, Use::inference, 0);
  prepare(model);
  const Sequences s = batch(case_.at("steps").at(0));
  expect_array("logits", run(model, s, Tape::Mode::inference).logits,
               case_.at("forward").at("logits"), 1e-10);
}

TEST_P(KerasSteps, LossesGradientsAndUpdatesAgree) {
  Model model(config_, DType::f64, Use::training, 0);
  prepare(model);
  Device device = Device::cpu(DType::f64);
  const json& settings = fixture_.at("settings");
  ASSERT_EQ(settings.at("class_weights").get<std::vector<float>>(), class_weights);
  std::int64_t number = 0;
  for (const json& step : case_.at("steps")) {
    const double loss = step.at("loss");
    EXPECT_NEAR(run(model, batch(step), Tape::Mode::training).loss, loss, 1e-9 * loss)
        << "step " << number;
    if (step.contains("gradients")) {
      EXPECT_EQ(step.at("gradients").size(), model.parameters().trainable().size());
      for (const Parameter& parameter : model.parameters().trainable()) {
        SCOPED_TRACE("gradient");
        expect_array(parameter.name, parameter.gradient.span<double>(),
                     step.at("gradients").at(parameter.name), 1e-9);
      }
    }
    adamw_step(device, model.parameters(),
               {.learning_rate = settings.at("learning_rate"),
                .weight_decay = settings.at("weight_decay")},
               ++number);
  }
  const auto expect_trained = [&](const Parameter& parameter) {
    if (parameter.name.starts_with("normalisation.")) return;
    expect_array(parameter.name, parameter.value.span<double>(),
                 case_.at("trained").at(parameter.name), 1e-9);
  };
  for (const Parameter& parameter : model.parameters().trainable()) expect_trained(parameter);
  for (const Parameter& buffer : model.parameters().buffers()) expect_trained(buffer);

  const Sequences s = batch(case_.at("steps").at(0));
  Arena::Plan plan;
  Tape tape(device, Tape::Mode::inference, plan);
  const Tensor probabilities = softmax(
      tape,
      model.forward(tape, tape.input({std::ssize(s.beats) / beat_samples, beat_samples}, s.beats),
                    tape.input({s.count(), std::ssize(s.index) / s.count()}, s.index)));
  expect_array("probabilities", probabilities.span<double>(), case_.at("trained_probabilities"),
               1e-9);
}

INSTANTIATE_TEST_SUITE_P(Main3Main5Baseline, KerasSteps, ::testing::Values(0, 1, 2));

// The seed's trained Main_Model, imported from its .keras file, against Keras in double.
TEST(Model, TheSeedsModelComputesWhatKerasComputes) {
  const char* folder = std::getenv("EKGINE_SEED_REFERENCE");
  if (folder == nullptr) GTEST_SKIP() << "the variable EKGINE_SEED_REFERENCE is not set";
  const ModelWeights weights =
      import_keras(std::filesystem::path(folder) / "Main_Model.fold5.keras");
  Model model(weights.config, DType::f64, Use::inference, 0);
  model.load(weights.state, "fold5");
  const hdf5::File golden = hdf5::File::open(std::filesystem::path(folder) / "cwt_morl.h5");
  model.set_normalisation(golden.read<double>("train_mean"), golden.read<double>("train_std"));
  Sequences s;
  s.beats = golden.read<float>("beats_mV");
  s.beats.resize(24 * beat_samples);
  s.index.resize(24);
  std::iota(s.index.begin(), s.index.end(), 0);
  s.labels.resize(8);
  // Beats in mV are multiples of 1/200, which float rounds by up to 6e-8.
  expect_array("logits", run(model, s, Tape::Mode::inference).logits,
               read_fixture("main_model.json").at("logits"), 2e-6);
  Device device = Device::cpu(DType::f64);
  Arena::Plan plan;
  Tape tape(device, Tape::Mode::inference, plan);
  const Tensor features = model.encode(tape, tape.input({24, beat_samples}, s.beats));
  expect_array("features", features.span<double>(), read_fixture("main_model.json").at("features"),
               1e-6);
}

}  // namespace
}  // namespace ekgine
