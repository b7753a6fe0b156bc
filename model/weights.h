// Weights of a model with the configuration they belong to, and their file.
//
// A weights file is a safetensors file whose metadata has `format` = "ekgine-weights-1" and
// `model` = the ModelConfig as JSON text; its arrays are named as model/state_dict.h says.
#pragma once

#include <filesystem>

#include "model/config.h"
#include "model/state_dict.h"

namespace ekgine {

struct ModelWeights {
  ModelConfig config;
  StateDict state;
};

void save_model_weights(const std::filesystem::path& path, const ModelConfig& config,
                        const StateDict& state);

// Errors: not a weights file of ekgine; an unknown configuration; values that are not finite.
// Whether the names and shapes are those of the model is the model's to check.
ModelWeights load_model_weights(const std::filesystem::path& path);

}  // namespace ekgine
