#include "model/keras_import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zip.h>
#include <algorithm>

#include <cstdlib>
#include <functional>
#include <limits>
#include <map>
#include <numeric>

#include "base/atomic_file.h"
#include "base/hdf5.h"
#include "base/json.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

using ::testing::ElementsAre;
using testing::TemporaryDirectory;
using Extents = std::vector<std::int64_t>;

// --- A Keras model as Keras 3.8 saves it, small and with values of our own -----------------------

Json layer(const char* class_name, const std::string& name, Json config) {
  config["name"] = name;
  config["trainable"] = true;
  config["dtype"] = {{"class_name", "DTypePolicy"}, {"config", {{"name", "float32"}}}};
  return {{"module", "keras.layers"},
          {"class_name", class_name},
          {"config", std::move(config)},
          {"registered_name", nullptr},
          {"name", name}};
}

Json functional(const std::string& name, std::vector<Json> layers) {
  for (std::size_t i = 0; i < layers.size(); ++i) {
    Json& nodes = layers[i]["inbound_nodes"] = Json::array();
    if (i == 0) continue;
    const Json tensor = {{"class_name", "__keras_tensor__"},
                         {"config",
                          {{"shape", Json::array({nullptr, 3})},
                           {"dtype", "float32"},
                           {"keras_history", Json::array({layers[i - 1]["name"], 0, 0})}}}};
    nodes.push_back({{"args", Json::array({tensor})}, {"kwargs", Json::object()}});
  }
  return {{"module", "keras.src.models.functional"},
          {"class_name", "Functional"},
          {"config", {{"name", name}, {"trainable", true}, {"layers", layers}}}};
}

Json conv2d(const std::string& name, std::int64_t filters) {
  return layer("Conv2D", name,
               {{"filters", filters},
                {"kernel_size", Json::array({3, 3})},
                {"strides", Json::array({1, 1})},
                {"padding", "same"},
                {"data_format", "channels_last"},
                {"dilation_rate", Json::array({1, 1})},
                {"groups", 1},
                {"activation", "linear"},
                {"use_bias", false}});
}

Json batch_norm(const std::string& name) {
  return layer("BatchNormalization", name,
               {{"axis", -1},
                {"momentum", 0.99},
                {"epsilon", 0.001},
                {"center", true},
                {"scale", true},
                {"synchronized", false}});
}

Json relu(const std::string& name) {
  return layer("Activation", name, {{"activation", "relu"}});
}

Json max_pool(const std::string& name) {
  return layer("MaxPooling2D", name,
               {{"pool_size", Json::array({2, 2})},
                {"padding", "valid"},
                {"strides", Json::array({2, 2})},
                {"data_format", "channels_last"}});
}

Json average(const char* class_name, const std::string& name) {
  return layer(class_name, name, {{"data_format", "channels_last"}, {"keepdims", false}});
}

Json cast(const std::string& name) {
  return {{"class_name", "Cast"}, {"config", {{"dtype", "float16"}}}, {"name", name}};
}

Json feature_extractor(std::int64_t embed_dim, bool mixed_precision) {
  std::vector<Json> layers = {
      layer("InputLayer", "input_layer_1", {{"batch_shape", Json::array({nullptr, 32, 187, 1})}})};
  if (mixed_precision) layers.push_back(cast("cast"));
  for (const Json& next :
       {conv2d("conv2d", 32), batch_norm("batch_normalization"), relu("activation"),
        max_pool("max_pooling2d"), conv2d("conv2d_1", 64), batch_norm("batch_normalization_1"),
        relu("activation_1"), max_pool("max_pooling2d_1"), conv2d("conv2d_2", embed_dim),
        batch_norm("batch_normalization_2"), relu("activation_2"),
        average("GlobalAveragePooling2D", "global_average_pooling2d")}) {
    layers.push_back(next);
  }
  Json model = functional("scalogram_feature_extractor", layers);
  model["name"] = "scalogram_feature_extractor";
  return model;
}

