// The layers of an architecture, without what its inputs are normalised with: a member of a Model.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/ops.h"
#include "engine/parameter.h"
#include "model/config.h"
#include "model/modules.h"

namespace ekgine {

class Network {
 public:
  // Declares the parameters of the architecture that `config` names, their names after `prefix`
  // (model/state_dict.h). The parameters outlive the network.
  Network(ParameterSet& parameters, const std::string& prefix, const ModelConfig& config);

  // As Model::encode() and Model::classify(); mean, std: (row_width) what inputs are normalised
  // with.
  Tensor encode(Tape& tape, const Tensor& beats, const Tensor& mean, const Tensor& std) const;
  Tensor classify(Tape& tape, const Tensor& features) const;

 private:
  bool labels_every_beat_;
  // Of these the architecture has one.
  std::optional<FeatureExtractor> features_;
  std::optional<FeatureProjection> projection_;
  // Of these it has one kind or none.
  std::vector<ConformerBlock> conformer_;
  std::vector<AttentionBlock> attention_;
  std::optional<Lstm> lstm_;
  std::optional<Dense> classifier_;
};

}  // namespace ekgine
