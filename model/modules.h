// The building blocks of the architectures: modules own no memory, only references to the
// parameters they declared. Constants and initialisers are those of Keras 3.8; shapes and names are
// listed in model/state_dict.h.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "engine/ops.h"
#include "engine/parameter.h"
#include "model/config.h"

namespace ekgine {

inline constexpr double norm_epsilon = 1e-3;         // batch and layer normalisation
inline constexpr double batch_norm_momentum = 0.99;  // of the running statistics

// Width in → width out on the last axis, with bias.
class Dense {
 public:
  Dense(ParameterSet& parameters, const std::string& name, std::int64_t in, std::int64_t out);
  Tensor operator()(Tape& tape, const Tensor& x) const;

 private:
  Parameter &weight_, &bias_;
};

class LayerNorm {
 public:
  LayerNorm(ParameterSet& parameters, const std::string& name, std::int64_t channels);
  Tensor operator()(Tape& tape, const Tensor& x) const;
  // Of x + alpha·dropout(y), which it gives as well.
  AddLayerNorm of_sum(Tape& tape, const Tensor& x, double alpha, const Tensor& y,
                      double dropout) const;

 private:
  Parameter &weight_, &bias_;
};

// Declares a batch normalisation; ops take it as a BatchNorm.
class BatchNormParameters {
 public:
  BatchNormParameters(ParameterSet& parameters, const std::string& name, std::int64_t channels);
  BatchNorm use(Tape& tape) const;

 private:
  Parameter &weight_, &bias_, &running_mean_, &running_variance_;
};

// Scalograms (U,S,L,1) → features (U,D): three convolutions 3×3, each with batch norm and relu,
// then 2×2 max pooling twice and a global average.
class FeatureExtractor {
 public:
  FeatureExtractor(ParameterSet& parameters, const std::string& name, std::int64_t embed_dim);
  Tensor operator()(Tape& tape, const Tensor& scalograms) const;

 private:
  Parameter &conv1_, &conv2_, &conv3_;
  BatchNormParameters norm1_, norm2_, norm3_;
};

// Rows of BeatUnit::waves (U, ·) → (U, width): the waves' signed wavelet coefficients at eight
// scales, 32 to 4 Hz, one lead's above the other's, are an image (U, 8·leads, 96, 1). Then 3×3
// convolution → batch norm → relu → 2×2 max pooling; 3×3 convolution → batch norm → relu → mean of
// 4 columns each; dropout → dense. Where in the beat something is stays known to the last, which a
// mean over the image would lose.
class WaveExtractor {
 public:
  WaveExtractor(ParameterSet& parameters, const std::string& name, const ModelConfig& config,
                std::int64_t width);
  Tensor operator()(Tape& tape, const Tensor& x) const;

 private:
  Columns columns_;
  Parameter &conv1_, &conv2_;
  BatchNormParameters norm1_, norm2_;
  Dense dense_;
  double dropout_;
};

// Rows of beats in the model's unit → (U,D). The features that it takes are standardised, then
// dense(2D) → swish → dropout → dense(D); what WaveExtractor makes of waves is added before swish,
// as if both were one row. In training features are spoilt (kernels/standardise.h), where sequences
// of T beats stand one after another.
class FeatureProjection {
 public:
  FeatureProjection(ParameterSet& parameters, const std::string& name, const ModelConfig& config);
  // mean, std: (row_width)
  Tensor operator()(Tape& tape, const Tensor& x, const Tensor& mean, const Tensor& std) const;

 private:
  Columns columns_;
  Spoiling spoiling_;
  std::optional<Dense> dense1_;
  std::optional<WaveExtractor> waves_;
  Dense dense2_;
  double dropout_;
};

// Of WaveExtractor, for those who write a model for other programs.
inline constexpr std::int64_t wave_channels = 16;  // of both convolutions
kernels::MorletScales wave_scales();
constexpr std::int64_t wave_columns_in_mean = 4;
// What dense is given.
constexpr std::int64_t wave_image_size(std::int64_t leads) {
  return 8 * leads / 2 * (wave_samples / 2 / wave_columns_in_mean) * wave_channels;
}

// The three modules of a block, each with the layer norm that it begins with. The block applies the
// norm, and drops from what the module gives: both are one pass with the residual sum between them.

// Layer norm, then dense(ff_dim) → swish → dropout → dense(D).
class FeedForward {
 public:
  FeedForward(ParameterSet& parameters, const std::string& name, std::int64_t embed_dim,
              std::int64_t ff_dim, double dropout);
  const LayerNorm& norm() const { return norm_; }
  Tensor operator()(Tape& tape, const Tensor& normalised) const;