// The model of a configuration; `mixed_precision` adds the casts of mixed float16.
Json keras_config(const ModelConfig& config, bool mixed_precision = false) {
  std::vector<Json> layers = {
      layer("InputLayer", "input_layer",
            {{"batch_shape", Json::array({nullptr, config.sequence_length, 32, 187, 1})}})};
  if (mixed_precision) layers.push_back(cast("cast_1"));
  layers.push_back(layer("TimeDistributed", "time_distributed",
                         {{"layer", feature_extractor(config.embed_dim, mixed_precision)}}));
  const bool conformer = config.name == "Main_Model";
  const bool blocks = conformer || config.name == "AttentionOnly";
  for (std::int64_t i = 0; blocks && i < config.num_blocks; ++i) {
    // Names of layers and of their groups in the weights differ in real files too.
    layers.push_back(layer(conformer ? "ConformerBlock" : "AttentionOnlyBlock",
                           fmt::format("{}_block_{}", conformer ? "conformer" : "attention", i + 7),
                           {{"sequence_len", config.sequence_length},
                            {"embed_dim", config.embed_dim},
                            {"num_heads", config.num_heads},
                            {"ff_dim", config.ff_dim_multiplier * config.embed_dim},
                            {"dropout_rate", config.dropout}}));
    if (conformer) layers.back()["config"]["kernel_size"] = config.kernel_size;
  }
  if (config.name == "CNNLSTM_Model") {
    layers.push_back(layer("LSTM", "lstm_3",
                           {{"units", config.lstm_units},
                            {"activation", "tanh"},
                            {"recurrent_activation", "sigmoid"},
                            {"use_bias", true},
                            {"dropout", 0.0},
                            {"recurrent_dropout", 0.0},
                            {"return_sequences", false},
                            {"return_state", false},
                            {"go_backwards", false},
                            {"stateful", false},
                            {"unroll", false}}));
  } else {
    layers.push_back(average("GlobalAveragePooling1D", "global_average_pooling1d"));
  }
  layers.push_back(
      layer("Dense", "dense_4", {{"units", 5}, {"activation", "softmax"}, {"use_bias", true}}));
  return functional("Some_Model", layers);
}

struct Variable {
  std::string keras;  // its path in model.weights.h5
  Extents stored;
  std::string name;  // ours
  Extents shape;
};

std::vector<Variable> variables_of(const ModelConfig& config) {
  std::vector<Variable> all;
  const auto add = [&](const std::string& keras, Extents stored, const std::string& name,
                       Extents shape) {
    all.push_back({keras, stored, name, shape});
  };
  const std::int64_t t = config.sequence_length, d = config.embed_dim;
  const std::int64_t channels[] = {1, 32, 64, d};
  for (int i = 0; i < 3; ++i) {
    const std::string in = "layers/time_distributed/layer/layers/";
    const std::string repeat = i == 0 ? "" : "_" + std::to_string(i);
    const std::string number = std::to_string(i + 1);
    const Extents kernel = {3, 3, channels[i], channels[i + 1]}, out = {channels[i + 1]};
    add(in + "conv2d" + repeat + "/vars/0", kernel, "features.conv" + number + ".weight", kernel);
    const std::string norm = in + "batch_normalization" + repeat + "/vars/";
    add(norm + "0", out, "features.norm" + number + ".weight", out);
    add(norm + "1", out, "features.norm" + number + ".bias", out);
    add(norm + "2", out, "features.norm" + number + ".running_mean", out);
    add(norm + "3", out, "features.norm" + number + ".running_variance", out);
  }
  const std::int64_t units = config.lstm_units;
  const std::int64_t width = config.name == "CNNLSTM_Model" ? units : d;
  add("layers/dense/vars/0", {width, 5}, "classifier.weight", {width, 5});
  add("layers/dense/vars/1", {5}, "classifier.bias", {5});
  if (config.name == "Baseline_Model") return all;
  if (config.name == "CNNLSTM_Model") {
    add("layers/lstm/cell/vars/0", {d, 4 * units}, "lstm.weight", {d, 4 * units});
    add("layers/lstm/cell/vars/1", {units, 4 * units}, "lstm.recurrent_weight", {units, 4 * units});
    add("layers/lstm/cell/vars/2", {4 * units}, "lstm.bias", {4 * units});
    return all;
  }

  const std::int64_t h = config.num_heads, f = config.ff_dim_multiplier * d;
  const std::int64_t k = config.kernel_size;
  for (std::int64_t i = 0; i < config.num_blocks; ++i) {
    const bool conformer = config.name == "Main_Model";
    const std::string first = conformer ? "layers/conformer_block" : "layers/attention_only_block";
    const std::string b = i == 0 ? first + "/" : fmt::format("{}_{}/", first, i);
    const std::string e = fmt::format("encoder.{}.", i);
    const std::vector<std::string> feed_forwards =
        conformer ? std::vector<std::string>{"ffn1", "ffn2"} : std::vector<std::string>{"ffn"};
    for (const std::string& m : feed_forwards) {
      add(b + m + "/layer_norm/vars/0", {d}, e + m + ".norm.weight", {d});
      add(b + m + "/layer_norm/vars/1", {d}, e + m + ".norm.bias", {d});
      add(b + m + "/ffn1/vars/0", {d, f}, e + m + ".dense1.weight", {d, f});
      add(b + m + "/ffn1/vars/1", {f}, e + m + ".dense1.bias", {f});
      add(b + m + "/ffn2/vars/0", {f, d}, e + m + ".dense2.weight", {f, d});
      add(b + m + "/ffn2/vars/1", {d}, e + m + ".dense2.bias", {d});
    }
    const std::string a = b + "self_attention/", to = e + "attention.";
    add(a + "layer_norm/vars/0", {d}, to + "norm.weight", {d});
    add(a + "layer_norm/vars/1", {d}, to + "norm.bias", {d});
    add(a + "pos_embedding/vars/0", {t, d}, to + "position", {t, d});
    for (const std::string p : {"query", "key", "value"}) {
      add(a + "mha/" + p + "_dense/vars/0", {d, h, d}, to + p + ".weight", {d, h, d});
      add(a + "mha/" + p + "_dense/vars/1", {h, d}, to + p + ".bias", {h, d});
    }
    add(a + "mha/output_dense/vars/0", {h, d, d}, to + "output.weight", {h, d, d});
    add(a + "mha/output_dense/vars/1", {d}, to + "output.bias", {d});
    add(b + "final_layer_norm/vars/0", {d}, e + "norm.weight", {d});
    add(b + "final_layer_norm/vars/1", {d}, e + "norm.bias", {d});
    if (!conformer) continue;
    const std::string c = b + "conv_module/";
    add(c + "layer_norm/vars/0", {d}, e + "conv.norm.weight", {d});
    add(c + "layer_norm/vars/1", {d}, e + "conv.norm.bias", {d});
    add(c + "pointwise_conv1/vars/0", {1, d, 2 * d}, e + "conv.pointwise1.weight", {d, 2 * d});
    add(c + "pointwise_conv1/vars/1", {2 * d}, e + "conv.pointwise1.bias", {2 * d});
    add(c + "depthwise_conv/vars/0", {k, d, 1}, e + "conv.depthwise.weight", {k, d});
    add(c + "depthwise_conv/vars/1", {d}, e + "conv.depthwise.bias", {d});
    add(c + "batch_norm/vars/0", {d}, e + "conv.batch_norm.weight", {d});
    add(c + "batch_norm/vars/1", {d}, e + "conv.batch_norm.bias", {d});
    add(c + "batch_norm/vars/2", {d}, e + "conv.batch_norm.running_mean", {d});
    add(c + "batch_norm/vars/3", {d}, e + "conv.batch_norm.running_variance", {d});
    add(c + "pointwise_conv2/vars/0", {1, d, d}, e + "conv.pointwise2.weight", {d, d});
    add(c + "pointwise_conv2/vars/1", {d}, e + "conv.pointwise2.bias", {d});
  }
  return all;
}

