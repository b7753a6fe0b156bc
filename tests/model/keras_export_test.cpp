#include "model/keras_export.h"

#include <gtest/gtest.h>
#include <zip.h>

#include <algorithm>
#include <map>

#include "base/atomic_file.h"
#include "base/hdf5.h"
#include "base/json.h"
#include "model/keras_import.h"
#include "model/model.h"
#include "tests/cases/random.h"
#include "tests/support/expect_error.h"
#include "tests/support/flips.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

using testing::TemporaryDirectory;

std::vector<ModelConfig> configurations() {
  std::vector<ModelConfig> all;
  for (const char* name : {"Main_Model", "AttentionOnly", "CNNLSTM_Model", "Baseline_Model"}) {
    ModelConfig config;
    config.name = name;
    config.sequence_length = 5;
    config.embed_dim = 6;
    if (config.name == "Main_Model" || config.name == "AttentionOnly") {
      config.num_heads = 3;
      config.ff_dim_multiplier = 2;
      config.num_blocks = 3;
      config.dropout = 0.3;
    }
    if (config.name == "Main_Model") config.kernel_size = 7;
    if (config.name == "CNNLSTM_Model") config.lstm_units = 4;
    if (config.name != "Baseline_Model") config.beat_unit = BeatUnit::record;
    all.push_back(config);
  }
  return all;
}

// Every array of the model, with values of no pattern.
ModelWeights random_weights(const ModelConfig& config) {
  Device device = Device::cpu(DType::f32);
  Model model(config, device, ParameterSet::Use::inference, 0);
  const std::vector<double> ones(beat_samples, 1);
  model.set_normalisation(ones, ones);
  ModelWeights weights{config, model.state(), ""};
  testing::Random random(1);
  for (auto& [name, array] : weights.state) {
    for (float& v : array.values) v = static_cast<float>(random.normal());
  }
  return weights;
}

void expect_equal(const ModelWeights& found, const ModelWeights& expected) {
  EXPECT_EQ(found.config, expected.config);
  ASSERT_EQ(found.state.size(), expected.state.size());
  for (const auto& [name, array] : expected.state) {
    ASSERT_TRUE(found.state.contains(name)) << name;
    EXPECT_EQ(found.state.at(name).shape, array.shape) << name;
    EXPECT_EQ(found.state.at(name).values, array.values) << name;
  }
}

TEST(KerasExport, ImportGivesEveryArrayBack) {
  const TemporaryDirectory folder;
  for (const ModelConfig& config : configurations()) {
    ModelWeights weights = random_weights(config);
    export_keras(folder / "a.keras", weights);
    expect_equal(import_keras(folder / "a.keras"), weights);
    // The same bytes again; none of them says when or where.
    export_keras(folder / "b.keras", weights);
    EXPECT_TRUE(read_file(folder / "a.keras") == read_file(folder / "b.keras")) << config.name;
    // Without normalisation, as imported models are.
    weights.state.erase("normalisation.mean");
    weights.state.erase("normalisation.std");
    export_keras(folder / "a.keras", weights);
    expect_equal(import_keras(folder / "a.keras"), weights);
  }
}

// A zip has a checksum of each member, and beside them dates and the like that nobody reads.
TEST(KerasExport, FlippedBitsAreRefusedOrHarmless) {
  const TemporaryDirectory folder;
  const std::string path = folder / "a.keras";
  ModelConfig config = configurations().at(3);
  ModelWeights weights = random_weights(config);
  weights.label_map = "reference";
  export_keras(path, weights);
  const auto same = [&] {
    const ModelWeights found = import_keras(path);
    return found.config == config && found.label_map == weights.label_map &&
           found.state.size() == weights.state.size() &&
           std::ranges::all_of(weights.state, [&](const auto& named) {
             const auto other = found.state.find(named.first);
             return other != found.state.end() && other->second.shape == named.second.shape &&
                    other->second.values == named.second.values;
           });
  };
  ASSERT_TRUE(same());
  const std::string content = read_file(path);
  testing::expect_flips_refused_or_harmless(path, 200, same);
  const std::size_t directory = content.find("PK\x01\x02");
  ASSERT_LT(directory, content.size());
  testing::expect_flips_refused_or_harmless(path, 300, same, directory);
}

std::string member(const std::filesystem::path& path, const char* name) {
  zip_t* archive = zip_open(path.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, nullptr);
  if (archive == nullptr) return "";
  zip_stat_t info;
  std::string content;
  if (zip_stat(archive, name, 0, &info) == 0) {
    content.resize(info.size);
    zip_file_t* file = zip_fopen(archive, name, 0);
    EXPECT_EQ(zip_fread(file, content.data(), content.size()), std::ssize(content));
    zip_fclose(file);
  }
  zip_discard(archive);
  return content;
}

