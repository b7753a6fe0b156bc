#include "model/modules.h"

#include <algorithm>

namespace ekgine {

Dense::Dense(ParameterSet& parameters, const std::string& name, std::int64_t in, std::int64_t out)
    : weight_(parameters.add(name + ".weight", {in, out}, glorot_uniform({in, out}))),
      bias_(parameters.add(name + ".bias", {out}, constant(0))) {}

Tensor Dense::operator()(Tape& tape, const Tensor& x) const {
  return linear(tape, x, tape.use(weight_), tape.use(bias_));
}

LayerNorm::LayerNorm(ParameterSet& parameters, const std::string& name, std::int64_t channels)
    : weight_(parameters.add(name + ".weight", {channels}, constant(1))),
      bias_(parameters.add(name + ".bias", {channels}, constant(0))) {}

Tensor LayerNorm::operator()(Tape& tape, const Tensor& x) const {
  return layer_norm(tape, x, tape.use(weight_), tape.use(bias_), norm_epsilon);
}

AddLayerNorm LayerNorm::of_sum(Tape& tape, const Tensor& x, double alpha, const Tensor& y,
                               double dropout) const {
  return add_layer_norm(tape, x, alpha, y, dropout, tape.use(weight_), tape.use(bias_),
                        norm_epsilon);
}

BatchNormParameters::BatchNormParameters(ParameterSet& parameters, const std::string& name,
                                         std::int64_t channels)
    : weight_(parameters.add(name + ".weight", {channels}, constant(1))),
      bias_(parameters.add(name + ".bias", {channels}, constant(0))),
      running_mean_(parameters.add_buffer(name + ".running_mean", {channels}, 0)),
      running_variance_(parameters.add_buffer(name + ".running_variance", {channels}, 1)) {}

BatchNorm BatchNormParameters::use(Tape& tape) const {
  return {tape.use(weight_),       tape.use(bias_), running_mean_.value,
          running_variance_.value, norm_epsilon,    batch_norm_momentum};
}

namespace {

constexpr std::int64_t conv1_channels = 32, conv2_channels = 64;

Parameter& conv3x3(ParameterSet& parameters, const std::string& name, std::int64_t in,
                   std::int64_t out) {
  const Shape shape{3, 3, in, out};
  return parameters.add(name + ".weight", shape, glorot_uniform(shape));
}

}  // namespace

FeatureExtractor::FeatureExtractor(ParameterSet& parameters, const std::string& name,
                                   std::int64_t embed_dim)
    : conv1_(conv3x3(parameters, name + ".conv1", 1, conv1_channels)),
      conv2_(conv3x3(parameters, name + ".conv2", conv1_channels, conv2_channels)),
      conv3_(conv3x3(parameters, name + ".conv3", conv2_channels, embed_dim)),
      norm1_(parameters, name + ".norm1", conv1_channels),
      norm2_(parameters, name + ".norm2", conv2_channels),
      norm3_(parameters, name + ".norm3", embed_dim) {}

Tensor FeatureExtractor::operator()(Tape& tape, const Tensor& scalograms) const {
  // Each convolution's output is named by nothing but the op that consumes it, so that backward may
  // write its gradient over it.
  Tensor x = stem(tape, scalograms, tape.use(conv1_), norm1_.use(tape));
  x = batch_norm_relu_max_pool2d(tape, conv2d(tape, x, tape.use(conv2_)), norm2_.use(tape));
  return batch_norm_relu_global_avg_pool(tape, conv2d(tape, x, tape.use(conv3_)), norm3_.use(tape));
}

kernels::MorletScales wave_scales() {
  return {3, 4, 5, 6, 8, 10, 14, 24};
}

WaveExtractor::WaveExtractor(ParameterSet& parameters, const std::string& name,
                             const ModelConfig& config, std::int64_t width)
    : columns_(config.wave_columns()),
      conv1_(conv3x3(parameters, name + ".conv1", 1, wave_channels)),
      conv2_(conv3x3(parameters, name + ".conv2", wave_channels, wave_channels)),
      norm1_(parameters, name + ".norm1", wave_channels),
      norm2_(parameters, name + ".norm2", wave_channels),
      dense_(parameters, name + ".dense", wave_image_size(config.leads), width),
      dropout_(config.dropout) {}

Tensor WaveExtractor::operator()(Tape& tape, const Tensor& x) const {
  const std::int64_t beats = x.shape()[0], leads = columns_.count / wave_samples;
  const Tensor waves = take_columns(tape, x, columns_).reshape({beats * leads, wave_samples});
  const kernels::MorletScales scales = wave_scales();
  const Tensor image = morlet_cwt(tape, waves, scales, {}, {}, kernels::MorletSigns::kept)
                           .reshape({beats, leads * scales.count(), wave_samples, 1});
  const Tensor pooled = stem(tape, image, tape.use(conv1_), norm1_.use(tape));
  const std::int64_t size = wave_image_size(leads), parts = size / wave_channels;
  const Tensor means = batch_norm_relu_global_avg_pool(
      tape,
      conv2d(tape, pooled, tape.use(conv2_))
          .reshape({beats * parts, 1, wave_columns_in_mean, wave_channels}),
      norm2_.use(tape));
  return dense_(tape, dropout(tape, means.reshape({beats, size}), dropout_));
}

FeatureProjection::FeatureProjection(ParameterSet& parameters, const std::string& name,
                                     const ModelConfig& config)
    : columns_(config.feature_columns()),
      spoiling_{.noise = config.feature_noise,
                .dropout = config.feature_dropout,
                .group = config.sequence_length,
                .shift = config.rate_jitter,
                .tied = rate_features},
      dense1_(columns_.count == 0
                  ? std::nullopt
                  : std::make_optional<Dense>(parameters, name + ".dense1", columns_.count,
                                              2 * config.embed_dim)),
      waves_(config.wave_columns().count == 0
                 ? std::nullopt
                 : std::make_optional<WaveExtractor>(parameters, name + ".waves", config,
                                                     2 * config.embed_dim)),
      dense2_(parameters, name + ".dense2", 2 * config.embed_dim, config.embed_dim),
      dropout_(config.dropout) {}

Tensor FeatureProjection::operator()(Tape& tape, const Tensor& x, const Tensor& mean,
                                     const Tensor& std) const {
  Tensor h;
  if (dense1_) h = (*dense1_)(tape, standardise(tape, x, mean, std, spoiling_, columns_));
  if (waves_) {
    const Tensor seen = (*waves_)(tape, x);
    h = h ? add_scaled(tape, h, 1, seen) : seen;
  }
  return dense2_(tape, swish_dropout(tape, h, dropout_));
}

FeedForward::FeedForward(ParameterSet& parameters, const std::string& name, std::int64_t embed_dim,
                         std::int64_t ff_dim, double dropout)
    : norm_(parameters, name + ".norm", embed_dim),
      dense1_(parameters, name + ".dense1", embed_dim, ff_dim),
      dense2_(parameters, name + ".dense2", ff_dim, embed_dim),
      dropout_(dropout) {}

Tensor FeedForward::operator()(Tape& tape, const Tensor& normalised) const {
  return dense2_(tape, swish_dropout(tape, dense1_(tape, normalised), dropout_));
}

SelfAttention::SelfAttention(ParameterSet& parameters, const std::string& name,
                             std::int64_t positions, std::int64_t embed_dim, std::int64_t heads,
                             double dropout)
    : embed_dim_(embed_dim),
      heads_(heads),
      norm_(parameters, name + ".norm", embed_dim),
      position_(positions == 0
                    ? nullptr
                    : &parameters.add(name + ".position", {positions, embed_dim}, uniform(0.05))),
      query_weight_(parameters.add(name + ".query.weight", {embed_dim, heads, embed_dim},
                                   glorot_uniform({embed_dim, heads, embed_dim}))),
      query_bias_(parameters.add(name + ".query.bias", {heads, embed_dim}, constant(0))),
      key_weight_(parameters.add(name + ".key.weight", {embed_dim, heads, embed_dim},
                                 glorot_uniform({embed_dim, heads, embed_dim}))),
      key_bias_(parameters.add(name + ".key.bias", {heads, embed_dim}, constant(0))),
      value_weight_(parameters.add(name + ".value.weight", {embed_dim, heads, embed_dim},
                                   glorot_uniform({embed_dim, heads, embed_dim}))),
      value_bias_(parameters.add(name + ".value.bias", {heads, embed_dim}, constant(0))),
      output_weight_(parameters.add(name + ".output.weight", {heads, embed_dim, embed_dim},
                                    glorot_uniform({heads, embed_dim, embed_dim}))),
      output_bias_(parameters.add(name + ".output.bias", {embed_dim}, constant(0))),
      dropout_(dropout) {}

Tensor SelfAttention::project(Tape& tape, const Tensor& x, Parameter& weight,
                              Parameter& bias) const {
  const std::int64_t inner = heads_ * embed_dim_;
  const Tensor y = linear(tape, x, tape.use(weight).reshape({embed_dim_, inner}),
                          tape.use(bias).reshape({inner}));
  return y.reshape({x.shape()[0], x.shape()[1], heads_, embed_dim_});
}

Tensor SelfAttention::operator()(Tape& tape, const Tensor& normalised) const {
  const Tensor asking =
      position_ == nullptr ? normalised : add_position(tape, normalised, tape.use(*position_));
  const Tensor query = project(tape, asking, query_weight_, query_bias_);
  const Tensor key = project(tape, normalised, key_weight_, key_bias_);
  const Tensor value = project(tape, normalised, value_weight_, value_bias_);
  const Tensor heads = attention(tape, query, key, value, dropout_);
  const std::int64_t inner = heads_ * embed_dim_;
  return linear(tape, heads.reshape({heads.shape()[0], heads.shape()[1], inner}),
                tape.use(output_weight_).reshape({inner, embed_dim_}), tape.use(output_bias_));
}

ConvModule::ConvModule(ParameterSet& parameters, const std::string& name, std::int64_t embed_dim,
                       std::int64_t kernel_size)
    : norm_(parameters, name + ".norm", embed_dim),
      pointwise1_(parameters, name + ".pointwise1", embed_dim, 2 * embed_dim),
      depthwise_weight_(parameters.add(name + ".depthwise.weight", {kernel_size, embed_dim},
                                       glorot_uniform({kernel_size, embed_dim, 1}))),
      depthwise_bias_(parameters.add(name + ".depthwise.bias", {embed_dim}, constant(0))),
      batch_norm_(parameters, name + ".batch_norm", embed_dim),
      pointwise2_(parameters, name + ".pointwise2", embed_dim, embed_dim) {}

Tensor ConvModule::operator()(Tape& tape, const Tensor& normalised) const {
  Tensor h = glu(tape, pointwise1_(tape, normalised));
  h = depthwise_conv1d(tape, h, tape.use(depthwise_weight_), tape.use(depthwise_bias_));
  h = swish(tape, batch_norm(tape, h, batch_norm_.use(tape)));
  return pointwise2_(tape, h);
}

ConformerBlock::ConformerBlock(ParameterSet& parameters, const std::string& name,
                               std::int64_t positions, std::int64_t embed_dim, std::int64_t heads,
                               std::int64_t ff_dim, std::int64_t kernel_size, double dropout)
    : ffn1_(parameters, name + ".ffn1", embed_dim, ff_dim, dropout),
      attention_(parameters, name + ".attention", positions, embed_dim, heads, dropout),
      conv_(parameters, name + ".conv", embed_dim, kernel_size),
      ffn2_(parameters, name + ".ffn2", embed_dim, ff_dim, dropout),
      norm_(parameters, name + ".norm", embed_dim),
      dropout_(dropout) {}

Tensor ConformerBlock::operator()(Tape& tape, const Tensor& x) const {
  const Tensor normalised = ffn1_.norm()(tape, x);
  AddLayerNorm h = attention_.norm().of_sum(tape, x, 0.5, ffn1_(tape, normalised), dropout_);
  h = conv_.norm().of_sum(tape, h.sum, 1, attention_(tape, h.y), dropout_);
  h = ffn2_.norm().of_sum(tape, h.sum, 1, conv_(tape, h.y), dropout_);
  return norm_.of_sum(tape, h.sum, 0.5, ffn2_(tape, h.y), dropout_).y;
}

AttentionBlock::AttentionBlock(ParameterSet& parameters, const std::string& name,
                               std::int64_t sequence_length, std::int64_t embed_dim,
                               std::int64_t heads, std::int64_t ff_dim, double dropout)
    : attention_(parameters, name + ".attention", sequence_length, embed_dim, heads, dropout),
      ffn_(parameters, name + ".ffn", embed_dim, ff_dim, dropout),
      norm_(parameters, name + ".norm", embed_dim),
      dropout_(dropout) {}

Tensor AttentionBlock::operator()(Tape& tape, const Tensor& x) const {
  const Tensor normalised = attention_.norm()(tape, x);
  const AddLayerNorm h = ffn_.norm().of_sum(tape, x, 1, attention_(tape, normalised), dropout_);
  return norm_.of_sum(tape, h.sum, 1, ffn_(tape, h.y), dropout_).y;
}

namespace {

// Zero but for the forget gate's, which is 1, so that a new network remembers: Jozefowicz, Zaremba,
// Sutskever, ICML 2015.
Initialiser unit_forget_bias(std::int64_t units) {
  return [units](std::span<double> values, RandomKey) {
    std::ranges::fill(values, 0);
    std::ranges::fill(
        values.subspan(static_cast<std::size_t>(units), static_cast<std::size_t>(units)), 1);
  };
}

}  // namespace

Lstm::Lstm(ParameterSet& parameters, const std::string& name, std::int64_t in, std::int64_t units)
    : weight_(parameters.add(name + ".weight", {in, 4 * units}, glorot_uniform({in, 4 * units}))),
      recurrent_weight_(parameters.add(name + ".recurrent_weight", {units, 4 * units},
                                       orthogonal({units, 4 * units}))),
      bias_(parameters.add(name + ".bias", {4 * units}, unit_forget_bias(units))) {}

Tensor Lstm::operator()(Tape& tape, const Tensor& x) const {
  const Tensor projected = linear(tape, x, tape.use(weight_), tape.use(bias_));
  return lstm(tape, projected, tape.use(recurrent_weight_));
}

}  // namespace ekgine
