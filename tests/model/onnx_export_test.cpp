// Numbers in ONNX Runtime itself: tests/interchange/onnx_runtime.py.
#include "model/onnx_export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/atomic_file.h"
#include "base/json.h"
#include "model/model.h"
#include "tests/cases/random.h"
#include "tests/model/onnx_reader.h"
#include "tests/support/expect_error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::OnnxFile;
using testing::OnnxTensor;
using ::testing::Pair;
using testing::TemporaryDirectory;

constexpr std::array<std::string_view, 5> onnx_classes = {"N", "S", "V", "F", "Q"};

OnnxNotes notes() {
  return {.classes = onnx_classes, .sampling_frequency = 360, .description = "what it is"};
}

// Every extent another one, so that no two axes can be taken for each other.
std::vector<ModelConfig> onnx_configurations() {
  std::vector<ModelConfig> all(4);
  for (ModelConfig& config : all) {
    config.sequence_length = 2;
    config.embed_dim = 6;
    config.num_heads = 3;
    config.ff_dim_multiplier = 2;
    config.kernel_size = 5;
    config.num_blocks = 2;
    config.lstm_units = 4;
  }
  all[1].name = "AttentionOnly";
  all[1].beat_unit = BeatUnit::record;
  all[2].name = "CNNLSTM_Model";
  all[2].beat_unit = BeatUnit::centred;
  all[3].name = "Baseline_Model";
  all[3].beat_unit = BeatUnit::deviation;
  return all;
}

// Every array at random, of a size that lets all of them count.
ModelWeights random_onnx_weights(const ModelConfig& config) {
  Device device = Device::cpu(DType::f32);
  Model model(config, device, ParameterSet::Use::inference, 0);
  const std::vector<double> ones(static_cast<std::size_t>(row_width(config.input())), 1);
  model.set_normalisation(ones, ones);
  ModelWeights weights{config, model.state(), "reference", {"ekgine", "cpu", "ekgine train"}};
  testing::Random random(3);
  for (auto& [name, array] : weights.state) {
    const bool positive = name.ends_with("variance") || name.ends_with(".std");
    for (float& v : array.values) {
      v = static_cast<float>(positive ? random.uniform(0.5, 2) : 0.5 * random.normal());
    }
  }
  return weights;
}

// With an offset, each larger than the one before.
std::vector<double> random_beats(std::int64_t beats) {
  testing::Random random(4);
  std::vector<double> values;
  for (std::int64_t beat = 1; beat <= beats; ++beat) {
    for (std::int64_t i = 0; i < beat_samples; ++i) {
      values.push_back(static_cast<float>(0.7 + static_cast<double>(beat) * random.normal()));
    }
  }
  return values;
}

void take_medians(std::vector<double>& beats) {
  for (auto beat = beats.begin(); beat != beats.end(); beat += beat_samples) {
    std::vector<double> sorted(beat, beat + beat_samples);
    std::ranges::sort(sorted);
    for (auto v = beat; v != beat + beat_samples; ++v) *v -= sorted[beat_samples / 2];
  }
}

// Of (B·T) beats, T to a sequence, in double.
std::vector<double> answers(const ModelWeights& weights, const std::vector<double>& beats) {
  Device device = Device::cpu(DType::f64);
  Model model(weights.config, device, ParameterSet::Use::inference, 0);
  model.load(weights.state, "weights");
  const std::int64_t count = std::ssize(beats) / beat_samples, t = weights.config.sequence_length;
  std::vector<std::int32_t> index(static_cast<std::size_t>(count));
  std::iota(index.begin(), index.end(), 0);
  Arena::Plan plan;
  Tape tape(device, Tape::Mode::inference, plan);
  const Tensor logits =
      model.forward(tape, tape.input({count, beat_samples}, std::span<const double>(beats)),
                    tape.input({count / t, t}, index));
  return device.read(softmax(tape, logits));
}

OnnxFile exported(const TemporaryDirectory& folder, const ModelWeights& weights) {
  export_onnx(folder / "a.onnx", weights, notes());
  return testing::read_onnx(read_file(folder / "a.onnx"));
}

