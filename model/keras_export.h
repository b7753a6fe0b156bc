// Models written as Keras 3 saves them: the inverse of model/keras_import.h.
//
// keras.models.load_model of Keras 3.6 and later reads the file
// (tests/interchange/keras_versions.py), where the classes ConformerBlock or AttentionOnlyBlock are
// given as custom_objects (up to 3.8 those of a module `ModelBuilder` are found, too, as in the
// reference's code); CNNLSTM_Model and Baseline_Model need none. The model is not compiled:
// it has no optimiser. Its inputs are normalised scalograms (B, T, 32, 187, 1), its outputs
// probabilities. The normalisation's statistics lie in model.weights.h5 beside the layers
// (model/keras_layout.h), so that importing the file again gives every array back bit for bit.
#pragma once

#include <filesystem>

#include "model/weights.h"

namespace ekgine {

// `weights` are those of a model: every array of its configuration, in its shape. The file appears
// whole or not at all, and equal weights give equal bytes. Errors: an array is missing or
// misshaped; the file cannot be written.
void export_keras(const std::filesystem::path& path, const ModelWeights& weights);

}  // namespace ekgine
