#include "model/keras_export.h"

#include <fmt/format.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/beat.h"
#include "base/error.h"
#include "base/hdf5.h"
#include "base/json_file.h"
#include "base/provenance.h"
#include "base/zip.h"
#include "model/keras_layout.h"

namespace ekgine {

namespace {

namespace fs = std::filesystem;

constexpr const char* keras_version = "3.8.0";  // whose format this is

// A Functional model that takes its layers one after another.
class LayerWriter {
 public:
  // `shape`: of the input, with null for the batch.
  LayerWriter(std::string name, const std::string& input, Json shape)
      : name_(std::move(name)), first_(input), last_(input), shape_(std::move(shape)) {
    layers_.push_back(
        {{"module", "keras.layers"},
         {"class_name", "InputLayer"},
         {"config",
          {{"batch_shape", shape_}, {"dtype", "float32"}, {"sparse", false}, {"name", input}}},
         {"registered_name", nullptr},
         {"name", input},
         {"inbound_nodes", Json::array()}});
  }

  // A layer of Keras, or of `module` with its class as registered name; `output` is its shape.
  void add(const char* class_name, const std::string& name, Json config, Json output,
           const char* module = nullptr) {
    Json settings = {{"name", name}, {"trainable", true}, {"dtype", "float32"}};
    settings.update(config);
    const Json tensor = {
        {"class_name", "__keras_tensor__"},
        {"config",
         {{"shape", shape_}, {"dtype", "float32"}, {"keras_history", Json::array({last_, 0, 0})}}}};
    Json node = {{"args", Json::array({tensor})}, {"kwargs", Json::object()}};
    if (module != nullptr) node["kwargs"] = {{"training", false}};
    layers_.push_back({{"module", module != nullptr ? module : "keras.layers"},
                       {"class_name", class_name},
                       {"config", std::move(settings)},
                       {"registered_name", module != nullptr ? Json(class_name) : Json()},
                       {"name", name},
                       {"inbound_nodes", Json::array({std::move(node)})}});
    last_ = name;
    shape_ = std::move(output);
  }

  Json finish() && {
    return {{"module", "keras.src.models.functional"},
            {"class_name", "Functional"},
            {"config",
             {{"name", name_},
              {"trainable", true},
              {"layers", std::move(layers_)},
              {"input_layers", Json::array({first_, 0, 0})},
              {"output_layers", Json::array({last_, 0, 0})}}},
            {"registered_name", "Functional"}};
  }

