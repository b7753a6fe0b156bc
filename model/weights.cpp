#include "model/weights.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "model/safetensors.h"

namespace ekgine {

namespace {

constexpr const char* weights_format = "ekgine-weights-1";

}  // namespace

void save_model_weights(const std::filesystem::path& path, const ModelConfig& config,
                        const StateDict& state) {
  write_safetensors(path, state, {{"format", weights_format}, {"model", config.to_json().dump()}});
}

ModelWeights load_model_weights(const std::filesystem::path& path) {
  const std::string file = path.string();
  WeightsFile weights = read_safetensors(path);
  const auto metadata = [&](const std::string& key) -> const std::string& {
    const auto found = weights.metadata.find(key);
    if (found == weights.metadata.end()) {
      fail("{}: not a weights file of ekgine: its metadata has no '{}'", file, key);
    }
    return found->second;
  };
  if (metadata("format") != weights_format) {
    fail("{}: weights of format '{}', expected '{}'", file, metadata("format"), weights_format);
  }
  const nlohmann::json model = nlohmann::json::parse(metadata("model"), nullptr, false);
  if (model.is_discarded()) fail("{}: metadata 'model' is not JSON", file);
  ModelConfig config = ModelConfig::from_json(model, file + ": metadata 'model'");
  check_finite(weights.arrays, file);
  return {std::move(config), std::move(weights.arrays)};
}

}  // namespace ekgine
