// Trained models of Keras 3, read into the names and shapes of model/state_dict.h.
//
// A `.keras` file is a zip of metadata.json (the Keras version), config.json (the layer graph) and
// model.weights.h5 (the variables: model/keras_layout.h). The graph must be one of the four
// architectures as the reference builds them:
//
//   InputLayer (T, 32, 187, 1) → TimeDistributed(feature extractor)
//     → ConformerBlock × num_blocks       Main_Model
//     | AttentionOnlyBlock × num_blocks   AttentionOnly
//     | nothing                           Baseline_Model
//     → GlobalAveragePooling1D; or LSTM instead of both: CNNLSTM_Model
//     → Dense(5, softmax)
//   Feature extractor: [Conv2D 3×3 same, no bias → BatchNormalization → relu → MaxPooling2D 2×2
//     valid] with 32 and 64 channels, Conv2D → BatchNormalization → relu → GlobalAveragePooling2D.
//
// Cast layers (mixed precision) are skipped: variables are float32 and are used as such. Every
// setting that the model fixes (kernel sizes, padding, ε, momentum, activations, ...) is checked.
//
// The blocks' own code is not in the file; that their names mean what model/state_dict.h says is
// tested with files that Keras wrote, and was measured on a trained Main_Model: mapped so, a
// double-precision forward pass agrees with an independent implementation's probabilities within
// 1.4e-6 on 15,699 sequences; with any two of the block's variables of equal shape exchanged (180
// pairs, four sequences) it is off by 4e-5 or more.
#pragma once

#include <filesystem>

#include "model/weights.h"

namespace ekgine {

// Errors name the file, the member of the zip and the layer or variable: not a zip, truncated, a
// member missing; a layer or setting that no model has; variables that are missing, misshaped
// or unexpected (all of them in one line); values that are not finite.
ModelWeights import_keras(const std::filesystem::path& path);

}  // namespace ekgine