using Datasets = std::map<std::string, std::vector<std::int64_t>>;

void collect(const hdf5::File& file, const std::string& group, Datasets& datasets) {
  for (const std::string& name : file.members(group)) {
    const std::string path = group + "/" + name;
    file.is_group(path) ? collect(file, path, datasets)
                        : static_cast<void>(datasets[path] = file.shape(path));
  }
}

Datasets datasets_of(const std::filesystem::path& path) {
  const std::string image = member(path, "model.weights.h5");
  const hdf5::File file = hdf5::File::open_image(std::as_bytes(std::span(image)), "image");
  EXPECT_TRUE(file.is_group("vars"));
  EXPECT_TRUE(file.members("vars").empty());
  Datasets datasets;
  collect(file, "layers", datasets);
  return datasets;
}

// Every setting that `ours` states is what Keras states there. Keras says more (initialisers, ...),
// and counts names through.
void expect_stated(const Json& ours, const Json& keras, const std::string& where) {
  if (ours.is_object()) {
    ASSERT_TRUE(keras.is_object()) << where;
    for (const auto& [key, value] : ours.items()) {
      if (key == "name" || key == "dtype" || key == "keras_history" || key == "input_layers" ||
          key == "output_layers") {
        continue;
      }
      ASSERT_TRUE(keras.contains(key)) << where << "." << key;
      expect_stated(value, keras.at(key), where + "." + key);
    }
  } else if (ours.is_array()) {
    ASSERT_TRUE(keras.is_array()) << where;
    ASSERT_EQ(ours.size(), keras.size()) << where;
    for (std::size_t i = 0; i < ours.size(); ++i) {
      expect_stated(ours[i], keras[i], fmt::format("{}[{}]", where, i));
    }
  } else {
    EXPECT_EQ(ours, keras) << where;
  }
}

// Beside files that Keras wrote of the same models (fixtures/keras_models.py).
TEST(KerasExport, WritesWhatKerasWrites) {
  const TemporaryDirectory folder;
  for (const ModelConfig& config : configurations()) {
    const std::filesystem::path keras = std::filesystem::path(EKGINE_SOURCE_DIR) /
                                        "tests/model/fixtures" / (config.name + ".keras");
    const std::filesystem::path ours = folder / "a.keras";
    export_keras(ours, import_keras(keras));
    EXPECT_EQ(datasets_of(ours), datasets_of(keras)) << config.name;
    expect_stated(parse_json(member(ours, "config.json")), parse_json(member(keras, "config.json")),
                  config.name);
    EXPECT_EQ(parse_json(member(ours, "metadata.json")).at("keras_version"),
              parse_json(member(keras, "metadata.json")).at("keras_version"));
  }
}

// Keras 3.11 and later take nothing else for a model of one input in TimeDistributed; all earlier
// ones take it, too.
TEST(KerasExport, NamesOneInputAndOneOutputFlat) {
  const TemporaryDirectory folder;
  for (const ModelConfig& config : configurations()) {
    export_keras(folder / "a.keras", random_weights(config));
    const Json model = parse_json(member(folder / "a.keras", "config.json")).at("config");
    const Json extractor = model.at("layers").at(1).at("config").at("layer").at("config");
    EXPECT_EQ(model.at("input_layers"), Json::array({"input_layer", 0, 0}));
    EXPECT_EQ(model.at("output_layers"), Json::array({"dense", 0, 0}));
    EXPECT_EQ(extractor.at("input_layers"), Json::array({"input_layer_1", 0, 0}));
    EXPECT_EQ(extractor.at("output_layers"), Json::array({"global_average_pooling2d", 0, 0}));
  }
}

TEST(KerasExport, RefusesWeightsThatAreNotTheModels) {
  const TemporaryDirectory folder;
  const std::string path = folder / "a.keras";
  ModelWeights weights = random_weights(configurations()[2]);
  weights.state.at("lstm.bias").shape = {4, 4};
  EXPECT_ERROR(export_keras(path, weights), path + ": lstm.bias is (4,4), expected (16)");
  weights.state.erase("lstm.bias");
  EXPECT_ERROR(export_keras(path, weights), path + ": lstm.bias is missing in the weights");
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(KerasExport, WritesWholeFilesOrNone) {
  const TemporaryDirectory folder;
  const ModelWeights weights = random_weights(configurations()[3]);
  const std::string path = folder / "none/a.keras";
  EXPECT_ERROR(export_keras(path, weights), path + ": ");
  write_file(folder / "a.keras", "before");
  export_keras(folder / "a.keras", weights);
  expect_equal(import_keras(folder / "a.keras"), weights);
}

}  // namespace
}  // namespace ekgine