// Values that no two variables share: thousands tell the variable, the rest the element.
std::vector<float> values_of(std::size_t variable, const Extents& shape) {
  std::size_t count = 1;
  for (const std::int64_t extent : shape) count *= static_cast<std::size_t>(extent);
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 100000.0f * static_cast<float>(variable));
  return values;
}

using Members = std::map<std::string, std::string>;

void write_zip(const std::filesystem::path& path, const Members& members) {
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  ASSERT_NE(archive, nullptr);
  for (const auto& [name, content] : members) {
    zip_source_t* source = zip_source_buffer(archive, content.data(), content.size(), 0);
    ASSERT_GE(zip_file_add(archive, name.c_str(), source, ZIP_FL_OVERWRITE), 0);
  }
  ASSERT_EQ(zip_close(archive), 0);
}

// A whole file; `edit` may change the variables before they are written.
Members keras_members(const ModelConfig& config, bool mixed_precision = false,
                      const std::function<void(std::vector<Variable>&)>& edit = {}) {
  std::vector<Variable> variables = variables_of(config);
  if (edit) edit(variables);
  hdf5::File file = hdf5::File::create_image("weights.h5");
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const std::vector<float> values = values_of(i, variables[i].stored);
    file.write<float>(variables[i].keras, values, variables[i].stored);
  }
  // The optimiser's state lies beside the layers and is not imported.
  file.write<float>("optimizer/vars/1", std::vector<float>{1e-5f}, {});
  return {{"metadata.json", R"({"keras_version": "3.8.0", "date_saved": "2025-08-23@22:44:47"})"},
          {"config.json", keras_config(config, mixed_precision).dump()},
          {"model.weights.h5", file.image()}};
}

ModelConfig small_baseline() {
  ModelConfig config;
  config.name = "Baseline_Model";
  config.sequence_length = 4;
  config.embed_dim = 6;
  return config;
}

