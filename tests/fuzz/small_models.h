// The smallest model of each architecture; as a file of Keras, where it has that form: all weights
// are zero.
#pragma once

#include <filesystem>
#include <functional>
#include <numeric>
#include <vector>

#include "model/keras_export.h"
#include "model/keras_layout.h"

namespace ekgine::fuzz {

inline std::vector<ModelConfig> small_models() {
  std::vector<ModelConfig> configs;
  for (const std::string& name : model_names()) {
    ModelConfig config;
    config.name = name;
    config.sequence_length = 2;
    config.embed_dim = 4;
    config.num_heads = 2;
    config.ff_dim_multiplier = 1;
    config.kernel_size = 3;
    config.lstm_units = 2;
    configs.push_back(config);
  }
  return configs;
}

// Those of samples: models of features have no form in Keras.
inline std::vector<ModelConfig> small_keras_models() {
  std::vector<ModelConfig> configs = small_models();
  std::erase_if(configs, [](const ModelConfig& c) { return c.input() == BeatUnit::features; });
  return configs;
}

inline void write_keras(const std::filesystem::path& path, const ModelConfig& config) {
  ModelWeights weights{config, {}, "reference"};
  for (const KerasVariable& variable : keras_variables(config)) {
    const std::int64_t count = std::accumulate(variable.shape.begin(), variable.shape.end(),
                                               std::int64_t{1}, std::multiplies<>());
    weights.state[variable.name] = {variable.shape,
                                    std::vector<float>(static_cast<std::size_t>(count))};
  }
  export_keras(path, weights);
}

}  // namespace ekgine::fuzz
