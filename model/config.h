// What makes a model: its architecture's name and hyperparameters.
//
// Stored in the metadata of every weights file, so that weights alone say what they belong to.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace ekgine {

// The architectures there are, by the names that ModelConfig takes.
std::vector<std::string> model_names();

struct ModelConfig {
  std::string name =
      "Main_Model";  // Main_Model (CNN-Conformer) or Baseline_Model (mean over beats)
  std::int64_t sequence_length = 3;  // T: beats per sequence
  std::int64_t embed_dim = 128;      // D: width of a beat's feature vector
  // The rest belongs to Main_Model's Conformer blocks; Baseline_Model ignores it.
  std::int64_t num_heads = 8;          // each of width embed_dim
  std::int64_t ff_dim_multiplier = 4;  // width of the feed-forward modules / embed_dim
  std::int64_t kernel_size = 11;       // of the depthwise convolution along the beats; odd
  std::int64_t num_blocks = 1;
  double dropout = 0.2;  // rate, in [0, 1)

  bool operator==(const ModelConfig&) const = default;

  // Throws an Error that names the first hyperparameter out of its range:
  // "num_heads must be 1 to 256, got 0".
  void check() const;

  // {"name": ..., "sequence_length": ..., ...}; only what the architecture has.
  nlohmann::json to_json() const;
  // Strict: unknown and missing keys, wrong types and values out of range are errors. `source`
  // names the file, and what is needed to find the place in it, in messages.
  static ModelConfig from_json(const nlohmann::json& json, const std::string& source);
};

}  // namespace ekgine
