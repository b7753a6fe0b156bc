#include "model/keras_layout.h"

#include <fmt/format.h>

#include <utility>

#include "base/beat.h"
#include "model/modules.h"

namespace ekgine {

namespace {

using Extents = std::vector<std::int64_t>;

class VariableList {
 public:
  // Variable `index` of a layer; `stored` is its shape in Keras.
  void add(const std::string& layer, int index, const std::string& name, Extents shape,
           Extents stored) {
    all_.push_back(
        {fmt::format("{}/vars/{}", layer, index), name, std::move(shape), std::move(stored)});
  }
  void add(const std::string& layer, int index, const std::string& name, const Extents& shape) {
    add(layer, index, name, shape, shape);
  }

  void add_norm(const std::string& layer, const std::string& name, std::int64_t channels) {
    add(layer, 0, name + ".weight", {channels});
    add(layer, 1, name + ".bias", {channels});
  }
  void add_batch_norm(const std::string& layer, const std::string& name, std::int64_t channels) {
    add_norm(layer, name, channels);
    add(layer, 2, name + ".running_mean", {channels});
    add(layer, 3, name + ".running_variance", {channels});
  }
  void add_dense(const std::string& layer, const std::string& name, std::int64_t in,
                 std::int64_t out) {
    add(layer, 0, name + ".weight", {in, out});
    add(layer, 1, name + ".bias", {out});
  }
  // A convolution of kernel size 1 is a dense layer along the channels.
  void add_pointwise(const std::string& layer, const std::string& name, std::int64_t in,
                     std::int64_t out) {
    add(layer, 0, name + ".weight", {in, out}, {1, in, out});
    add(layer, 1, name + ".bias", {out});
  }

  // Of every member, and what their inputs are normalised with.
  std::vector<KerasVariable> finish(const ModelConfig& config) {
    const std::vector<KerasVariable> member = std::exchange(all_, {});
    for (std::int64_t m = 0; m < config.members(); ++m) {
      for (KerasVariable variable : member) {
        variable.name.insert(0, config.member_prefix(m));
        all_.push_back(std::move(variable));
      }
    }
    const std::int64_t width = row_width(config.input());
    for (const std::string statistic : {"mean", "std"}) {
      all_.push_back({.path = fmt::format("{}/{}", keras_normalisation, statistic),
                      .name = "normalisation." + statistic,
                      .shape = {width},
                      .stored = {width},
                      .optional = true});
    }
    return std::move(all_);
  }