ModelConfig small_main() {
  ModelConfig config;
  config.sequence_length = 5;
  config.embed_dim = 4;
  config.num_heads = 3;
  config.ff_dim_multiplier = 2;
  config.kernel_size = 7;
  config.num_blocks = 2;
  config.dropout = 0.25;
  return config;
}

ModelConfig small_attention() {
  ModelConfig config = small_main();
  config.name = "AttentionOnly";
  config.kernel_size = ModelConfig{}.kernel_size;
  return config;
}

ModelConfig small_lstm() {
  ModelConfig config = small_baseline();
  config.name = "CNNLSTM_Model";
  config.lstm_units = 3;
  return config;
}

// --- What must be read ---------------------------------------------------------------------------

void expect_import(const ModelConfig& config, bool mixed_precision) {
  const TemporaryDirectory folder;
  write_zip(folder / "a.keras", keras_members(config, mixed_precision));
  const ModelWeights weights = import_keras(folder / "a.keras");
  EXPECT_EQ(weights.config, config);
  const std::vector<Variable> variables = variables_of(config);
  EXPECT_EQ(weights.state.size(), variables.size());
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const auto found = weights.state.find(variables[i].name);
    ASSERT_NE(found, weights.state.end()) << variables[i].name;
    EXPECT_EQ(found->second.shape, variables[i].shape) << variables[i].name;
    EXPECT_EQ(found->second.values, values_of(i, variables[i].stored)) << variables[i].name;
  }
}

TEST(KerasImport, BaselineModel) {
  expect_import(small_baseline(), false);
}

TEST(KerasImport, BaselineModelOfMixedPrecision) {
  expect_import(small_baseline(), true);
}

TEST(KerasImport, MainModelOfSeveralBlocks) {
  expect_import(small_main(), false);
}

TEST(KerasImport, MainModelOfMixedPrecision) {
  expect_import(small_main(), true);
}

TEST(KerasImport, AttentionOnly) {
  expect_import(small_attention(), false);
  expect_import(small_attention(), true);
}

TEST(KerasImport, CnnLstmModel) {
  expect_import(small_lstm(), false);
  expect_import(small_lstm(), true);
}

// --- What must be refused ------------------------------------------------------------------------

class KerasErrors : public ::testing::Test {
 protected:
  void import(const Members& members) {
    write_zip(path_, members);
    import_keras(path_);
  }
  // Imports a valid Main_Model or Baseline_Model with an edited config.json.
  void import(const ModelConfig& config, const std::function<void(Json&)>& edit) {
    Json object = keras_config(config);
    edit(object);
    Members members = keras_members(config);
    members["config.json"] = object.dump();
    import(members);
  }

  TemporaryDirectory folder_;
  std::string path_ = folder_ / "a.keras";
};

Json& layer_of(Json& model, std::size_t index) {
  return model["config"]["layers"][index];
}
Json& extractor_layer(Json& model, std::size_t index) {
  return layer_of(layer_of(model, 1)["config"]["layer"], index);
}

TEST_F(KerasErrors, NotAZip) {
  EXPECT_ERROR(import_keras(path_), path_ + ": cannot open: No such file");
  write_file(path_, "");
  EXPECT_ERROR(import_keras(path_), path_ + ": not a .keras file (a zip), or truncated");
  write_file(path_, std::string(5000, 'x'));
  EXPECT_ERROR(import_keras(path_), path_ + ": not a .keras file (a zip), or truncated");
  const std::string folder = folder_.path().string();
  EXPECT_ERROR(import_keras(folder), folder + ": ");
}

TEST_F(KerasErrors, TruncatedZip) {
  write_zip(path_, keras_members(small_baseline()));
  const std::string whole = read_file(path_);
  for (const std::size_t size :
       {std::size_t{4}, std::size_t{100}, whole.size() / 2, whole.size() - 30, whole.size() - 1}) {
    write_file(path_, whole.substr(0, size));
    EXPECT_ERROR(import_keras(path_), path_ + ": not a .keras file (a zip), or truncated");
  }
}

TEST_F(KerasErrors, DamagedMember) {
  Members members = keras_members(small_baseline());
  for (auto& [name, content] : members) content.resize(content.size() + 64, ' ');
  write_zip(path_, members);
  std::string whole = read_file(path_);
  // The members lie one after another from the start; the first is compressed JSON.
  whole[60] = static_cast<char>(whole[60] ^ 0x55);
  write_file(path_, whole);
  EXPECT_ERROR(import_keras(path_), path_ + ": config.json: cannot read: ");
}