// Only the taps of the wavelet transform are rounded on the way.
TEST(OnnxExport, GraphsAnswerAsTheModelsDo) {
  const TemporaryDirectory folder;
  for (const ModelConfig& config : onnx_configurations()) {
    SCOPED_TRACE(config.name);
    const ModelWeights weights = random_onnx_weights(config);
    const std::int64_t t = config.sequence_length, sequences = 2;
    std::vector<double> beats = random_beats(sequences * t);
    const OnnxTensor found =
        testing::compute_onnx(exported(folder, weights), {{sequences, t, beat_samples}, beats});
    EXPECT_THAT(found.shape, ElementsAre(sequences, class_count));
    if (config.beat_unit == BeatUnit::centred || config.beat_unit == BeatUnit::record) {
      take_medians(beats);
    }
    const std::vector<double> expected = answers(weights, beats);
    ASSERT_EQ(found.values.size(), expected.size());
    double other_rows = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(found.values[i], expected[i], 1e-6) << "probability " << i;
      other_rows += std::abs(expected[i] - expected[i % class_count]);
    }
    EXPECT_GT(other_rows, 1e-3) << "the sequences are all one to this model";
  }
}

// Of any number of beats, an ensemble's mean.
TEST(OnnxExport, GraphsOfFeaturesAnswerAsTheModelDoes) {
  const TemporaryDirectory folder;
  using enum FeatureSet;
  for (const auto& [members, taken, leads] : {std::tuple(1, rhythm_shape, 2),
                                              {3, rhythm_shape, 2},
                                              {1, shape, 1},
                                              {2, rhythm, 2},
                                              {1, scalogram, 2},
                                              {2, rhythm_shape_scalogram, 1}}) {
    ModelConfig config = onnx_configurations()[0];
    config.name = "Rhythm_Model";
    config.sequence_length = 7;
    config.ensemble_size = members;
    config.features = taken;
    config.leads = leads;
    const std::int64_t width = row_width(config.input());
    const std::string unit = beat_unit_name(config.input());
    const ModelWeights weights = random_onnx_weights(config);
    const OnnxFile file = exported(folder, weights);
    EXPECT_EQ(file.inputs.at(0).name, unit);
    EXPECT_THAT(file.inputs[0].shape, ElementsAre("batch", "beats", fmt::format("{}", width)));
    EXPECT_EQ(file.inputs[0].description.find(
                  "takes 22 features of its rhythm, features from number 0") != std::string::npos,
              taken == rhythm);
    EXPECT_THAT(file.outputs.at(0).shape, ElementsAre("batch", "beats", "5"));
    EXPECT_EQ(file.outputs[0].description, "of every beat: N, S, V, F, Q");
    EXPECT_EQ(file.metadata.at("amplitude"), unit);
    Device device = Device::cpu(DType::f64);
    Model model(config, device, ParameterSet::Use::inference, 0);
    model.load(weights.state, "weights");
    for (const std::int64_t beats : {1, 7, 11}) {
      SCOPED_TRACE(beats);
      const std::int64_t sequences = 2, rows = sequences * beats;
      testing::Random random(6);
      std::vector<double> features(static_cast<std::size_t>(rows * width));
      for (double& v : features) v = static_cast<float>(random.normal());
      std::vector<std::int32_t> index(static_cast<std::size_t>(rows));
      std::iota(index.begin(), index.end(), 0);
      std::vector<double> expected(static_cast<std::size_t>(rows * class_count));
      for (std::int64_t member = 0; member < members; ++member) {
        Arena::Plan plan;
        Tape tape(device, Tape::Mode::inference, plan);
        const Tensor logits =
            model.forward(tape, tape.input({rows, width}, std::span<const double>(features)),
                          tape.input({sequences, beats}, index), member);
        const std::vector<double> said = device.read(softmax(tape, logits));
        for (std::size_t i = 0; i < said.size(); ++i) {
          expected[i] += said[i] / static_cast<double>(members);
        }
      }
      const OnnxTensor found = testing::compute_onnx(file, {{sequences, beats, width}, features});
      EXPECT_THAT(found.shape, ElementsAre(sequences, beats, class_count));
      ASSERT_EQ(found.values.size(), expected.size());
      for (std::size_t i = 0; i < expected.size(); ++i) {
        ASSERT_NEAR(found.values[i], expected[i], 1e-6) << "probability " << i;
      }
    }
  }
}

