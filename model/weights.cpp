#include "model/weights.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/console.h"
#include "base/error.h"
#include "base/json_file.h"
#include "model/safetensors.h"

namespace ekgine {

namespace {

constexpr const char* weights_format = "ekgine-weights-2";
constexpr const char* unsealed_format = "ekgine-weights-1";

}  // namespace

void save_model_weights(const std::filesystem::path& path, const ModelWeights& weights) {
  Metadata metadata = {{"format", weights_format}, {"model", json_text(weights.config.to_json())}};
  if (!weights.label_map.empty()) metadata["label_map"] = weights.label_map;
  write_safetensors(path, weights.state, metadata);
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
  const std::string& format = metadata("format");
  if (format != weights_format && format != unsealed_format) {
    fail("{}: weights of format '{}', expected '{}'", file, format, weights_format);
  }
  if (!weights.sealed) {
    if (format == weights_format) fail("{}: is damaged: its checksum is missing", file);
    notice(fmt::format("{}: has no checksum; taken as it is", file));
  }
  ModelWeights result;
  result.config = ModelConfig::from_json(parse_json(metadata("model"), file + ": metadata 'model'"),
                                         file + ": metadata 'model'");
  if (weights.metadata.contains("label_map")) result.label_map = metadata("label_map");
  check_finite(weights.arrays, file);
  result.state = std::move(weights.arrays);
  return result;
}

}  // namespace ekgine