TEST_F(KerasErrors, MissingMembers) {
  for (const std::string member : {"metadata.json", "config.json", "model.weights.h5"}) {
    Members members = keras_members(small_baseline());
    members.erase(member);
    EXPECT_ERROR(import(members), path_ + ": not a .keras file: the zip has no " + member);
  }
}

TEST_F(KerasErrors, InvalidJson) {
  Members members = keras_members(small_baseline());
  members["config.json"].resize(1000);
  EXPECT_ERROR(import(members),
               path_ + ": config.json: not JSON: it ends too early, after 1000 bytes");
  for (const char* text : {"[]", "{}", R"({"class_name":"Functional"})",
                           R"({"class_name":"Functional","config":{"name":3}})",
                           R"({"class_name":"Functional","config":{"name":"m","layers":[7]}})"}) {
    members["config.json"] = text;
    EXPECT_ERROR(import(members), path_ + ": config.json: not as Keras writes it: ");
  }
  members = keras_members(small_baseline());
  members["metadata.json"] = "{}";
  EXPECT_ERROR(import(members), path_ + ": metadata.json: not as Keras writes it: ");
  members["metadata.json"] = R"({"keras_version": "2.15.0"})";
  EXPECT_ERROR(import(members),
               path_ + ": metadata.json: keras_version is \"2.15.0\", expected 3.x");
}

TEST_F(KerasErrors, UnknownLayers) {
  EXPECT_ERROR(
      import(small_baseline(), [](Json& model) { layer_of(model, 2)["class_name"] = "GRU"; }),
      path_ +
          ": config.json: layer \"global_average_pooling1d\" is a GRU, expected "
          "GlobalAveragePooling1D, ConformerBlock, AttentionOnlyBlock or LSTM");
  EXPECT_ERROR(
      import(small_main(),
             [](Json& model) { layer_of(model, 3)["class_name"] = "AttentionBlock"; }),
      "layer \"conformer_block_8\" is a AttentionBlock, expected GlobalAveragePooling1D or "
      "ConformerBlock");
  // Blocks of two kinds.
  EXPECT_ERROR(
      import(small_main(),
             [](Json& model) { layer_of(model, 3)["class_name"] = "AttentionOnlyBlock"; }),
      "layer \"conformer_block_8\" is a AttentionOnlyBlock, expected GlobalAveragePooling1D or "
      "ConformerBlock");
  // The LSTM takes the place of the mean; it does not stand before it.
  EXPECT_ERROR(
      import(small_lstm(),
             [](Json& model) { layer_of(model, 3)["class_name"] = "GlobalAveragePooling1D"; }),
      "layer \"dense_4\" is a GlobalAveragePooling1D, expected Dense");
  EXPECT_ERROR(
      import(small_baseline(),
             [](Json& model) { extractor_layer(model, 2)["class_name"] = "LayerNormalization"; }),
      "layer \"batch_normalization\" is a LayerNormalization, expected BatchNormalization");
  EXPECT_ERROR(import(small_baseline(), [](Json& model) { model["class_name"] = "Sequential"; }),
               "layer \"Some_Model\" is a Sequential, expected a Functional model");
  EXPECT_ERROR(
      import(small_baseline(),
             [](Json& model) { layer_of(model, 1)["config"]["layer"]["class_name"] = "Dense"; }),
      "layer \"scalogram_feature_extractor\" is a Dense, expected a Functional model");
}

TEST_F(KerasErrors, LayersOutOfLine) {
  EXPECT_ERROR(
      import(small_baseline(),
             [](Json& model) {
               layer_of(model, 3)["inbound_nodes"][0]["args"][0]["config"]["keras_history"][0] =
                   "time_distributed";
             }),
      path_ +
          ": config.json: layer \"dense_4\" takes \"time_distributed\" as its input, expected "
          "\"global_average_pooling1d\"");
  EXPECT_ERROR(import(small_baseline(),
                      [](Json& model) {
                        Json& args = layer_of(model, 3)["inbound_nodes"][0]["args"];
                        args.push_back(args[0]);
                      }),
               "layer \"dense_4\": expected one input");
  EXPECT_ERROR(import(small_baseline(),
                      [](Json& model) {
                        Json& layers = model["config"]["layers"];
                        Json fewer = Json::array();
                        for (std::size_t i = 0; i < 3; ++i) fewer.push_back(layers[i]);
                        layers = fewer;
                      }),
               path_ + ": config.json: layer \"Some_Model\" ends, expected Dense next");
  EXPECT_ERROR(import(small_baseline(),
                      [](Json& model) {
                        Json& layers = model["config"]["layers"];
                        layers.push_back(layers[3]);
                        layers[4]["name"] = "dense_5";
                      }),
               "layer \"dense_5\" is a Dense, expected the end of the model");
}

