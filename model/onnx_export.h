// Models as ONNX files: what ONNX Runtime and others need to answer as ekgine does.
//
// Input `beats` (batch, T, 187): sequences of T consecutive beats of one record, each 187 samples
// of one lead at 360 Hz, the R wave at the 94th, any number of sequences. Output `probabilities`
// (batch, 5) of the classes, of the last beat of each sequence. What is done to a beat between the
// two, normalisation included, is in the graph, all of it in float. What the samples are measured
// in is for the caller to see to, as far as it takes the whole record (data/beat_unit.h):
//
//   mV, centred   millivolts, as recorded
//   record        millivolts over the size A of the record's typical beat, with offset or without
//   deviation     as data/beat_unit.h says
//
// Of Rhythm_Model: input `features` (batch, beats, 48), any number of beats of one record each, as
// data/beat_features.h has them and stores keep them, whichever the model takes; output
// `probabilities` (batch, beats, 5), of all of them, for an ensemble the means of its members'.
// What a window of T beats says; that windows overlap (training/predict.h) is for the caller.
//
// For centred and record the graph takes the beat's median away; of beats that are without their
// offset already it is zero.
//
// The wavelet transform is a convolution whose taps are entries of morlet_cwt_matrix()
// (kernels/morlet_cwt.h), which every column of a scale has in common: 2·187 − 1 lags, zeros
// outside of the beat. Batch norm uses the running statistics; there is no dropout.
//
// The metadata has `format` = "ekgine-onnx-1", `model` (ModelConfig as JSON), `amplitude`,
// `features` for those, `classes` ("N,S,V,F,Q"), `sampling_frequency` (Hz) and, where they are
// known, `label_map` and `made`, as weights have them (model/weights.h).
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "model/weights.h"

namespace ekgine {

// What weights do not know of themselves.
struct OnnxNotes {
  std::span<const std::string_view> classes;
  double sampling_frequency = 0;  // Hz
  std::string description;        // for people: the file's doc_string
};

// The file appears whole or not at all, and equal input gives equal bytes. Errors, which name the
// file: those of check_arrays(); no normalisation statistics; more than ONNX files hold, 2 GiB; it
// cannot be written.
void export_onnx(const std::filesystem::path& path, const ModelWeights& weights,
                 const OnnxNotes& notes);

}  // namespace ekgine
