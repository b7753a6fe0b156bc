#include "model/weights.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/atomic_file.h"
#include "model/keras_layout.h"
#include "model/safetensors.h"
#include "tests/support/expect_error.h"
#include "tests/support/flips.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

using testing::TemporaryDirectory;

// Arrays of a model of this configuration, all zeros but the classifier's bias.
StateDict state_of(const ModelConfig& config) {
  StateDict state;
  for (const KerasVariable& variable : keras_variables(config)) {
    std::size_t count = 1;
    for (const std::int64_t extent : variable.shape) count *= static_cast<std::size_t>(extent);
    state[variable.name] = {variable.shape, std::vector<float>(count)};
  }
  state["classifier.bias"].values = {1, 2, 3, 4, 0.1f};
  return state;
}

const ModelConfig baseline_config = {.name = "Baseline_Model"};
const StateDict baseline_state = state_of(baseline_config);
constexpr const char* baseline =
    R"({"name": "Baseline_Model", "sequence_length": 3, "embed_dim": 128})";

TEST(ModelWeights, SurviveAFile) {
  const TemporaryDirectory folder;
  ModelConfig config;
  config.num_blocks = 3;
  config.dropout = 0.15;
  const Provenance made{"ekgine", "a device", "ekgine train"};
  save_model_weights(folder / "w", {config, state_of(config), "ec57", made});
  const ModelWeights weights = load_model_weights(folder / "w");
  EXPECT_EQ(weights.config, config);
  EXPECT_EQ(weights.label_map, "ec57");
  EXPECT_EQ(weights.made, made);
  EXPECT_EQ(weights.state.size(), state_of(config).size());
  EXPECT_EQ(weights.state.at("classifier.bias").shape, (std::vector<std::int64_t>{5}));
  EXPECT_EQ(weights.state.at("classifier.bias").values,
            baseline_state.at("classifier.bias").values);
}

TEST(ModelWeights, FilesOfOthersAreRefused) {
  const TemporaryDirectory folder;
  const std::string path = folder / "w.safetensors";
  const auto load = [&](const Metadata& metadata) {
    write_safetensors(path, baseline_state, metadata);
    load_model_weights(path);
  };
  EXPECT_NO_THROW(load({{"format", "ekgine-weights-2"}, {"model", baseline}}));
  EXPECT_NO_THROW(load({{"format", "ekgine-weights-1"}, {"model", baseline}}));
  EXPECT_ERROR(load({}), path + ": not a weights file of ekgine: its metadata has no 'format'");
  EXPECT_ERROR(load({{"format", "pt"}}),
               path + ": weights of format 'pt', expected 'ekgine-weights-2'");
  EXPECT_ERROR(load({{"format", "ekgine-weights-1"}}),
               path + ": not a weights file of ekgine: its metadata has no 'model'");
  EXPECT_ERROR(load({{"format", "ekgine-weights-1"}, {"model", "{"}}),
               path + ": metadata 'model': not JSON: it ends too early, after 1 bytes");
  EXPECT_ERROR(load({{"format", "ekgine-weights-1"}, {"model", "{}"}}),
               path + ": metadata 'model': name is missing");
}

TEST(ModelWeights, RefuseEveryFlippedBit) {
  const TemporaryDirectory folder;
  const std::string path = folder / "w.safetensors";
  save_model_weights(path, {baseline_config, baseline_state, "reference"});
  testing::expect_flips_refused(path, 400, [&] { load_model_weights(path); });
}

// A file of the version before, or one that somebody wrote by hand.
TEST(ModelWeights, WithoutASealAreReadWhereTheyMayHaveNone) {
  const TemporaryDirectory folder;
  const std::string path = folder / "w.safetensors";
  const auto load = [&](const char* format) {
    save_model_weights(path, {baseline_config, baseline_state, "reference"});
    std::string content = read_file(path);
    // The same length, so that the header's stays.
    content.replace(content.find("\"sha256\""), 8, "\"sha-no\"");
    content.replace(content.find("ekgine-weights-2"), 16, format);
    testing::write_bytes(path, content);
    return load_model_weights(path).state.size();
  };
  EXPECT_EQ(load("ekgine-weights-1"), baseline_state.size());
  EXPECT_ERROR(load("ekgine-weights-2"), path + ": is damaged: its checksum is missing");
}

// A few bytes can name a model of gigabytes: no memory is taken for it.
TEST(ModelWeights, ArraysThatDoNotFitAreRefused) {
  const TemporaryDirectory folder;
  const std::string path = folder / "w.safetensors";
  ModelConfig large;
  large.embed_dim = 4096;
  large.num_heads = 256;
  large.num_blocks = 64;
  save_model_weights(path, {large, {}, ""});
  EXPECT_ERROR(load_model_weights(path),
               path + ": weights do not fit Main_Model — missing: features.conv1.weight, ");
  StateDict changed = baseline_state;
  changed.erase("features.norm1.bias");
  changed["x"] = {{1}, {1}};
  changed["classifier.bias"] = {{4}, {1, 2, 3, 4}};
  save_model_weights(path, {baseline_config, changed, ""});
  EXPECT_ERROR(load_model_weights(path),
               path +
                   ": weights do not fit Baseline_Model — missing: features.norm1.bias; "
                   "unexpected: x; wrong shape: classifier.bias is (4), expected (5)");
}

// Whatever the file says of itself, its arrays tell which features it was trained on.
TEST(ModelWeights, OfOtherFeaturesAreRefused) {
  const TemporaryDirectory folder;
  const std::string path = folder / "w.safetensors";
  ModelConfig config{.name = "Rhythm_Model", .embed_dim = 3, .num_heads = 1};
  config.features = FeatureSet::rhythm;
  const StateDict state = state_of(config);
  save_model_weights(path, {config, state, ""});
  EXPECT_EQ(load_model_weights(path).config, config);
  config.features = FeatureSet::rhythm_shape;
  save_model_weights(path, {config, state, ""});
  EXPECT_ERROR(load_model_weights(path),
               path +
                   ": weights do not fit Rhythm_Model — wrong shape: projection.dense1.weight is "
                   "(22,6), expected (48,6)");
}

TEST(ModelWeights, NotFiniteIsRefused) {
  const TemporaryDirectory folder;
  const std::string path = folder / "w.safetensors";
  StateDict bad = baseline_state;
  bad.at("classifier.bias").values[2] = std::numeric_limits<float>::quiet_NaN();
  save_model_weights(path, {baseline_config, bad, ""});
  EXPECT_ERROR(load_model_weights(path), path + ": classifier.bias holds nan at element 2");
}

}  // namespace
}  // namespace ekgine
