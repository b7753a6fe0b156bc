// Trained models of Keras 3, read into the names and shapes of model/state_dict.h.
//
// A `.keras` file is a zip of metadata.json (the Keras version), config.json (the layer graph) and
// model.weights.h5 (the variables). The graph must be Main_Model or Baseline_Model as Keras builds
// them:
//
//   InputLayer (T, 32, 187, 1) → TimeDistributed(feature extractor) → ConformerBlock × num_blocks
//     → GlobalAveragePooling1D → Dense(5, softmax); Baseline_Model has no ConformerBlock.
//   Feature extractor: [Conv2D 3×3 same, no bias → BatchNormalization → relu → MaxPooling2D 2×2
//     valid] with 32 and 64 channels, Conv2D → BatchNormalization → relu → GlobalAveragePooling2D.
//
// Cast layers (mixed precision) are skipped: variables are float32 and are used as such. Every
// setting that the model fixes (kernel sizes, padding, ε, momentum, activations, ...) is checked.
//
// Where Keras 3.8 keeps the variables: a container's layers under `layers/`, each called after its
// class in snake case with _1, _2, ... for repeats (not after the layer's own name: the classifier
// "dense_4" is layers/dense); a layer's variables are vars/0, vars/1, ...; a layer inside a layer
// is called after the attribute that holds it. F = layers/time_distributed/layer/layers and
// B = layers/conformer_block:
//
//   F/conv2d[_1,_2]                 kernel (3, 3, in, out)
//   F/batch_normalization[_1,_2]    gamma, beta, moving mean, moving variance
//   B/ffn1, B/ffn2                  layer_norm: gamma, beta; ffn1, ffn2: kernel (in, out), bias
//   B/self_attention                layer_norm; pos_embedding: (T, D);
//                                   mha/{query,key,value}_dense: (D, H, D), (H, D);
//                                   mha/output_dense: (H, D, D), (D)
//   B/conv_module                   layer_norm; pointwise_conv1: (1, D, 2D), (2D);
//                                   depthwise_conv: (K, D, 1), (D); batch_norm;
//                                   pointwise_conv2: (1, D, D), (D)
//   B/final_layer_norm              gamma, beta
//   layers/dense                    (D, 5), (5)
//
// Every norm of the block has ε = 1e-3. The block's own code is not in the file; that these names
// mean what model/state_dict.h says was measured on a trained Main_Model of one block: mapped so, a
// double-precision forward pass agrees with an independent implementation's probabilities within
// 1.4e-6 on 15,699 sequences; with any two of the block's variables of equal shape exchanged (180
// pairs, four sequences) it is off by 4e-5 or more.
#pragma once

#include <filesystem>

#include "model/weights.h"

namespace ekgine {

// Errors name the file, the member of the zip and the layer or variable: not a zip, truncated, a
// member missing; a layer or setting that neither model has; variables that are missing, misshaped
// or unexpected (all of them in one line); values that are not finite.
ModelWeights import_keras(const std::filesystem::path& path);

}  // namespace ekgine
