#include "model/model.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "model/weights.h"

namespace ekgine {

Model::Model(const ModelConfig& config, Device& device, ParameterSet::Use use, std::uint64_t seed)
    : config_((config.check(), config)),
      parameters_(device),
      normalisation_mean_(parameters_.add_buffer("normalisation.mean", {row_width(config.input())},
                                                 std::numeric_limits<double>::quiet_NaN())),
      normalisation_std_(parameters_.add_buffer("normalisation.std", {row_width(config.input())},
                                                std::numeric_limits<double>::quiet_NaN())) {
  if (config.input() == BeatUnit::features) {
    projection_.emplace(parameters_, "projection", config);
  } else {
    features_.emplace(parameters_, "features", config.embed_dim);
  }
  const std::int64_t ff_dim = config.ff_dim_multiplier * config.embed_dim;
  std::int64_t width = config.embed_dim;
  if (config.name == "Main_Model" || config.name == "Rhythm_Model") {
    const std::int64_t positions = config.name == "Main_Model" ? config.sequence_length : 0;
    for (std::int64_t i = 0; i < config.num_blocks; ++i) {
      conformer_.emplace_back(parameters_, fmt::format("encoder.{}", i), positions,
                              config.embed_dim, config.num_heads, ff_dim, config.kernel_size,
                              config.dropout);
    }
  } else if (config.name == "AttentionOnly") {
    for (std::int64_t i = 0; i < config.num_blocks; ++i) {
      attention_.emplace_back(parameters_, fmt::format("encoder.{}", i), config.sequence_length,
                              config.embed_dim, config.num_heads, ff_dim, config.dropout);
    }
  } else if (config.name == "CNNLSTM_Model") {
    lstm_.emplace(parameters_, "lstm", config.embed_dim, config.lstm_units);
    width = config.lstm_units;
  }
  classifier_ = std::make_unique<Dense>(parameters_, "classifier", width, class_count);
  parameters_.allocate(use, seed);
}

Tensor Model::encode(Tape& tape, const Tensor& beats) const {
  if (projection_) {
    return (*projection_)(tape, beats, normalisation_mean_.value, normalisation_std_.value);
  }
  const Tensor scalograms = morlet_cwt(tape, beats, scalogram_scales, normalisation_mean_.value,
                                       normalisation_std_.value);
  return (*features_)(tape, scalograms);
}

Tensor Model::classify(Tape& tape, const Tensor& features) const {
  Tensor x = features;
  for (const ConformerBlock& block : conformer_) x = block(tape, x);
  for (const AttentionBlock& block : attention_) x = block(tape, x);
  if (config_.labels_every_beat()) {
    return (*classifier_)(tape, x).reshape({x.shape()[0] * x.shape()[1], class_count});
  }
  return (*classifier_)(tape, lstm_ ? (*lstm_)(tape, x) : global_avg_pool(tape, x));
}

Tensor Model::forward(Tape& tape, const Tensor& beats, const Tensor& index) const {
  return classify(tape, gather(tape, encode(tape, beats), index));
}

void Model::set_normalisation(std::span<const double> mean, std::span<const double> std) {
  // Through float, as weights files hold them: a model gives the same answers after a reload.
  const auto store = [this](std::span<const double> values, const Parameter& parameter) {
    const std::vector<float> rounded(values.begin(), values.end());
    device().write(parameter.value, std::span<const float>(rounded));
  };
  store(mean, normalisation_mean_);
  store(std, normalisation_std_);
}

bool Model::has_normalisation() const {
  return !std::isnan(device().read_floats(normalisation_mean_.value).front());
}

StateDict Model::state() const {
  StateDict state;
  const auto add = [&](const Parameter& parameter) {
    const auto extents = parameter.value.shape().extents();
    state[parameter.name] = {{extents.begin(), extents.end()},
                             device().read_floats(parameter.value)};
  };
  for (const Parameter& parameter : parameters_.trainable()) add(parameter);
  for (const Parameter& buffer : parameters_.buffers()) {
    if (!buffer.name.starts_with("normalisation.") || has_normalisation()) add(buffer);
  }
  return state;
}

void Model::load(const StateDict& state, const std::string& source) {
  check_arrays(config_, state, source);
  const auto take = [&](const Parameter& parameter) {
    const auto entry = state.find(parameter.name);
    if (entry == state.end()) return;
    device().write(parameter.value, std::span<const float>(entry->second.values));
  };
  for (const Parameter& parameter : parameters_.trainable()) take(parameter);
  for (const Parameter& buffer : parameters_.buffers()) take(buffer);
}

}  // namespace ekgine