 private:
  std::string name_, first_, last_;
  Json shape_;  // of the last layer's output
  Json layers_ = Json::array();
};

Json feature_extractor(std::int64_t embed_dim) {
  std::int64_t height = scalogram_scales, width = beat_samples;
  LayerWriter chain("scalogram_feature_extractor", "input_layer_1",
                    Json::array({nullptr, height, width, 1}));
  const std::array<std::int64_t, 3> channels = {32, 64, embed_dim};
  for (std::size_t stage = 0; stage < channels.size(); ++stage) {
    const auto called = [&](const char* first) {
      return keras_repeat(first, static_cast<std::int64_t>(stage));
    };
    const Json shape = Json::array({nullptr, height, width, channels[stage]});
    chain.add("Conv2D", called("conv2d"),
              {{"filters", channels[stage]},
               {"kernel_size", Json::array({3, 3})},
               {"strides", Json::array({1, 1})},
               {"padding", "same"},
               {"data_format", "channels_last"},
               {"dilation_rate", Json::array({1, 1})},
               {"groups", 1},
               {"activation", "linear"},
               {"use_bias", false}},
              shape);
    chain.add(
        "BatchNormalization", called("batch_normalization"),
        {{"axis", -1}, {"momentum", 0.99}, {"epsilon", 0.001}, {"center", true}, {"scale", true}},
        shape);
    chain.add("Activation", called("activation"), {{"activation", "relu"}}, shape);
    if (stage == 2) break;
    height /= 2;
    width /= 2;
    chain.add("MaxPooling2D", called("max_pooling2d"),
              {{"pool_size", Json::array({2, 2})},
               {"padding", "valid"},
               {"strides", Json::array({2, 2})},
               {"data_format", "channels_last"}},
              Json::array({nullptr, height, width, channels[stage]}));
  }
  chain.add("GlobalAveragePooling2D", "global_average_pooling2d",
            {{"data_format", "channels_last"}, {"keepdims", false}},
            Json::array({nullptr, embed_dim}));
  return std::move(chain).finish();
}

Json block_settings(const ModelConfig& config) {
  Json settings = {{"sequence_len", config.sequence_length},
                   {"embed_dim", config.embed_dim},
                   {"num_heads", config.num_heads},
                   {"ff_dim", config.ff_dim_multiplier * config.embed_dim},
                   {"dropout_rate", config.dropout}};
  if (config.name == "Main_Model") settings["kernel_size"] = config.kernel_size;
  return settings;
}

Json graph(const ModelConfig& config) {
  const std::int64_t t = config.sequence_length, d = config.embed_dim;
  LayerWriter chain(config.name, "input_layer",
                    Json::array({nullptr, t, scalogram_scales, beat_samples, 1}));
  const Json features = Json::array({nullptr, t, d});
  chain.add("TimeDistributed", "time_distributed", {{"layer", feature_extractor(d)}}, features);
  if (config.name == "CNNLSTM_Model") {
    chain.add("LSTM", "lstm",
              {{"units", config.lstm_units},
               {"activation", "tanh"},
               {"recurrent_activation", "sigmoid"},
               {"use_bias", true},
               {"unit_forget_bias", true},
               {"dropout", 0.0},
               {"recurrent_dropout", 0.0},
               {"return_sequences", false},
               {"return_state", false},
               {"go_backwards", false},
               {"stateful", false}},
              Json::array({nullptr, config.lstm_units}));
  } else {
    const bool conformer = config.name == "Main_Model";
    const std::int64_t blocks = config.name == "Baseline_Model" ? 0 : config.num_blocks;
    const KerasBlock block = conformer ? keras_conformer_block : keras_attention_block;
    for (std::int64_t i = 0; i < blocks; ++i) {
      chain.add(block.class_name, keras_repeat(block.group, i), block_settings(config), features,
                "ModelBuilder");
    }
    chain.add("GlobalAveragePooling1D", "global_average_pooling1d",
              {{"data_format", "channels_last"}, {"keepdims", false}}, Json::array({nullptr, d}));
  }
  chain.add("Dense", "dense",
            {{"units", class_count}, {"activation", "softmax"}, {"use_bias", true}},
            Json::array({nullptr, class_count}));
  return std::move(chain).finish();
}

std::string variables_file(const ModelWeights& weights, const std::string& file) {
  hdf5::File variables = hdf5::File::create_image(file + ": model.weights.h5");
  variables.create_group("vars");  // the model's own: none, but Keras asks
  for (const KerasVariable& variable : keras_variables(weights.config)) {
    const auto found = weights.state.find(variable.name);
    if (found == weights.state.end()) {
      if (variable.optional) continue;
      fail("{}: {} is missing in the weights", file, variable.name);
    }
    if (found->second.shape != variable.shape) {
      fail("{}: {} is {}, expected {}", file, variable.name, shape_text(found->second.shape),
           shape_text(variable.shape));
    }
    variables.write<float>(variable.path, found->second.values, variable.stored);
  }
  if (weights.config.beat_unit != ModelConfig{}.beat_unit) {
    if (!variables.exists(keras_normalisation)) variables.create_group(keras_normalisation);
    variables.write_text(keras_normalisation, keras_amplitude,
                         beat_unit_name(weights.config.beat_unit));
  }
  if (!weights.label_map.empty()) {
    if (!variables.exists(keras_normalisation)) variables.create_group(keras_normalisation);
    variables.write_text(keras_normalisation, keras_label_map, weights.label_map);
  }
  if (!weights.made.empty()) {
    if (!variables.exists(keras_normalisation)) variables.create_group(keras_normalisation);
    variables.write_text(keras_normalisation, keras_made, json_text(to_json(weights.made)));
  }
  return variables.image();
}

}  // namespace

void export_keras(const fs::path& path, const ModelWeights& weights) {
  const std::string file = path.string();
  if (weights.config.labels_every_beat()) {
    fail("{}: {} has no form in Keras", file, weights.config.name);
  }
  const ZipMember members[] = {{"metadata.json", Json{{"keras_version", keras_version}}.dump()},
                               {"config.json", graph(weights.config).dump()},
                               {"model.weights.h5", variables_file(weights, file)}};
  write_file(path, zip_of(members, ZipMethod::store, file));  // weights hardly compress
}

}  // namespace ekgine