TEST_F(KerasErrors, SettingsOfTheFeatureExtractor) {
  struct Case {
    std::size_t layer;
    const char* key;
    Json value;
    std::string expected;
  };
  const std::vector<Case> cases = {
      {0, "batch_shape", Json::array({nullptr, 32, 200, 1}),
       "\"input_layer_1\": batch_shape is [null,32,200,1], expected [null,32,187,1]"},
      {1, "filters", 16, "\"conv2d\": filters is 16, expected 32"},
      {1, "filters", "x", "\"conv2d\": filters must be a positive integer, got \"x\""},
      {1, "kernel_size", Json::array({5, 5}), "\"conv2d\": kernel_size is [5,5], expected [3,3]"},
      {1, "strides", Json::array({2, 2}), "\"conv2d\": strides is [2,2], expected [1,1]"},
      {1, "padding", "valid", "\"conv2d\": padding is \"valid\", expected \"same\""},
      {1, "dilation_rate", Json::array({2, 2}),
       "\"conv2d\": dilation_rate is [2,2], expected [1,1]"},
      {5, "groups", 2, "\"conv2d_1\": groups is 2, expected 1"},
      {5, "activation", "relu", "\"conv2d_1\": activation is \"relu\", expected \"linear\""},
      {5, "use_bias", true, "\"conv2d_1\": use_bias is true, expected false"},
      {9, "data_format", "channels_first",
       "\"conv2d_2\": data_format is \"channels_first\", expected \"channels_last\""},
      {9, "filters", 18446744073709551615u,
       "\"conv2d_2\": filters must be a positive integer, got 18446744073709551615"},
      {9, "filters", 5000, "config.json: embed dim must be 1 to 4096, got 5000"},
      {2, "axis", 1, "\"batch_normalization\": axis is 1, expected -1"},
      {2, "momentum", 0.9, "\"batch_normalization\": momentum is 0.9, expected 0.99"},
      {6, "epsilon", 1e-5, "\"batch_normalization_1\": epsilon is 1e-05, expected 0.001"},
      {10, "center", false, "\"batch_normalization_2\": center is false, expected true"},
      {10, "scale", false, "\"batch_normalization_2\": scale is false, expected true"},
      {3, "activation", "gelu", "\"activation\": activation is \"gelu\", expected \"relu\""},
      {4, "pool_size", Json::array({3, 3}),
       "\"max_pooling2d\": pool_size is [3,3], expected [2,2]"},
      {4, "strides", Json::array({1, 1}), "\"max_pooling2d\": strides is [1,1], expected [2,2]"},
      {8, "padding", "same", "\"max_pooling2d_1\": padding is \"same\", expected \"valid\""},
      {12, "keepdims", true, "\"global_average_pooling2d\": keepdims is true, expected false"}};
  for (const Case& c : cases) {
    EXPECT_ERROR(
        import(small_baseline(),
               [&](Json& model) { extractor_layer(model, c.layer)["config"][c.key] = c.value; }),
        c.expected);
  }
  EXPECT_ERROR(import(small_baseline(),
                      [](Json& model) { extractor_layer(model, 2)["config"].erase("epsilon"); }),
               path_ + ": config.json: layer \"batch_normalization\": epsilon is missing");
}

TEST_F(KerasErrors, SettingsOfTheModel) {
  struct Case {
    std::size_t layer;
    const char* key;
    Json value;
    std::string expected;
  };
  const std::vector<Case> cases = {
      {0, "batch_shape", Json::array({nullptr, nullptr, 32, 187, 1}),
       "\"input_layer\": batch_shape is [null,null,32,187,1], expected [null,T,32,187,1]"},
      {0, "batch_shape", Json::array({nullptr, 5, 187, 1}),
       "\"input_layer\": batch_shape is [null,5,187,1], expected [null,T,32,187,1]"},
      {0, "batch_shape", Json::array({nullptr, 5, 32, 187, 2}), "expected [null,T,32,187,1]"},
      {2, "sequence_len", 3, "\"conformer_block_7\": sequence_len is 3, expected 5"},
      {2, "embed_dim", 8, "\"conformer_block_7\": embed_dim is 8, expected 4"},
      {2, "num_heads", 0, "\"conformer_block_7\": num_heads must be a positive integer, got 0"},
      {2, "num_heads", 300, "config.json: num heads must be 1 to 256, got 300"},
      {2, "ff_dim", 10,
       "\"conformer_block_7\": ff_dim is 10, expected a multiple of embed_dim, which is 4"},
      {2, "kernel_size", "7",
       "\"conformer_block_7\": kernel_size must be a positive integer, got \"7\""},
      {2, "dropout_rate", nullptr,
       "\"conformer_block_7\": dropout_rate must be a number, got null"},
      {2, "causal", true, "\"conformer_block_7\": \"causal\" is not supported"},
      {3, "num_heads", 2,
       "\"conformer_block_8\" differs from the first block, expected equal ones"},
      {4, "keepdims", true, "\"global_average_pooling1d\": keepdims is true, expected false"},
      {5, "units", 4, "\"dense_4\": units is 4, expected 5"},
      {5, "activation", "linear", "\"dense_4\": activation is \"linear\", expected \"softmax\""},
      {5, "use_bias", false, "\"dense_4\": use_bias is false, expected true"}};
  for (const Case& c : cases) {
    // An out-of-range setting of the first block is reached only where the blocks agree.
    const bool both = c.key == std::string("num_heads") && c.layer == 2;
    EXPECT_ERROR(import(small_main(),
                        [&](Json& model) {
                          layer_of(model, c.layer)["config"][c.key] = c.value;
                          if (both) layer_of(model, 3)["config"][c.key] = c.value;
                        }),
                 c.expected);
  }
}