 private:
  std::vector<KerasVariable> all_;
};

void add_feature_extractor(VariableList& variables, const ModelConfig& config) {
  const std::int64_t channels[] = {1, 32, 64, config.embed_dim};
  for (int stage = 0; stage < 3; ++stage) {
    const std::string extractor = "layers/time_distributed/layer/layers/";
    variables.add(keras_repeat(extractor + "conv2d", stage), 0,
                  fmt::format("features.conv{}.weight", stage + 1),
                  {3, 3, channels[stage], channels[stage + 1]});
    variables.add_batch_norm(keras_repeat(extractor + "batch_normalization", stage),
                             fmt::format("features.norm{}", stage + 1), channels[stage + 1]);
  }
}

void add_wave_extractor(VariableList& variables, const ModelConfig& config) {
  for (int stage = 0; stage < 2; ++stage) {
    variables.add(keras_repeat("layers/conv2d", stage), 0,
                  fmt::format("projection.waves.conv{}.weight", stage + 1),
                  {3, 3, stage == 0 ? 1 : wave_channels, wave_channels});
    variables.add_batch_norm(keras_repeat("layers/batch_normalization", stage),
                             fmt::format("projection.waves.norm{}", stage + 1), wave_channels);
  }
  variables.add_dense("layers/dense_3", "projection.waves.dense", wave_image_size(config.leads),
                      2 * config.embed_dim);
}

void add_feed_forward(VariableList& variables, const ModelConfig& config, const std::string& layer,
                      const std::string& name) {
  const std::int64_t d = config.embed_dim, ff_dim = config.ff_dim_multiplier * d;
  variables.add_norm(layer + "/layer_norm", name + ".norm", d);
  variables.add_dense(layer + "/ffn1", name + ".dense1", d, ff_dim);
  variables.add_dense(layer + "/ffn2", name + ".dense2", ff_dim, d);
}

void add_attention(VariableList& variables, const ModelConfig& config, const std::string& layer,
                   const std::string& name) {
  const std::int64_t d = config.embed_dim, heads = config.num_heads;
  variables.add_norm(layer + "/layer_norm", name + ".norm", d);
  if (!config.labels_every_beat()) {
    variables.add(layer + "/pos_embedding", 0, name + ".position", {config.sequence_length, d});
  }
  for (const std::string projection : {"query", "key", "value"}) {
    const std::string dense = layer + "/mha/" + projection + "_dense";
    variables.add(dense, 0, name + "." + projection + ".weight", {d, heads, d});
    variables.add(dense, 1, name + "." + projection + ".bias", {heads, d});
  }
  variables.add(layer + "/mha/output_dense", 0, name + ".output.weight", {heads, d, d});
  variables.add(layer + "/mha/output_dense", 1, name + ".output.bias", {d});
}

void add_convolution(VariableList& variables, const ModelConfig& config, const std::string& layer,
                     const std::string& name) {
  const std::int64_t d = config.embed_dim, kernel = config.kernel_size;
  variables.add_norm(layer + "/layer_norm", name + ".norm", d);
  variables.add_pointwise(layer + "/pointwise_conv1", name + ".pointwise1", d, 2 * d);
  variables.add(layer + "/depthwise_conv", 0, name + ".depthwise.weight", {kernel, d},
                {kernel, d, 1});
  variables.add(layer + "/depthwise_conv", 1, name + ".depthwise.bias", {d});
  variables.add_batch_norm(layer + "/batch_norm", name + ".batch_norm", d);
  variables.add_pointwise(layer + "/pointwise_conv2", name + ".pointwise2", d, d);
}

}  // namespace

std::string keras_repeat(const std::string& first, std::int64_t index) {
  return index == 0 ? first : fmt::format("{}_{}", first, index);
}

std::vector<KerasVariable> keras_variables(const ModelConfig& config) {
  VariableList variables;
  std::int64_t width = config.embed_dim;
  if (config.labels_every_beat()) {
    if (config.feature_columns().count > 0) {
      variables.add_dense("layers/dense_1", "projection.dense1", config.feature_columns().count,
                          2 * width);
    }
    if (config.wave_columns().count > 0) add_wave_extractor(variables, config);
    variables.add_dense("layers/dense_2", "projection.dense2", 2 * width, width);
  } else {
    add_feature_extractor(variables, config);
  }
  if (config.name == "Main_Model" || config.name == "Rhythm_Model") {
    for (std::int64_t i = 0; i < config.num_blocks; ++i) {
      const std::string layer =
          std::string("layers/") + keras_repeat(keras_conformer_block.group, i);
      const std::string name = fmt::format("encoder.{}", i);
      add_feed_forward(variables, config, layer + "/ffn1", name + ".ffn1");
      add_feed_forward(variables, config, layer + "/ffn2", name + ".ffn2");
      add_attention(variables, config, layer + "/self_attention", name + ".attention");
      add_convolution(variables, config, layer + "/conv_module", name + ".conv");
      variables.add_norm(layer + "/final_layer_norm", name + ".norm", config.embed_dim);
    }
  } else if (config.name == "AttentionOnly") {
    for (std::int64_t i = 0; i < config.num_blocks; ++i) {
      const std::string layer =
          std::string("layers/") + keras_repeat(keras_attention_block.group, i);
      const std::string name = fmt::format("encoder.{}", i);
      add_attention(variables, config, layer + "/self_attention", name + ".attention");
      add_feed_forward(variables, config, layer + "/ffn", name + ".ffn");
      variables.add_norm(layer + "/final_layer_norm", name + ".norm", config.embed_dim);
    }
  } else if (config.name == "CNNLSTM_Model") {
    width = config.lstm_units;
    variables.add("layers/lstm/cell", 0, "lstm.weight", {config.embed_dim, 4 * width});
    variables.add("layers/lstm/cell", 1, "lstm.recurrent_weight", {width, 4 * width});
    variables.add("layers/lstm/cell", 2, "lstm.bias", {4 * width});
  }
  variables.add_dense("layers/dense", "classifier", width, class_count);
  return variables.finish(config);
}

}  // namespace ekgine
