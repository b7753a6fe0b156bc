// The four architectures as Keras 3.8 saved and ran them: fixtures/keras_models.py.
#include <gtest/gtest.h>

#include "base/atomic_file.h"
#include "base/json.h"
#include "model/keras_import.h"
#include "model/model.h"

namespace ekgine {
namespace {

class KerasModels : public ::testing::TestWithParam<const char*> {};

std::filesystem::path fixture(const std::string& name) {
  return std::filesystem::path(EKGINE_SOURCE_DIR) / "tests/model/fixtures" / name;
}

// From raw beats to probabilities, all in double.
TEST_P(KerasModels, AnswerAsInKeras) {
  const Json expected = parse_json(read_file(fixture("keras_models.json")));
  const std::string file = std::string(GetParam()) + ".keras";
  const ModelWeights weights = import_keras(fixture(file));
  EXPECT_EQ(weights.config.name, GetParam());
  Device device = Device::cpu(DType::f64);
  Model model(weights.config, device, ParameterSet::Use::inference, 0);
  model.load(weights.state, file);
  const auto mean = expected.at("mean").get<std::vector<double>>();
  const auto std = expected.at("std").get<std::vector<double>>();
  model.set_normalisation(mean, std);
  std::vector<std::int32_t> index;
  for (const Json& sequence : expected.at("index")) {
    for (const Json& beat : sequence) index.push_back(beat.get<std::int32_t>());
  }
  const auto sequences = std::ssize(expected.at("index"));
  const auto beats = expected.at("beats").get<std::vector<double>>();
  Arena::Plan plan;
  Tape tape(device, Tape::Mode::inference, plan);
  const Tensor logits = model.forward(
      tape,
      tape.input({std::ssize(beats) / beat_samples, beat_samples}, std::span<const double>(beats)),
      tape.input({sequences, std::ssize(index) / sequences}, index));
  const std::vector<double> found = device.read(softmax(tape, logits));
  const auto keras = expected.at("probabilities").at(GetParam()).get<std::vector<double>>();
  ASSERT_EQ(found.size(), keras.size());
  for (std::size_t i = 0; i < keras.size(); ++i) {
    EXPECT_NEAR(found[i], keras[i], 1e-10) << "probability " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Architectures, KerasModels,
                         ::testing::Values("Main_Model", "AttentionOnly", "CNNLSTM_Model",
                                           "Baseline_Model"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace ekgine