TEST(OnnxExport, FilesSayWhatTheyAre) {
  const TemporaryDirectory folder;
  ModelWeights weights = random_onnx_weights(onnx_configurations()[2]);
  OnnxFile file = exported(folder, weights);
  EXPECT_EQ(file.ir_version, 8);
  EXPECT_EQ(file.opset, 17);
  EXPECT_EQ(file.producer, "ekgine");
  EXPECT_EQ(file.version, program_version());
  EXPECT_EQ(file.description, "what it is");
  ASSERT_EQ(file.inputs.size(), 1U);
  EXPECT_EQ(file.inputs[0].name, "beats");
  EXPECT_THAT(file.inputs[0].shape, ElementsAre("batch", "2", "187"));
  EXPECT_THAT(file.inputs[0].description, HasSubstr("at 360 Hz, the R wave at the 94th; in mV"));
  ASSERT_EQ(file.outputs.size(), 1U);
  EXPECT_EQ(file.outputs[0].name, "probabilities");
  EXPECT_THAT(file.outputs[0].shape, ElementsAre("batch", "5"));
  EXPECT_EQ(file.outputs[0].description, "of the last beat: N, S, V, F, Q");
  EXPECT_EQ(parse_json(file.metadata.at("model")), weights.config.to_json());
  EXPECT_EQ(parse_json(file.metadata.at("made")).at("command"), "ekgine train");
  file.metadata.erase("model");
  file.metadata.erase("made");
  EXPECT_THAT(file.metadata,
              ElementsAre(Pair("amplitude", "centred"), Pair("classes", "N,S,V,F,Q"),
                          Pair("format", "ekgine-onnx-1"), Pair("label_map", "reference"),
                          Pair("sampling_frequency", "360")));
  // What is not known is not said.
  weights.label_map.clear();
  weights.made = {};
  file = exported(folder, weights);
  EXPECT_FALSE(file.metadata.contains("label_map"));
  EXPECT_FALSE(file.metadata.contains("made"));
}

TEST(OnnxExport, EqualWeightsGiveEqualBytes) {
  const TemporaryDirectory folder;
  for (const ModelConfig& config : onnx_configurations()) {
    export_onnx(folder / "a.onnx", random_onnx_weights(config), notes());
    export_onnx(folder / "b.onnx", random_onnx_weights(config), notes());
    EXPECT_TRUE(read_file(folder / "a.onnx") == read_file(folder / "b.onnx")) << config.name;
  }
}

TEST(OnnxExport, WhatCannotBeWrittenLeavesTheOldFile) {
  const TemporaryDirectory folder;
  const std::string path = folder / "a.onnx";
  const ModelWeights weights = random_onnx_weights(onnx_configurations()[0]);
  export_onnx(path, weights, notes());
  const std::string before = read_file(path);
  const auto refuses = [&](const ModelWeights& given, const char* text) {
    EXPECT_ERROR(export_onnx(path, given, notes()), AllOf(HasSubstr(path), HasSubstr(text)));
    EXPECT_TRUE(read_file(path) == before);
  };
  ModelWeights other = weights;
  other.state.erase("normalisation.mean");
  other.state.erase("normalisation.std");
  refuses(other, "the weights carry no normalisation statistics, which an ONNX file needs");
  other = weights;
  other.state.erase("encoder.1.norm.bias");
  refuses(other, "missing: encoder.1.norm.bias");
  other = weights;
  other.state.at("classifier.weight").shape = {5, 6};
  refuses(other, "classifier.weight is (5,6), expected (6,5)");
  const testing::FileSizeLimit limit(4096);
  refuses(weights, "cannot write: File too large");
}

}  // namespace
}  // namespace ekgine
