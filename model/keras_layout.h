// Where Keras 3.8 keeps the variables of the four architectures, for import and export.
//
// In model.weights.h5 a container's layers lie under `layers/`, each called after its class in
// snake case with _1, _2, ... for repeats (not after the layer's own name: the classifier "dense_4"
// is layers/dense); a layer's variables are vars/0, vars/1, ...; a layer inside a layer is called
// after the attribute that holds it. F = layers/time_distributed/layer/layers,
// B = layers/conformer_block or layers/attention_only_block, without conv_module:
//
//   F/conv2d[_1,_2]                 kernel (3, 3, in, out)
//   F/batch_normalization[_1,_2]    gamma, beta, moving mean, moving variance
//   B/ffn1, B/ffn2 (or B/ffn)       layer_norm: gamma, beta; ffn1, ffn2: kernel (in, out), bias
//   B/self_attention                layer_norm; pos_embedding: (T, D);
//                                   mha/{query,key,value}_dense: (D, H, D), (H, D);
//                                   mha/output_dense: (H, D, D), (D)
//   B/conv_module                   layer_norm; pointwise_conv1: (1, D, 2D), (2D);
//                                   depthwise_conv: (K, D, 1), (D); batch_norm;
//                                   pointwise_conv2: (1, D, D), (D)
//   B/final_layer_norm              gamma, beta
//   layers/lstm/cell                kernel (D, 4H), recurrent kernel (H, 4H), bias (4H)
//   layers/dense                    (D, 5) or after an LSTM (H, 5), (5)
//
// Every norm has ε = 1e-3. Keras' models carry no normalisation statistics of their inputs; those
// that ekgine writes have them beside the layers, where Keras does not look:
//
//   normalisation/{mean,std}        (187)
//   normalisation                   attribute `amplitude`: ModelConfig::beat_unit, where not mV
//
// Rhythm_Model has no form in Keras. It is listed here for its names and shapes alone; its paths
// name nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/config.h"

namespace ekgine {

inline constexpr const char* keras_normalisation = "normalisation";  // the group
inline constexpr const char* keras_amplitude = "amplitude";          // its attribute
// Another one: the label map they were trained with, where it is known.
inline constexpr const char* keras_label_map = "label_map";
// And what made them (base/provenance.h), JSON.
inline constexpr const char* keras_made = "made";

struct KerasVariable {
  std::string path;                  // "layers/dense/vars/0"
  std::string name;                  // the array's, as in model/state_dict.h
  std::vector<std::int64_t> shape;   // of the array
  std::vector<std::int64_t> stored;  // in Keras; the same elements in the same order
  bool optional = false;
};

// All variables of a configuration that check() accepts.
std::vector<KerasVariable> keras_variables(const ModelConfig& config);

// The name of repeat `index` of a class within a container, whose `first` is conv2d: conv2d_1, ...
std::string keras_repeat(const std::string& first, std::int64_t index);

// How Keras calls the block of Main_Model or AttentionOnly, as a class and as a group of variables.
struct KerasBlock {
  const char* class_name;
  const char* group;
};
inline constexpr KerasBlock keras_conformer_block = {"ConformerBlock", "conformer_block"};
inline constexpr KerasBlock keras_attention_block = {"AttentionOnlyBlock", "attention_only_block"};

}  // namespace ekgine
