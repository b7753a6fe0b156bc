#include "model/config.h"

#include <gtest/gtest.h>

#include <limits>
#include <utility>

#include "base/json.h"
#include "tests/support/expect_error.h"

namespace ekgine {
namespace {

ModelConfig unusual_main() {
  ModelConfig config;
  config.sequence_length = 17;
  config.embed_dim = 24;
  config.num_heads = 3;
  config.ff_dim_multiplier = 2;
  config.kernel_size = 7;
  config.num_blocks = 5;
  config.dropout = 0.1;
  config.beat_unit = BeatUnit::record;
  return config;
}

TEST(ModelConfig, MainModelSurvivesJson) {
  const ModelConfig config = unusual_main();
  EXPECT_EQ(config.to_json(), parse_json(R"({
    "name": "Main_Model", "sequence_length": 17, "embed_dim": 24, "num_heads": 3,
    "ff_dim_multiplier": 2, "kernel_size": 7, "num_blocks": 5, "dropout": 0.1, "amplitude": "record"})"));
  EXPECT_EQ(ModelConfig::from_json(parse_json(config.to_json().dump()), "f"), config);
}

TEST(ModelConfig, BaselineModelHasNoConformerSettings) {
  ModelConfig config;
  config.name = "Baseline_Model";
  config.embed_dim = 64;
  EXPECT_EQ(config.to_json(), parse_json(R"({
    "name": "Baseline_Model", "sequence_length": 3, "embed_dim": 64, "amplitude": "mV"})"));
  EXPECT_EQ(ModelConfig::from_json(config.to_json(), "f"), config);
  Json extra = config.to_json();
  extra["num_heads"] = 8;
  EXPECT_ERROR(ModelConfig::from_json(extra, "f"), "f: unknown key 'num_heads' for Baseline_Model");
  // Nor are they checked.
  config.num_heads = 0;
  EXPECT_NO_THROW(config.check());
}

TEST(ModelConfig, EachArchitectureHasItsOwnSettings) {
  ModelConfig attention = unusual_main();
  attention.name = "AttentionOnly";
  attention.kernel_size = ModelConfig{}.kernel_size;
  EXPECT_EQ(attention.to_json(), parse_json(R"({
    "name": "AttentionOnly", "sequence_length": 17, "embed_dim": 24, "num_heads": 3,
    "ff_dim_multiplier": 2, "num_blocks": 5, "dropout": 0.1, "amplitude": "record"})"));
  EXPECT_EQ(ModelConfig::from_json(attention.to_json(), "f"), attention);
  attention.dropout = 1;
  EXPECT_ERROR(attention.check(), "dropout must be in [0, 1), got 1");

  ModelConfig lstm;
  lstm.name = "CNNLSTM_Model";
  lstm.sequence_length = 4;
  lstm.lstm_units = 64;
  EXPECT_EQ(lstm.to_json(), parse_json(R"({
    "name": "CNNLSTM_Model", "sequence_length": 4, "embed_dim": 128, "lstm_units": 64,
    "amplitude": "mV"})"));
  EXPECT_EQ(ModelConfig::from_json(lstm.to_json(), "f"), lstm);
  Json extra = lstm.to_json();
  extra["dropout"] = 0.1;
  EXPECT_ERROR(ModelConfig::from_json(extra, "f"), "f: unknown key 'dropout' for CNNLSTM_Model");
  for (const std::int64_t units : {0, 1025}) {
    lstm.lstm_units = units;
    EXPECT_ERROR(lstm.check(), fmt::format("lstm units must be 1 to 1024, got {}", units));
  }
}

// Files say it where it is not all: those that were there before mean all.
TEST(ModelConfig, FeaturesSurviveJson) {
  ModelConfig config;
  config.name = "Rhythm_Model";
  EXPECT_FALSE(config.to_json().contains("features"));
  EXPECT_FALSE(config.to_json().contains("leads"));
  Json object = config.to_json();
  EXPECT_EQ(ModelConfig::from_json(object, "f"), config);
  object["features"] = "rhythm+shape";
  object["leads"] = 2;
  EXPECT_EQ(ModelConfig::from_json(object, "f"), config);
  for (const Choice<FeatureSet>& choice : choices_of(FeatureSet{})) {
    config.features = choice.value;
    for (config.leads = 2; config.leads > 0; --config.leads) {
      EXPECT_EQ(ModelConfig::from_json(parse_json(config.to_json().dump()), "f"), config);
    }
  }
  object["features"] = "rhytm";
  EXPECT_ERROR(ModelConfig::from_json(object, "f"),
               "f: features must be one of rhythm+shape, rhythm, shape, scalogram, "
               "rhythm+scalogram, shape+scalogram, rhythm+shape+scalogram, got 'rhytm'; did you "
               "mean rhythm?");
  object["features"] = 22;
  EXPECT_ERROR(ModelConfig::from_json(object, "f"), "f: features must be a text, got 22");
  Json other = unusual_main().to_json();
  other["features"] = "rhythm";
  EXPECT_ERROR(ModelConfig::from_json(other, "f"), "f: unknown key 'features' for Main_Model");
}

TEST(ModelConfig, FeaturesAreColumns) {
  using Extent = std::pair<std::int64_t, std::int64_t>;
  const auto extent = [](Columns columns) { return Extent(columns.first, columns.count); };
  const auto taken = [&](FeatureSet features, std::int64_t leads, BeatUnit unit) {
    const ModelConfig config{.name = "Rhythm_Model", .features = features, .leads = leads};
    EXPECT_EQ(config.input(), unit);
    return std::pair(extent(config.feature_columns()), extent(config.wave_columns()));
  };
  using enum FeatureSet;
  const Extent none(48, 0), both(48, 192), first(48, 96);
  const BeatUnit features = BeatUnit::features, waves = BeatUnit::waves;
  EXPECT_EQ(taken(rhythm_shape, 2, features), std::pair(Extent(0, 48), none));
  EXPECT_EQ(taken(rhythm_shape, 1, features), std::pair(Extent(0, 35), none));
  EXPECT_EQ(taken(rhythm, 2, features), std::pair(Extent(0, 22), none));
  EXPECT_EQ(taken(rhythm, 1, features), std::pair(Extent(0, 22), none));
  EXPECT_EQ(taken(shape, 2, features), std::pair(Extent(22, 26), none));
  EXPECT_EQ(taken(shape, 1, features), std::pair(Extent(22, 13), none));
  EXPECT_EQ(taken(scalogram, 2, waves), std::pair(Extent(0, 0), both));
  EXPECT_EQ(taken(scalogram, 1, waves), std::pair(Extent(0, 0), first));
  EXPECT_EQ(taken(rhythm_scalogram, 2, waves), std::pair(Extent(0, 22), both));
  EXPECT_EQ(taken(shape_scalogram, 1, waves), std::pair(Extent(22, 13), first));
  EXPECT_EQ(taken(rhythm_shape_scalogram, 2, waves), std::pair(Extent(0, 48), both));
}

TEST(ModelConfig, FeaturesHaveAText) {
  using enum FeatureSet;
  const auto text = [](FeatureSet features, std::int64_t leads) {
    return ModelConfig{.features = features, .leads = leads}.feature_text();
  };
  EXPECT_EQ(text(rhythm_shape, 2), "48 features of its rhythm and shape");
  EXPECT_EQ(text(rhythm, 1), "22 features of its rhythm");
  EXPECT_EQ(text(shape, 1), "13 features of its shape, in one lead");
  EXPECT_EQ(text(scalogram, 2), "scalograms of its waves");
  EXPECT_EQ(text(rhythm_scalogram, 1),
            "22 features of its rhythm, and scalograms of its waves, in one lead");
}

TEST(ModelConfig, HasTheOptionsOfItsArchitecture) {
  EXPECT_TRUE(ModelConfig{}.has("kernel-size"));
  EXPECT_FALSE(ModelConfig{}.has("features"));
  EXPECT_FALSE(ModelConfig{}.has("epochs"));
  EXPECT_TRUE(ModelConfig{.name = "Rhythm_Model"}.has("features"));
}

TEST(ModelConfig, DropoutMayBeWrittenAsAnInteger) {
  Json object = unusual_main().to_json();
  object["dropout"] = 0;
  EXPECT_EQ(ModelConfig::from_json(object, "f").dropout, 0);
}

TEST(ModelConfig, ChecksEveryRange) {
  EXPECT_NO_THROW(ModelConfig{}.check());
  EXPECT_NO_THROW(unusual_main().check());
  const auto with = [](auto member, auto value) {
    ModelConfig config = unusual_main();
    config.*member = value;
    return config;
  };
  EXPECT_ERROR(with(&ModelConfig::name, "main_model").check(),
               "model 'main_model' is unknown (Main_Model, AttentionOnly, CNNLSTM_Model, "
               "Baseline_Model, "
               "Rhythm_Model are there)");
  EXPECT_ERROR(with(&ModelConfig::sequence_length, 0).check(),
               "sequence length must be 1 to 4096, got 0");
  EXPECT_ERROR(with(&ModelConfig::embed_dim, -1).check(), "embed dim must be 1 to 4096, got -1");
  EXPECT_ERROR(with(&ModelConfig::num_heads, 257).check(), "num heads must be 1 to 256, got 257");
  EXPECT_ERROR(with(&ModelConfig::ff_dim_multiplier, 65).check(),
               "ff dim multiplier must be 1 to 64, got 65");
  EXPECT_ERROR(with(&ModelConfig::kernel_size, 256).check(),
               "kernel size must be 1 to 255, got 256");
  EXPECT_ERROR(with(&ModelConfig::kernel_size, 8).check(), "kernel size must be odd, got 8");
  EXPECT_ERROR(with(&ModelConfig::num_blocks, 0).check(), "num blocks must be 1 to 64, got 0");
  EXPECT_ERROR(with(&ModelConfig::dropout, 1.0).check(), "dropout must be in [0, 1), got 1");
  EXPECT_ERROR(with(&ModelConfig::dropout, -0.1).check(), "dropout must be in [0, 1), got -0.1");
  EXPECT_ERROR(with(&ModelConfig::dropout, std::numeric_limits<double>::quiet_NaN()).check(),
               "dropout must be in [0, 1), got nan");
}

TEST(ModelConfig, TakesBeatsOfItsUnitOnly) {
  const ModelConfig config = unusual_main();
  EXPECT_NO_THROW(config.check_beats(BeatUnit::record, "here"));
  EXPECT_ERROR(config.check_beats(BeatUnit::millivolts, "here"),
               "here: the beats' amplitude is mV, the model takes record");
  EXPECT_ERROR(ModelConfig{}.check_beats(BeatUnit::deviation, "there"),
               "there: the beats' amplitude is deviation, the model takes mV");
}

TEST(ModelConfig, FromJsonIsStrict) {
  const auto with = [](const char* key, Json value) {
    Json object = unusual_main().to_json();
    object[key] = std::move(value);
    return object;
  };
  const auto read = [](const Json& object) { ModelConfig::from_json(object, "w.safetensors"); };
  EXPECT_ERROR(read(Json::array({1, 2})), "w.safetensors: expected a JSON object, got [1,2]");
  EXPECT_ERROR(read(nullptr), "w.safetensors: expected a JSON object, got null");
  EXPECT_ERROR(read(Json::object()), "w.safetensors: name is missing");
  EXPECT_ERROR(read(with("name", 3)), "w.safetensors: name must be a text, got 3");
  EXPECT_ERROR(read(with("name", "LSTM")), "w.safetensors: model 'LSTM' is unknown");
  EXPECT_ERROR(read(with("embed_dim", 128.0)),
               "w.safetensors: embed_dim must be an integer, got 128.0");
  EXPECT_ERROR(read(with("embed_dim", "128")),
               "w.safetensors: embed_dim must be an integer, got \"128\"");
  EXPECT_ERROR(read(with("embed_dim", true)),
               "w.safetensors: embed_dim must be an integer, got true");
  // 2^64 − 1 would be −1 as a signed number.
  EXPECT_ERROR(read(with("num_heads", 18446744073709551615u)),
               "w.safetensors: num_heads must be an integer, got 18446744073709551615");
  EXPECT_ERROR(read(with("num_heads", 0)), "w.safetensors: num heads must be 1 to 256, got 0");
  EXPECT_ERROR(read(with("dropout", "0.1")),
               "w.safetensors: dropout must be a number, got \"0.1\"");
  EXPECT_ERROR(read(with("dropout", Json::array())),
               "w.safetensors: dropout must be a number, got []");
  EXPECT_ERROR(read(with("amplitude", 1)), "w.safetensors: amplitude must be a text, got 1");
  EXPECT_ERROR(read(with("amplitude", "uV")),
               "w.safetensors: amplitude must be one of mV, centred, record, deviation, got 'uV'");
  EXPECT_ERROR(read(with("heads", 8)), "w.safetensors: unknown key 'heads' for Main_Model");
  const Json whole = unusual_main().to_json();
  for (const auto& [key, value] : whole.items()) {
    Json object = whole;
    object.erase(key);
    if (key == "amplitude") {  // older files do not have it
      EXPECT_EQ(ModelConfig::from_json(object, "f").beat_unit, BeatUnit::millivolts);
      continue;
    }
    EXPECT_ERROR(read(object), "w.safetensors: " + key + " is missing");
  }
}

}  // namespace
}  // namespace ekgine
