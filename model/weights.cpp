#include "model/weights.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "base/console.h"
#include "base/error.h"
#include "base/json_file.h"
#include "model/keras_layout.h"
#include "model/safetensors.h"

namespace ekgine {

namespace {

constexpr const char* weights_format = "ekgine-weights-2";
constexpr const char* unsealed_format = "ekgine-weights-1";

}  // namespace

void save_model_weights(const std::filesystem::path& path, const ModelWeights& weights) {
  Metadata metadata = {{"format", weights_format}, {"model", json_text(weights.config.to_json())}};
  if (!weights.label_map.empty()) metadata["label_map"] = weights.label_map;
  if (!weights.made.empty()) metadata["made"] = json_text(to_json(weights.made));
  write_safetensors(path, weights.state, metadata);
}

void check_arrays(const ModelConfig& config, const StateDict& state, const std::string& source) {
  std::vector<std::string> missing, unexpected, misshaped;
  const bool normalised =
      state.contains("normalisation.mean") || state.contains("normalisation.std");
  std::set<std::string> known;
  for (const KerasVariable& variable : keras_variables(config)) {
    known.insert(variable.name);
    const auto entry = state.find(variable.name);
    if (entry == state.end()) {
      if (!variable.optional || normalised) missing.push_back(variable.name);
    } else if (entry->second.shape != variable.shape) {
      misshaped.push_back(fmt::format("{} is {}, expected {}", variable.name,
                                      shape_text(entry->second.shape), shape_text(variable.shape)));
    }
  }
  for (const auto& [name, array] : state) {
    if (!known.contains(name)) unexpected.push_back(name);
  }
  std::vector<std::string> faults;
  const auto add = [&](const char* what, const std::vector<std::string>& names) {
    if (names.empty()) return;
    constexpr std::size_t shown = 12;  // a large model may lack thousands
    const std::size_t count = std::min(shown, names.size());
    faults.push_back(fmt::format(
        "{}: {}{}", what,
        fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(count), ", "),
        names.size() > shown ? fmt::format(" and {} more", names.size() - shown) : ""));
  };
  add("missing", missing);
  add("unexpected", unexpected);
  add("wrong shape", misshaped);
  if (!faults.empty()) {
    fail("{}: weights do not fit {} — {}", source, config.name, fmt::join(faults, "; "));
  }
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
  if (weights.metadata.contains("made")) {
    const std::string made = file + ": metadata 'made'";
    result.made = provenance_from_json(parse_json(metadata("made"), made), made);
  }
  check_arrays(result.config, weights.arrays, file);
  check_finite(weights.arrays, file);
  result.state = std::move(weights.arrays);
  return result;
}

}  // namespace ekgine
