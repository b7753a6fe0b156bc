// Rhythm_Model from the command line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <sstream>
#include <thread>

#include "base/json.h"
#include "evaluation/predictions.h"
#include "model/weights.h"
#include "tests/apps/program.h"
#include "tests/support/beats.h"

namespace ekgine::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

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
    return parse_json(result.out).at("sequences");
  };
  const Arguments record = {"--records", "903"};
  EXPECT_EQ(labels(Arguments{"--data", store_} + record), 14);
  EXPECT_EQ(labels(Arguments{"--database", database_} + record), 14);
  expect_one_line(evaluate(Arguments{"--database", database_, "--pseudo-records"} + record), 2,
                  "--pseudo-records");
  expect_success(ekgine({"convert", weights, path("model.onnx"), "--quiet"}));
  EXPECT_THAT(read("model.onnx"), HasSubstr("consecutive beats of one record, each 48 features"));
  expect_one_line(ekgine({"convert", weights, path("model.keras")}), 1, "has no form in Keras");
}

TEST_F(RhythmCommands, TakeScalogramsOfWaves) {
  const Arguments waves = {"--features", "rhythm+scalogram", "--leads", "1"};
  expect_success(
      ekgine(rhythm(path("run")) + waves + Arguments{"--test-records", "903", "--pseudo-records"}));
  const std::string weights = path("run/model.safetensors");
  const ModelWeights kept = load_model_weights(weights);
  EXPECT_EQ(kept.config.features, FeatureSet::rhythm_scalogram);
  EXPECT_EQ(kept.config.leads, 1);
  EXPECT_EQ(kept.state.at("projection.waves.dense.weight").shape,
            (std::vector<std::int64_t>{768, 8}));
  EXPECT_THAT(read("run/model_card.md"),
              HasSubstr("each by 22 features of its rhythm, and scalograms of its waves, in one "
                        "lead |"));
  // What the run found, from the store and from the recordings.
  const auto probabilities = [&](const std::string& folder) {
    return read_predictions(folder + "/predictions.h5", class_count).at(0).probabilities;
  };
  for (const Arguments& source : {Arguments{"--data", store_}, {"--database", database_}}) {
    expect_success(ekgine(Arguments{"evaluate", "--weights", weights, "--records", "903",
                                    "--output", path("evaluated"), "--threads", "1", "--quiet"} +
                          source));
    EXPECT_EQ(probabilities(path("evaluated")), probabilities(path("run")));
  }
  expect_success(ekgine({"convert", weights, path("model.onnx"), "--quiet"}));
  EXPECT_THAT(read("model.onnx"), HasSubstr("and, in each of 2 leads, 96 samples of its waves"));
}

TEST_F(RhythmCommands, TakeTheFeaturesThatAreAskedFor) {
  const Arguments alone = {"--features", "rhythm"}, tested = {"--test-records", "903"};
  expect_success(ekgine(rhythm(path("run")) + alone + tested));
  const std::string weights = path("run/model.safetensors");
  const ModelWeights kept = load_model_weights(weights);
  EXPECT_EQ(kept.config.features, FeatureSet::rhythm);
  EXPECT_EQ(kept.state.at("projection.dense1.weight").shape, (std::vector<std::int64_t>{22, 8}));
  EXPECT_THAT(read("run/model_card.md"),
              HasSubstr("| input | 6 consecutive beats, each by 22 features of its rhythm |"));
  // What the run found, by other programs that read its weights.
  expect_success(ekgine({"evaluate", "--weights", weights, "--data", store_, "--records", "903",
                         "--output", path("evaluated"), "--threads", "1", "--quiet"}));
  const auto probabilities = [&](const char* file) {
    return read_predictions(path(file), class_count).at(0).probabilities;
  };
  EXPECT_EQ(probabilities("evaluated/predictions.h5"), probabilities("run/predictions.h5"));
  expect_success(ekgine({"convert", weights, path("model.onnx"), "--quiet"}));
  EXPECT_THAT(
      read("model.onnx"),
      HasSubstr("of which the model takes 22 features of its rhythm, features from number 0"));
  // Files of models that take all say nothing of it, as before.
  expect_success(ekgine(rhythm(path("whole"))));
  const std::string key = R"(\"features\")";
  EXPECT_THAT(read("run/model.safetensors"), HasSubstr(key));
  EXPECT_THAT(read("whole/model.safetensors"), Not(HasSubstr(key)));

  expect_one_line(ekgine(rhythm(path("new")) + Arguments{"--features", "rhytm"}), 2,
                  "is none of rhythm+shape, rhythm, shape, scalogram, rhythm+scalogram");
  Arguments final_run = rhythm(path("final")) + tested;
  final_run.front() = "final";
  expect_success(ekgine(final_run + alone));
  expect_one_line(ekgine(final_run), 1,
                  "was started with features \"rhythm\", not \"rhythm+shape\"");
}

