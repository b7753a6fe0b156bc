// A classifier of heartbeats: beats in, class logits out.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/beat.h"
#include "engine/ops.h"
#include "engine/parameter.h"
#include "model/config.h"
#include "model/network.h"
#include "model/state_dict.h"

namespace ekgine {

// An ensemble has several networks of one architecture, its members, numbered from 0, which share
// nothing but the normalisation of their inputs. What predicts with it takes the mean of their
// probabilities.
class Model {
 public:
  // Builds the architecture that `config` names in the device's memory, initialised from `seed`. A
  // model for inference has no gradients. The device outlives the model.
  Model(const ModelConfig& config, Device& device, ParameterSet::Use use, std::uint64_t seed);

  const ModelConfig& config() const { return config_; }
  ParameterSet& parameters() { return parameters_; }
  const ParameterSet& parameters() const { return parameters_; }
  Device& device() const { return parameters_.device(); }

  // Beats (U, row_width) in config().input() → features (U, D). A tensor does not know its unit:
  // whoever makes one of beats calls config().check_beats().
  Tensor encode(Tape& tape, const Tensor& beats, std::int64_t member = 0) const;
  // Features of sequences (B,T,D) → logits (B,5), or (B·T,5) where every beat is labelled. T is at
  // most the configured sequence length for models with a position table (Main_Model,
  // AttentionOnly), and any number otherwise.
  Tensor classify(Tape& tape, const Tensor& features, std::int64_t member = 0) const;
  // Both, where sequence b consists of the beats index[b,0...T): beats (U, row_width),
  // index (B,T) of i32 in [0,U) → logits as of classify().
  Tensor forward(Tape& tape, const Tensor& beats, const Tensor& index,
                 std::int64_t member = 0) const;

  // Mean and standard deviation over the training records of what a beat is first turned into, per
  // column of the scalograms or per feature (row_width each): inputs are normalised with them. Part
  // of the weights.
  void set_normalisation(std::span<const double> mean, std::span<const double> std);
  // False until set or loaded: Keras models carry none, and encode() would return NaN.
  bool has_normalisation() const;

  // All arrays of the model by name.
  StateDict state() const;
  // Takes over all arrays. Strict: one Error lists every missing, unexpected and misshaped name;
  // only normalisation.* may be absent, both or none. `source` names the file.
  void load(const StateDict& state, const std::string& source);

 private:
  const Network& network(std::int64_t member) const {
    return networks_[static_cast<std::size_t>(member)];
  }

  ModelConfig config_;
  ParameterSet parameters_;
  std::vector<Network> networks_;  // config.members() of them
  Parameter &normalisation_mean_, &normalisation_std_;
};

}  // namespace ekgine
