#include "model/network.h"

#include <fmt/format.h>

#include "base/beat.h"

namespace ekgine {

Network::Network(ParameterSet& parameters, const std::string& prefix, const ModelConfig& config)
    : labels_every_beat_(config.labels_every_beat()) {
  if (config.labels_every_beat()) {
    projection_.emplace(parameters, prefix + "projection", config);
  } else {
    features_.emplace(parameters, prefix + "features", config.embed_dim);
  }
  const std::int64_t ff_dim = config.ff_dim_multiplier * config.embed_dim;
  std::int64_t width = config.embed_dim;
  if (config.name == "Main_Model" || config.name == "Rhythm_Model") {
    const std::int64_t positions = config.name == "Main_Model" ? config.sequence_length : 0;
    for (std::int64_t i = 0; i < config.num_blocks; ++i) {
      conformer_.emplace_back(parameters, fmt::format("{}encoder.{}", prefix, i), positions,
                              config.embed_dim, config.num_heads, ff_dim, config.kernel_size,
                              config.dropout);
    }
  } else if (config.name == "AttentionOnly") {
    for (std::int64_t i = 0; i < config.num_blocks; ++i) {
      attention_.emplace_back(parameters, fmt::format("{}encoder.{}", prefix, i),
                              config.sequence_length, config.embed_dim, config.num_heads, ff_dim,
                              config.dropout);
    }
  } else if (config.name == "CNNLSTM_Model") {
    lstm_.emplace(parameters, prefix + "lstm", config.embed_dim, config.lstm_units);
    width = config.lstm_units;
  }
  classifier_.emplace(parameters, prefix + "classifier", width, class_count);
}

Tensor Network::encode(Tape& tape, const Tensor& beats, const Tensor& mean,
                       const Tensor& std) const {
  if (projection_) return (*projection_)(tape, beats, mean, std);
  return (*features_)(tape, morlet_cwt(tape, beats, scalogram_scales, mean, std));
}

Tensor Network::classify(Tape& tape, const Tensor& features) const {
  Tensor x = features;
  for (const ConformerBlock& block : conformer_) x = block(tape, x);
  for (const AttentionBlock& block : attention_) x = block(tape, x);
  if (labels_every_beat_) {
    return (*classifier_)(tape, x).reshape({x.shape()[0] * x.shape()[1], class_count});
  }
  return (*classifier_)(tape, lstm_ ? (*lstm_)(tape, x) : global_avg_pool(tape, x));
}

}  // namespace ekgine
