// What makes a model: its architecture's name and hyperparameters.
//
// Stored in the metadata of every weights file, so that weights alone say what they belong to.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/beat.h"

namespace ekgine {

// The architectures there are, by the names that ModelConfig takes.
std::vector<std::string> model_names();

struct ModelConfig {
  // Main_Model (CNN-Conformer), AttentionOnly (without its convolution along the beats),
  // CNNLSTM_Model (an LSTM instead) or Baseline_Model (mean over the beats).
  std::string name = "Main_Model";
  std::int64_t sequence_length = 3;  // T: beats per sequence
  std::int64_t embed_dim = 128;      // D: width of a beat's feature vector
  // Each architecture ignores what it does not have.
  std::int64_t num_heads = 8;          // of attention, each of width embed_dim
  std::int64_t ff_dim_multiplier = 4;  // width of the feed-forward modules / embed_dim
  std::int64_t kernel_size = 11;       // Main_Model's depthwise convolution along the beats; odd
  std::int64_t num_blocks = 1;         // of Main_Model and AttentionOnly
  double dropout = 0.2;                // rate in their blocks, in [0, 1)
  std::int64_t lstm_units = 128;       // width of CNNLSTM_Model's state
  BeatUnit beat_unit = BeatUnit::millivolts;  // what the beats that it takes are measured in

  bool operator==(const ModelConfig&) const = default;

  // Throws an Error that names the first hyperparameter out of its range:
  // "num heads must be 1 to 256, got 0".
  void check() const;
  // Fails unless the model takes beats measured in `unit`. `whose` opens the text:
  // "prediction: the beats' amplitude is mV, the model takes deviation".
  void check_beats(BeatUnit unit, std::string_view whose) const;

  // {"name": ..., "sequence_length": ..., ...}; only what the architecture has, and `amplitude`,
  // the name of `beat_unit`.
  nlohmann::json to_json() const;
  // Strict: unknown and missing keys, wrong types and values out of range are errors. Only
  // `amplitude` may be missing, in files from before it was there: it is mV then. `source`
  // names the file, and what is needed to find the place in it, in messages.
  static ModelConfig from_json(const nlohmann::json& json, const std::string& source);
};

}  // namespace ekgine
