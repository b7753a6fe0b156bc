// Named arrays: what a weights file holds and a model loads.
//
// Names are dotted paths, the same for every source of weights. Main_Model with D = embed_dim,
// H = num_heads, F = ff_dim_multiplier·D, T = sequence_length, K = kernel_size:
//
//   features.conv{1,2,3}.weight                    (3, 3, in, out); in/out: 1/32, 32/64, 64/D
//   features.norm{1,2,3}.{weight,bias,running_mean,running_variance}      (out)
//   encoder.N.ffn{1,2}.norm.{weight,bias}          (D)
//   encoder.N.ffn{1,2}.dense1.{weight,bias}        (D, F), (F)
//   encoder.N.ffn{1,2}.dense2.{weight,bias}        (F, D), (D)
//   encoder.N.attention.norm.{weight,bias}         (D)
//   encoder.N.attention.position                   (T, D)
//   encoder.N.attention.{query,key,value}.{weight,bias}   (D, H, D), (H, D)
//   encoder.N.attention.output.{weight,bias}       (H, D, D), (D)
//   encoder.N.conv.norm.{weight,bias}              (D)
//   encoder.N.conv.pointwise1.{weight,bias}        (D, 2D), (2D)
//   encoder.N.conv.depthwise.{weight,bias}         (K, D), (D)
//   encoder.N.conv.batch_norm.{weight,bias,running_mean,running_variance}  (D)
//   encoder.N.conv.pointwise2.{weight,bias}        (D, D), (D)
//   encoder.N.norm.{weight,bias}                   (D)
//   classifier.{weight,bias}                       (D, 5), (5)
//   normalisation.{mean,std}                       (187); absent from imported Keras models
//
// Rhythm_Model has the same encoder without attention.position, a normalisation of (48), with
// scalograms of (240), and instead of features
//
//   projection.dense1.{weight,bias}                (F, 2D), (2D); F > 0
//   projection.dense2.{weight,bias}                (2D, D), (D)
//
// where F, 48 in general, is how many features it takes (ModelConfig::feature_columns()); and where
// it takes scalograms of L leads
//
//   projection.waves.conv{1,2}.weight              (3, 3, in, 16); in: 1, 16
//   projection.waves.norm{1,2}.{weight,bias,running_mean,running_variance}   (16)
//   projection.waves.dense.{weight,bias}           (768·L, 2D), (2D)
//
// An ensemble of them (ensemble_size above 1) has all but the normalisation once per member, after
// `members.0.`, `members.1.`, ...
//
// AttentionOnly has attention, one ffn (encoder.N.ffn) and norm in its encoder. CNNLSTM_Model with
// H = lstm_units has, instead of an encoder,
//
//   lstm.weight                                    (D, 4H)
//   lstm.recurrent_weight                          (H, 4H)
//   lstm.bias                                      (4H)
//
// columns by gate: input, forget, candidate, output; its classifier is (H, 5). Baseline_Model has
// features and classifier only. Dense weights are (in, out): y = x·W + b.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace ekgine {

struct NamedArray {
  std::vector<std::int64_t> shape;
  std::vector<float> values;  // row-major
};

using StateDict = std::map<std::string, NamedArray>;

// "(3,3,1,32)"; "()" for a scalar.
std::string shape_text(std::span<const std::int64_t> shape);

// Number of trainable values: all but running statistics and normalisation.
std::int64_t count_trainable(const StateDict& state);

// Throws an Error that names the first array with a NaN or an infinity, and where it is; `source`
// names the file.
void check_finite(const StateDict& state, const std::string& source);

// A table of names, shapes and sizes, and the number of trainable parameters; ends with a newline.
std::string describe(const StateDict& state);

}  // namespace ekgine
