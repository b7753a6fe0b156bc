// What makes a model: its architecture's name and hyperparameters.
//
// Stored in the metadata of every weights file, so that weights alone say what they belong to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/beat.h"
#include "base/choice.h"
#include "base/json.h"

namespace ekgine {

// The architectures there are, by the names that ModelConfig takes.
std::vector<std::string> model_names();
// The four of them that the reference has.
std::vector<std::string> reference_model_names();

// What of a beat Rhythm_Model takes, a bit each: features of its rhythm and its shape
// (data/beat_features.h), and scalograms of its waves.
enum class FeatureSet : unsigned {
  rhythm = 1,
  shape = 2,
  scalogram = 4,
  rhythm_shape = rhythm | shape,
  rhythm_scalogram = rhythm | scalogram,
  shape_scalogram = shape | scalogram,
  rhythm_shape_scalogram = rhythm | shape | scalogram
};

constexpr auto choices_of(FeatureSet) {
  using enum FeatureSet;
  return std::to_array<Choice<FeatureSet>>({{rhythm_shape, "rhythm+shape"},
                                            {rhythm, "rhythm"},
                                            {shape, "shape"},
                                            {scalogram, "scalogram"},
                                            {rhythm_scalogram, "rhythm+scalogram"},
                                            {shape_scalogram, "shape+scalogram"},
                                            {rhythm_shape_scalogram, "rhythm+shape+scalogram"}});
}

struct ModelConfig {
  // Main_Model (CNN-Conformer), AttentionOnly (without its convolution along the beats),
  // CNNLSTM_Model (an LSTM instead) or Baseline_Model (mean over the beats), which label the last
  // beat of a sequence; or Rhythm_Model (a Conformer over features of the beats), which labels all.
  std::string name = "Main_Model";
  std::int64_t sequence_length = 3;  // T: beats per sequence
  std::int64_t embed_dim = 128;      // D: width of a beat's feature vector
  // Each architecture ignores what it does not have.
  std::int64_t num_heads = 8;          // of attention, each of width embed_dim
  std::int64_t ff_dim_multiplier = 4;  // width of the feed-forward modules / embed_dim
  std::int64_t kernel_size = 11;       // of the depthwise convolution along the beats; odd
  std::int64_t num_blocks = 1;         // Conformer or attention blocks
  double dropout = 0.2;                // rate in the blocks, in [0, 1)
  std::int64_t lstm_units = 128;       // width of CNNLSTM_Model's state
  // Of Rhythm_Model, which is given all features, whichever it takes, and with scalograms the
  // waves.
  FeatureSet features = FeatureSet::rhythm_shape;
  std::int64_t leads = 2;  // of shapes and scalograms
  // Of Rhythm_Model, in training: noise on its features, in standard deviations of theirs, and the
  // share of them that a sequence is left without, in [0, 1).
  double feature_noise = 0.1, feature_dropout = 0.15;
  // And the standard deviation of the logarithm of a factor on a sequence's heart rate.
  double rate_jitter = 0.2;
  // Networks of Rhythm_Model with initial weights of their own, trained side by side, whose
  // probabilities are averaged; 1: no ensemble.
  std::int64_t ensemble_size = 1;
  // What the beats that it takes are measured in; Rhythm_Model takes BeatUnit::features or waves,
  // whatever stands here.
  BeatUnit beat_unit = BeatUnit::millivolts;

  bool operator==(const ModelConfig&) const = default;

  // Throws an Error that names the first hyperparameter out of its range:
  // "num heads must be 1 to 256, got 0".
  void check() const;
  // Whether each beat of a sequence gets a label, or the last alone.
  bool labels_every_beat() const;
  std::int64_t labels_per_sequence() const { return labels_every_beat() ? sequence_length : 1; }
  // Networks: ensemble_size of an architecture that has it.
  std::int64_t members() const { return labels_every_beat() ? ensemble_size : 1; }
  // Labels that a sequence's loss is a sum over: of every member of an ensemble.
  std::int64_t losses_per_sequence() const { return labels_per_sequence() * members(); }
  // What the names of a member's arrays begin with: nothing, or "members.0." in an ensemble.
  std::string member_prefix(std::int64_t member) const;
  // What a beat has to be given as.
  BeatUnit input() const;

  // Whether the architecture has the option of that name.
  bool has(std::string_view option) const;
  // Where the features that are taken stand in a row of BeatUnit::features, of scalograms alone
  // none; and what is taken: "48 features of its rhythm and shape".
  Columns feature_columns() const;
  std::string feature_text() const;
  // The same of the waves' samples whose scalograms are taken, in a row of BeatUnit::waves.
  Columns wave_columns() const;

  // Fails unless the model takes beats measured in `unit`. `whose` opens the text:
  // "prediction: the beats' amplitude is mV, the model takes deviation".
  void check_beats(BeatUnit unit, std::string_view whose) const;

  // {"name": ..., "sequence_length": ..., ...}; only what the architecture has, and `amplitude`,
  // the name of `beat_unit`, in alphabetical order. `features` and `leads` are there where they are
  // not the default.
  Json to_json() const;
  // Strict: unknown and missing keys, wrong types and values out of range are errors. Only
  // `amplitude`, `ensemble_size`, `features` and `leads` may be missing, as in files from before
  // they were there: they have their defaults then. `source` names the file, and what is needed to
  // find the place in it, in messages.
  static ModelConfig from_json(const Json& json, const std::string& source);
};

}  // namespace ekgine