TEST_F(KerasErrors, SettingsOfTheLstm) {
  struct Case {
    const char* key;
    Json value;
    std::string expected;
  };
  const std::vector<Case> cases = {
      {"units", 0, "\"lstm_3\": units must be a positive integer, got 0"},
      {"units", 2000, "config.json: lstm units must be 1 to 1024, got 2000"},
      {"activation", "relu", "\"lstm_3\": activation is \"relu\", expected \"tanh\""},
      {"recurrent_activation", "hard_sigmoid",
       "\"lstm_3\": recurrent_activation is \"hard_sigmoid\", expected \"sigmoid\""},
      {"use_bias", false, "\"lstm_3\": use_bias is false, expected true"},
      {"return_sequences", true, "\"lstm_3\": return_sequences is true, expected false"},
      {"return_state", true, "\"lstm_3\": return_state is true, expected false"},
      {"go_backwards", true, "\"lstm_3\": go_backwards is true, expected false"},
      {"stateful", true, "\"lstm_3\": stateful is true, expected false"},
      {"dropout", 0.1, "\"lstm_3\": dropout is 0.1, expected 0.0"},
      {"recurrent_dropout", 0.5, "\"lstm_3\": recurrent_dropout is 0.5, expected 0.0"}};
  for (const Case& c : cases) {
    EXPECT_ERROR(
        import(small_lstm(), [&](Json& model) { layer_of(model, 2)["config"][c.key] = c.value; }),
        c.expected);
  }
}

TEST_F(KerasErrors, AnAttentionBlockHasNoConvolution) {
  EXPECT_ERROR(import(small_attention(),
                      [](Json& model) { layer_of(model, 2)["config"]["kernel_size"] = 7; }),
               "\"attention_block_7\": \"kernel_size\" is not supported");
}

TEST_F(KerasErrors, Variables) {
  const auto edited = [&](const std::function<void(std::vector<Variable>&)>& edit) {
    import(keras_members(small_main(), false, edit));
  };
  const std::string prefix =
      path_ + ": model.weights.h5: the variables are not those of config.json: ";
  const auto at = [](std::vector<Variable>& variables, const std::string& name) {
    return std::find_if(variables.begin(), variables.end(),
                        [&](const Variable& v) { return v.name == name; });
  };
  EXPECT_ERROR(edited([&](auto& v) { v.erase(at(v, "encoder.1.conv.norm.bias")); }),
               prefix + "layers/conformer_block_1/conv_module/layer_norm/vars/1 (4) is missing");
  EXPECT_ERROR(edited([&](auto& v) {
                 at(v, "classifier.weight")->stored = {4, 6};
               }),
               prefix + "layers/dense/vars/0 is (4,6), expected (4,5)");
  EXPECT_ERROR(edited([&](auto& v) {
                 at(v, "encoder.0.conv.depthwise.weight")->stored = {7, 4};
               }),
               prefix +
                   "layers/conformer_block/conv_module/depthwise_conv/vars/0 is (7,4), "
                   "expected (7,4,1)");
  EXPECT_ERROR(edited([&](auto& v) {
                 v.push_back({"layers/conformer_block/relative/vars/0", {2, 4}, "", {}});
               }),
               prefix + "layers/conformer_block/relative/vars/0 (2,4) is unexpected");
  // All that is wrong is told at once.
  EXPECT_ERROR(edited([&](auto& v) {
                 at(v, "classifier.bias")->keras = "layers/dense/vars/2";
                 at(v, "features.conv1.weight")->stored = {3, 3, 2, 32};
               }),
               prefix +
                   "layers/time_distributed/layer/layers/conv2d/vars/0 is (3,3,2,32), "
                   "expected (3,3,1,32); layers/dense/vars/1 (5) is missing; "
                   "layers/dense/vars/2 (5) is unexpected");
}