// In the middle of an epoch, of which labels are more than windows.
TEST_F(RhythmCommands, AnEnsembleWithAveragedWeightsGoesOnWhereItWasInterrupted) {
  const Arguments options = {
      "--ensemble-size",      "2",   "--ema-decay",  "0.999", "--warm-up-steps", "7",
      "--validation-records", "903", "--batch-size", "1",     "--epochs",        "24",
      "--pseudo-records"};
  const auto training = [&](const char* run) { return rhythm(path(run)) + options; };
  expect_success(ekgine(training("whole")));
  Process process(EKGINE_PROGRAM, training("run"));
  // Late, since an average forgets where it was.
  const auto epochs = [&] {
    if (!std::filesystem::exists(path("run/history.jsonl"))) return std::ptrdiff_t{0};
    return std::ranges::count(read("run/history.jsonl"), '\n');
  };
  while (epochs() < 16) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  process.send(SIGINT);
  expect_one_line(process.wait(), 130, "interrupted after step");
  const Json state = parse_json(read("run/checkpoint.json")).at("state");
  EXPECT_GT(state.at("batch").get<double>(), 0);
  EXPECT_GT(state.at("correct").get<double>(), state.at("sequences").get<double>());
  expect_success(ekgine({"train", "--resume", path("run"), "--quiet"}));
  EXPECT_TRUE(weights_of("run") == weights_of("whole"));
  EXPECT_TRUE(read("run/predictions.h5") == read("whole/predictions.h5"));
  const ModelWeights kept = load_model_weights(path("run/model.safetensors"));
  EXPECT_EQ(kept.config.ensemble_size, 2);
  EXPECT_TRUE(kept.state.contains("members.1.classifier.weight"));
  EXPECT_EQ(kept.state.count("classifier.weight"), 0U);

  // Other weights than those of the last step; the same run but for what is kept.
  Arguments plain = rhythm(path("plain")) + Arguments(options);
  std::erase(plain, "--ema-decay");
  std::erase(plain, "0.999");
  expect_success(ekgine(plain));
  EXPECT_NE(load_model_weights(path("plain/model.safetensors"))
                .state.at("members.0.classifier.weight")
                .values,
            kept.state.at("members.0.classifier.weight").values);
  const auto losses = [&](const std::string& run) {
    std::vector<double> found;
    std::istringstream lines(read(run + "/history.jsonl"));
    for (std::string line; std::getline(lines, line);) {
      found.push_back(parse_json(line).at("loss").get<double>());
    }
    return found;
  };
  EXPECT_EQ(losses("plain"), losses("whole"));
}

