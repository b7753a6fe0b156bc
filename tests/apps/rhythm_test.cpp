// Rhythm_Model from the command line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "evaluation/predictions.h"
#include "model/weights.h"
#include "tests/apps/program.h"

namespace ekgine::testing {
namespace {

using ::testing::HasSubstr;

class RhythmCommands : public SmallStore {
 protected:
  Arguments rhythm(const std::string& output, const std::string& length = "6") const {
    return {"train",
            "--data",
            store_,
            "--model",
            "Rhythm_Model",
            "--train-records",
            "901,902",
            "--sequence-length",
            length,
            "--embed-dim",
            "4",
            "--num-heads",
            "1",
            "--kernel-size",
            "3",
            "--batch-size",
            "4",
            "--epochs",
            "2",
            "--threads",
            "1",
            "--quiet",
            "--output",
            output};
  }
};

TEST_F(RhythmCommands, TrainsToTheSameBitsAndLabelsEveryBeat) {
  const Arguments options = {"--test-records", "903", "--pseudo-records"};
  expect_success(ekgine(rhythm(path("run")) + options));
  expect_success(ekgine(rhythm(path("again")) + options));
  EXPECT_EQ(
      load_model_weights(path("run/model.safetensors")).state.at("classifier.weight").values,
      load_model_weights(path("again/model.safetensors")).state.at("classifier.weight").values);
  const auto predictions = read_predictions(path("run/predictions.h5"), class_count);
  ASSERT_EQ(predictions.size(), 1U);
  EXPECT_EQ(predictions[0].labels.size(), 14U);  // of 14 beats
  EXPECT_THAT(read("run/model_card.md"), HasSubstr("48 features of its rhythm and shape"));

  const std::string weights = path("run/model.safetensors");
  const auto evaluate = [&](const Arguments& more) {
    return ekgine(Arguments{"evaluate", "--weights", weights, "--json", "--quiet"} + more);
  };
  const auto labels = [&](const Arguments& more) {
    const ProcessResult result = evaluate(more);
    expect_success(result);
    return nlohmann::json::parse(result.out).at("sequences");
  };
  const Arguments record = {"--records", "903"};
  EXPECT_EQ(labels(Arguments{"--data", store_} + record), 14);
  EXPECT_EQ(labels(Arguments{"--database", database_} + record), 14);
  expect_one_line(evaluate(Arguments{"--database", database_, "--pseudo-records"} + record), 2,
                  "--pseudo-records");
  expect_one_line(ekgine({"convert", weights, path("model.onnx")}), 1, "no ONNX file yet");
  expect_one_line(ekgine({"convert", weights, path("model.keras")}), 1, "has no form in Keras");
}

TEST_F(RhythmCommands, RefuseWhatCannotBe) {
  expect_one_line(ekgine(rhythm(path("run")) + Arguments{"--shuffle", "stream"}), 1, "--shuffle");
  expect_one_line(ekgine(rhythm(path("run"), "23")), 1,
                  "record 901 has 22 beats, too few for sequences of 23");
  // A held-out record may be shorter than a window.
  expect_success(ekgine(rhythm(path("short"), "16") + Arguments{"--validation-records", "903"}));
}

}  // namespace
}  // namespace ekgine::testing
