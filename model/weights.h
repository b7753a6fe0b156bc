// Weights of a model with the configuration they belong to, and their file.
//
// A weights file is a safetensors file whose metadata has `format` = "ekgine-weights-2", `model` =
// the ModelConfig as JSON text, and, where they are known, `label_map` and `made`, what made it
// (base/provenance.h), as JSON text; its arrays are named as model/state_dict.h says. It is sealed
// (base/seal.h). Files of "ekgine-weights-1" know no label map and have no seal; they are read all
// the same, and a notice says so.
#pragma once

#include <filesystem>
#include <string>

#include "base/provenance.h"
#include "model/config.h"
#include "model/state_dict.h"

namespace ekgine {

struct ModelWeights {
  ModelConfig config;
  StateDict state;
  std::string label_map;  // name of the map behind the classes that it was trained on; "": unknown
  Provenance made = {};   // empty: unknown
};

void save_model_weights(const std::filesystem::path& path, const ModelWeights& weights);

// Throws an Error that names all arrays that are missing, unexpected or of another shape than a
// model of `config` has. Takes no memory for the model: called before one is made for a file's
// sake. `source` names the file.
void check_arrays(const ModelConfig& config, const StateDict& state, const std::string& source);

// Errors: not a weights file of ekgine; damaged; an unknown configuration; those of check_arrays();
// values that are not finite.
ModelWeights load_model_weights(const std::filesystem::path& path);

}  // namespace ekgine