TEST_F(RhythmCommands, TheLearningRateRisesSlowly) {
  expect_success(ekgine(rhythm(path("run")) + Arguments{"--schedule", "constant", "--learning-rate",
                                                        "0.5", "--warm-up-steps", "1000000"}));
  const Json checkpoint = parse_json(read("run/checkpoint.json"));
  const Json& history = checkpoint.at("state").at("history");
  const auto rate = history.at(history.size() - 1).at("learning_rate").get<double>();
  EXPECT_NEAR(rate, 0.5e-6 * (checkpoint.at("state").at("step").get<double>() + 1), 1e-12);
}

TEST_F(RhythmCommands, LabelEachBeatFromWhatHasBeenSeen) {
  expect_success(ekgine(rhythm(path("run"))));
  const std::string weights = path("run/model.safetensors");
  const auto evaluate = [&](const Arguments& more) {
    return ekgine(Arguments{"evaluate", "--weights", weights, "--records", "903", "--threads", "1",
                            "--quiet"} +
                  more);
  };
  // Of a store, as of the database that it was made of.
  const auto said = [&](const Arguments& source, const char* lookahead) {
    const ProcessResult result = evaluate(
        source + Arguments{"--lookahead", lookahead, "--output", path("evaluated"), "--json"});
    expect_success(result);
    const Json found = parse_json(result.out);
    EXPECT_EQ(found.at("lookahead"), std::stoi(lookahead));
    EXPECT_EQ(found.at("sequences"), 14);
    return read_predictions(path("evaluated/predictions.h5"), class_count).at(0).probabilities;
  };
  const Arguments store = {"--data", store_}, database = {"--database", database_};
  const std::vector<float> at_once = said(store, "0");
  EXPECT_EQ(said(database, "0"), at_once);
  const std::vector<float> later = said(store, "5");
  EXPECT_NE(later, at_once);
  EXPECT_THAT(
      read("evaluated/report.txt"),
      HasSubstr("Each beat is labelled from what is known when 5 beats after it have been"));
  EXPECT_EQ(said(database + Arguments{"--normalise-on", "901,902"}, "5").size(), later.size());

  const ProcessResult whole = evaluate(store + Arguments{"--json"});
  expect_success(whole);
  EXPECT_FALSE(parse_json(whole.out).contains("lookahead"));

  // So are further stores.
  std::filesystem::create_directory(path("others"));
  write_wfdb_record(path("others"), random_record("p1", 16, "NAVF/N", 9));
  expect_success(
      ekgine({"preprocess", "--database", path("others"), "--output", path("more"), "--quiet"}));
  const auto figures = [&](const Arguments& where) {
    const ProcessResult result = ekgine(Arguments{"evaluate", "--weights", weights, "--threads",
                                                  "1", "--quiet", "--json", "--lookahead", "2"} +
                                        where);
    expect_success(result);
    return parse_json(result.out);
  };
  EXPECT_EQ(figures({"--data", store_, "--records", "903", "--more-data", path("more")})
                .at("stores")
                .at(0)
                .at("loss"),
            figures({"--data", path("more"), "--records", "p1"}).at("loss"));

  for (const char* wrong : {"6", "-1"}) {
    expect_one_line(evaluate(store + Arguments{"--lookahead", wrong}), 2,
                    std::string("lookahead must be 0 to 5, of a model that sees 6 beats at a time, "
                                "got ") +
                        wrong + " (--lookahead)");
  }
  expect_one_line(evaluate(store + Arguments{"--lookahead", "1", "--pseudo-records"}), 2,
                  "--lookahead excludes --pseudo-records");
  write_test_store(path("older"), {random_beats("903", 14, 1)});
  expect_one_line(evaluate({"--data", path("older"), "--lookahead", "1"}), 1,
                  "record 903: has no features: its store is an older one");
  expect_success(ekgine(training(path("other"))));
  expect_one_line(ekgine({"evaluate", "--weights", path("other/model.safetensors"), "--data",
                          store_, "--records", "903", "--lookahead", "1"}),
                  2,
                  "lookahead: Main_Model labels the last beat of a sequence and waits for none "
                  "after it; expected a model that labels every beat (--lookahead)");
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