 private:
  LayerNorm norm_;
  Dense dense1_, dense2_;
  double dropout_;
};

// Layer norm, then multi-head attention of each beat to all beats of its sequence. A learned
// position table is added to what the queries see, and to nothing else; with `positions` of 0 there
// is none, and sequences may be of any length. Heads are D wide each.
class SelfAttention {
 public:
  SelfAttention(ParameterSet& parameters, const std::string& name, std::int64_t positions,
                std::int64_t embed_dim, std::int64_t heads, double dropout);
  const LayerNorm& norm() const { return norm_; }
  Tensor operator()(Tape& tape, const Tensor& normalised) const;

 private:
  Tensor project(Tape& tape, const Tensor& x, Parameter& weight, Parameter& bias) const;

  std::int64_t embed_dim_, heads_;
  LayerNorm norm_;
  Parameter* position_;  // null: none
  Parameter &query_weight_, &query_bias_, &key_weight_, &key_bias_, &value_weight_, &value_bias_,
      &output_weight_, &output_bias_;
  double dropout_;
};

// Layer norm, then pointwise(2D) → GLU → depthwise convolution along the beats → batch norm → swish
// → pointwise(D).
class ConvModule {
 public:
  ConvModule(ParameterSet& parameters, const std::string& name, std::int64_t embed_dim,
             std::int64_t kernel_size);
  const LayerNorm& norm() const { return norm_; }
  Tensor operator()(Tape& tape, const Tensor& normalised) const;

 private:
  LayerNorm norm_;
  Dense pointwise1_;
  Parameter &depthwise_weight_, &depthwise_bias_;
  BatchNormParameters batch_norm_;
  Dense pointwise2_;
};

// Gulati et al.: "Conformer: convolution-augmented transformer for speech recognition", 2020:
// x += ½·ffn1(x); x += attention(x); x += conv(x); x += ½·ffn2(x); layer norm. What is added goes
// through dropout. `positions` as of SelfAttention.
class ConformerBlock {
 public:
  ConformerBlock(ParameterSet& parameters, const std::string& name, std::int64_t positions,
                 std::int64_t embed_dim, std::int64_t heads, std::int64_t ff_dim,
                 std::int64_t kernel_size, double dropout);
  Tensor operator()(Tape& tape, const Tensor& x) const;  // (N,T,D) → (N,T,D)

 private:
  FeedForward ffn1_;
  SelfAttention attention_;
  ConvModule conv_;
  FeedForward ffn2_;
  LayerNorm norm_;
  double dropout_;
};

// The Conformer block without its convolution, a transformer's: x += attention(x); x += ffn(x);
// layer norm.
class AttentionBlock {
 public:
  AttentionBlock(ParameterSet& parameters, const std::string& name, std::int64_t sequence_length,
                 std::int64_t embed_dim, std::int64_t heads, std::int64_t ff_dim, double dropout);
  Tensor operator()(Tape& tape, const Tensor& x) const;  // (N,T,D) → (N,T,D)

 private:
  SelfAttention attention_;
  FeedForward ffn_;
  LayerNorm norm_;
  double dropout_;
};

// Long short-term memory over the beats (kernels/lstm.h), its last state: (N,T,D) → (N,H).
class Lstm {
 public:
  Lstm(ParameterSet& parameters, const std::string& name, std::int64_t in, std::int64_t units);
  Tensor operator()(Tape& tape, const Tensor& x) const;

 private:
  Parameter &weight_, &recurrent_weight_, &bias_;
};

}  // namespace ekgine
