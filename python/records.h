// Records of a store, as calls take them.
#pragma once

#include <span>

#include "data/beats.h"

namespace ekgine::python {

// The features (n, beat_features) of a record's beats, whatever they are measured in. Errors: its
// store has none.
std::span<const float> features_of(const RecordBeats& record);

}  // namespace ekgine::python
