// Recordings in memory: their beats found and labelled.
#pragma once

#include "classification/beat_classifier.h"
#include "classification/labelled_recording.h"
#include "python/arrays.h"

namespace ekgine::python {

// As label_beats(), of what leads_of() gives, at `rate` Hz: the first lead is searched for beats,
// features are measured in both. Without the interpreter's lock; throws what a signal's handler
// raises. Errors: those of label_beats(), of ThreadBudget, and of check_frequency().
LabelledRecording label_leads(const FloatArray& leads, double rate, BeatClassifier& classifier);

}  // namespace ekgine::python