TEST_F(KerasErrors, WeightsFile) {
  Members members = keras_members(small_baseline());
  const std::string whole = members["model.weights.h5"];
  members["model.weights.h5"] = "";
  EXPECT_ERROR(import(members), path_ + ": model.weights.h5: is not an HDF5 file");
  members["model.weights.h5"] = std::string(3000, 'x');
  EXPECT_ERROR(import(members), path_ + ": model.weights.h5: ");
  members["model.weights.h5"] = whole.substr(0, whole.size() / 2);
  EXPECT_ERROR(import(members), path_ + ": model.weights.h5: ");

  members["model.weights.h5"] = hdf5::File::create_image("w.h5").image();
  EXPECT_ERROR(import(members), "layers/dense/vars/1 (5) is missing");
}

TEST_F(KerasErrors, NotFiniteVariables) {
  const ModelConfig config = small_baseline();
  hdf5::File file = hdf5::File::create_image("w.h5");
  const std::vector<Variable> variables = variables_of(config);
  for (std::size_t i = 0; i < variables.size(); ++i) {
    std::vector<float> values = values_of(i, variables[i].stored);
    if (variables[i].name == "classifier.bias") values[3] = std::numeric_limits<float>::infinity();
    file.write<float>(variables[i].keras, values, variables[i].stored);
  }
  Members members = keras_members(config);
  members["model.weights.h5"] = file.image();
  EXPECT_ERROR(import(members),
               path_ + ": model.weights.h5: classifier.bias holds inf at element 3");
}

// --- Trained models ------------------------------------------------------------------------------

class TrainedModels : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* folder = std::getenv("EKGINE_REFERENCE");
    if (folder == nullptr) {
      GTEST_SKIP() << "EKGINE_REFERENCE (the folder with Main_Model.fold5.keras) is not set";
    }
    folder_ = folder;
  }
  std::filesystem::path folder_;
};

// First, last value and sum of an array, as h5py reads them.
std::array<double, 3> probe(const NamedArray& array) {
  return {array.values.front(), array.values.back(),
          std::accumulate(array.values.begin(), array.values.end(), 0.0)};
}

void expect_probe(const ModelWeights& weights, const std::string& name,
                  const std::array<double, 3>& expected) {
  const std::array<double, 3> found = probe(weights.state.at(name));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(found[i], expected[i], 1e-7) << name << " " << i;
}

TEST_F(TrainedModels, MainModel) {
  const ModelWeights weights = import_keras(folder_ / "Main_Model.fold5.keras");
  EXPECT_EQ(weights.config, ModelConfig{});
  EXPECT_EQ(count_trainable(weights.state), 937445);
  EXPECT_THAT(describe(weights.state), ::testing::EndsWith("\n937445 trainable parameters\n"));
  EXPECT_EQ(weights.state.size(), 54u);
  expect_probe(weights, "features.conv2.weight", {-0.08056645, -0.050964825, 4.785256390509858});
  expect_probe(weights, "features.norm3.running_variance",
               {0.57930857, 0.41613182, 43.18772651255131});
  expect_probe(weights, "encoder.0.attention.value.weight",
               {0.004526354, 0.012276032, 4.648367765689869});
  expect_probe(weights, "encoder.0.conv.depthwise.weight",
               {-0.036110315, -0.056566663, -2.0303102882098756});
  expect_probe(weights, "encoder.0.ffn2.dense1.weight",
               {-0.045676857, 0.014620246, 17.450796052532326});
  expect_probe(weights, "classifier.bias", {-8.37375e-06, -0.0014753637, -0.0020581932740242337});
}

TEST_F(TrainedModels, BaselineModelOfMixedPrecision) {
  const ModelWeights weights = import_keras(folder_ / "Baseline_Model.final.keras");
  ModelConfig config;
  config.name = "Baseline_Model";
  EXPECT_EQ(weights.config, config);
  EXPECT_EQ(count_trainable(weights.state), 93541);
  EXPECT_EQ(weights.state.size(), 17u);
  expect_probe(weights, "features.conv2.weight",
               {-0.07849451, -0.0059991535, 0.054725343732570764});
  expect_probe(weights, "features.norm3.running_variance",
               {0.4572786, 0.12843218, 49.261674255132675});
  expect_probe(weights, "classifier.bias", {-0.007927276, 0.0032560122, -0.01126433303579688});
}

}  // namespace
}  // namespace ekgine
