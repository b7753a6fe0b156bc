// Steps of a small model on batches that ranks can share, for tests of the CPU and of CUDA.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tests/cases/random.h"
#include "training/step.h"

namespace ekgine::testing {

inline ModelConfig small_model(const std::string& name,
                               FeatureSet features = FeatureSet::rhythm_shape) {
  ModelConfig config{.name = name,
                     .embed_dim = 8,
                     .num_heads = 2,
                     .ff_dim_multiplier = 2,
                     .kernel_size = 3,
                     .dropout = 0.2,
                     .lstm_units = 32};
  if (name == "Rhythm_Model") config.sequence_length = 4;
  config.features = features;
  return config;
}

// Distinct beats of noise in sequences that share them, or, of a model that labels every beat,
// none.
struct SharedData {
  SharedData(const ModelConfig& config, std::int64_t beats, std::int64_t sequences,
             std::uint64_t seed)
      : unit(config.input()) {
    Random random(seed);
    const std::int64_t most = sequences * config.sequence_length;
    beats = config.labels_every_beat() ? most : std::min(beats, most);
    for (std::int64_t i = 0; i < beats; ++i) ids.push_back(static_cast<std::int32_t>(7 * i));
    for (std::int64_t i = 0; i < beats * row_width(unit); ++i) {
      values.push_back(static_cast<float>(random.normal()));
    }
    for (std::int64_t i = 0; i < sequences * config.sequence_length; ++i) {
      const std::int64_t beat = config.labels_every_beat() ? i : random.integer(0, beats - 1);
      index.push_back(static_cast<std::int32_t>(beat));
    }
    for (std::int64_t i = 0; i < sequences * config.labels_per_sequence(); ++i) {
      labels.push_back(static_cast<std::int32_t>(random.integer(0, class_count - 1)));
    }
  }
  BatchView view() const { return {{values, unit}, ids, index, labels}; }

  BeatUnit unit;
  std::vector<float> values;
  std::vector<std::int32_t> ids, index, labels;
};

// What a step leaves behind.
struct After {
  std::vector<double> gradients, buffers, weights;
  kernels::RunningLoss totals;
};

inline TrainingStep::Settings shared_settings(Ranks* ranks) {
  return {.class_weights = {1.0F, 2.0F, 0.5F, 3.0F, 1.0F},
          .seed = 3,
          .jitter = {.deviation = 0.25},
          .ema_decay = 0,
          .sequences = 9,
          .beats = 36,
          .ranks = ranks};
}

// Of a model on `device`, trained by these batches, one after another; with `ranks` as one of them.
inline After after_steps(Device& device, const ModelConfig& config,
                         std::span<const SharedData> batches, Ranks* ranks) {
  Model model(config, device, ParameterSet::Use::training, 1);
  const auto width = static_cast<std::size_t>(row_width(config.input()));
  model.set_normalisation(std::vector<double>(width, 0.1), std::vector<double>(width, 1.5));
  TrainingStep::Settings settings = shared_settings(ranks);
  if (has_features(config.input())) settings.jitter = {};
  TrainingStep step(model, device, settings);
  device.activations().seal();
  device.back_activations();
  const std::size_t planned = device.activations().high_water();
  std::int64_t number = 0;
  for (const SharedData& data : batches) step.run(data.view(), ++number, 1e-3);
  EXPECT_EQ(device.activations().high_water(), planned);
  EXPECT_EQ(device.activations().faults(), 0);
  const ParameterSet& parameters = model.parameters();
  return {device.read(parameters.gradients()), device.read(parameters.buffer_values()),
          device.read(parameters.values()), step.totals()};
}

inline double largest(const std::vector<double>& values) {
  double most = 0;
  for (const double value : values) {
    if (std::isfinite(value)) most = std::max(most, std::abs(value));
  }
  return most;
}

inline std::vector<ModelConfig> all_models() {
  std::vector<ModelConfig> models = {
      small_model("Main_Model"),    small_model("AttentionOnly"),
      small_model("CNNLSTM_Model"), small_model("Baseline_Model"),
      small_model("Rhythm_Model"),  small_model("Rhythm_Model", FeatureSet::rhythm_scalogram),
      small_model("Rhythm_Model"),
  };
  models[6].ensemble_size = 2;
  return models;
}

inline std::string model_test_name(const ::testing::TestParamInfo<ModelConfig>& of) {
  std::string name =
      fmt::format("{}_{}_{}", of.param.name, choice_name(of.param.features), of.param.members());
  std::ranges::replace(name, '+', '_');
  return name;
}

}  // namespace ekgine::testing
