// What a run reads back of itself: sealed, and checked as if it were typed.
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <string>

#include "base/json_file.h"
#include "base/seal.h"
#include "model/safetensors.h"
#include "research/final.h"
#include "research/kfold.h"
#include "research/pipeline.h"
#include "research/tune.h"
#include "tests/apps/program.h"
#include "tests/support/expect_error.h"
#include "tests/support/flips.h"
#include "training/checkpoint.h"

namespace ekgine::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class State : public SmallStore {
 protected:
  // A run of two epochs with validation, whose last three steps are still to be made:
  // `at_epoch_end` or in the middle of its second epoch it is what resuming meets.
  void make_run() const {
    Arguments arguments = training(run_);
    arguments.insert(arguments.end(),
                     {"--validation-records", "903", "--epochs", "2", "--allow-absent-classes"});
    expect_success(ekgine(arguments));
  }

  // Gives the checkpoint other metadata and a seal that holds: what is refused is what it says.
  void craft(const std::function<void(Json& options, Json& state)>& change) const {
    WeightsFile file = read_safetensors(checkpoint_);
    Json options = parse_json(file.metadata.at("options"));
    Json state = parse_json(file.metadata.at("state"));
    change(options, state);
    file.metadata["options"] = options.dump();
    file.metadata["state"] = state.dump();
    write_safetensors(checkpoint_, file.arrays, file.metadata);
  }

  ProcessResult resume() const { return ekgine({"train", "--resume", run_, "--quiet"}); }

  const std::string run_ = path("run"), checkpoint_ = path("run/checkpoint.safetensors");
};

TEST_F(State, CraftedCheckpointsAreRefused) {
  using Change = std::function<void(Json & o, Json & s)>;
  const std::
      pair<const char*, Change>
          cases
              [] =
                  {
                      {"'batch' is -1", [](auto&, auto& s) { s["batch"] = -1; }},
                      {"'step' is -5", [](auto&, auto& s) { s["step"] = -5; }},
                      {"'step' is not an integer", [](auto&, auto& s) { s["step"] = 1e300; }},
                      {"'step' is not an integer",
                       [](auto&, auto& s) { s["step"] = 18446744073709551615U; }},
                      {"epochs have", [](auto&, auto& s) { s["step"] = 1000000; }},
                      {"epochs have", [](auto&, auto& s) { s["batch"] = 1; }},
                      {"epochs have", [](auto&, auto& s) { s["sequences"] = 7; }},
                      {"labels are correct", [](auto&, auto& s) { s["correct"] = 3; }},
                      {"their loss is", [](auto&, auto& s) { s["loss_sum"] = 1.5; }},
                      {"'loss_sum' is not a number",
                       [](auto&, auto& s) { s["loss_sum"] = nullptr; }},
                      {"history of", [](auto&, auto& s) { s["epoch"] = 1; }},
                      {"history of", [](auto&, auto& s) { s["history"] = Json::array(); }},
                      {"'history' is not a list", [](auto&, auto& s) { s["history"] = 3; }},
                      {"'epoch' is missing",
                       [](auto&, auto& s) {
                         s["history"] = Json::array({Json::object(), Json::object()});
                       }},
                      {"expected an object",
                       [](auto&, auto& s) {
                         s["history"] = Json::array({1, 2});
                       }},
                      {"epoch 2 of the history: 'epoch'",
                       [](auto&, auto& s) { s["history"][1]["epoch"] = 1; }},
                      {"'loss' is not a number",
                       [](auto&, auto& s) { s["history"][0]["loss"] = "low"; }},
                      {"'accuracy' is 2", [](auto&, auto& s) { s["history"][0]["accuracy"] = 2; }},
                      {"'x' is not known", [](auto&, auto& s) { s["history"][0]["x"] = 2; }},
                      {"has no validation",
                       [](auto&, auto& s) { s["history"][0].erase("validation_loss"); }},
                      {"where its history leads",
                       [](auto&, auto& s) { s["early_stopping"]["best_epoch"] = 9; }},
                      {"where its history leads",
                       [](auto&, auto& s) { s["early_stopping"]["best"] = -1; }},
                      {"where its history leads",
                       [](auto&, auto& s) { s["plateau"]["rate"] = 100.0; }},
                      {"'wait' is -1", [](auto&, auto& s) { s["early_stopping"]["wait"] = -1; }},
                      {"'plateau' is missing", [](auto&, auto& s) { s.erase("plateau"); }},
                      {"precision must be one of", [](auto& o, auto&) { o["precision"] = "f999"; }},
                      {"batch size must be 1 to",
                       [](auto& o, auto&) { o["batch-size"] = 1000000000000; }},
                      {"batch size must be 1 to", [](auto& o, auto&) { o["batch-size"] = 0; }},
                      {"threads must be 1 to", [](auto& o, auto&) { o["threads"] = 1000000000; }},
                      {"threads must be 1 to", [](auto& o, auto&) { o["threads"] = 0; }},
                      {"epochs must be 1 to", [](auto& o, auto&) { o["epochs"] = -2; }},
                      {"learning rate must be", [](auto& o, auto&) { o["learning-rate"] = 1e9; }},
                      {"the option learning-rate is",
                       [](auto& o, auto&) { o["learning-rate"] = nullptr; }},
                      {"sequence length must be 1 to",
                       [](auto& o, auto&) { o["sequence-length"] = 1000000000000; }},
                      {"embed dim must be", [](auto& o, auto&) { o["embed-dim"] = 0; }},
                      {"features.conv3.weight is missing or not 4096 wide",
                       [](auto& o, auto&) { o["embed-dim"] = 4096; }},
                      {"encoder.63.attention.query.weight is missing",
                       [](auto& o, auto&) { o["num-blocks"] = 64; }},
                      {"dropout must be", [](auto& o, auto&) { o["dropout"] = 1.5; }},
                      {"amplitude must be one of mV, centred, record, deviation, got 'volts'",
                       [](auto& o, auto&) { o["amplitude"] = "volts"; }},
                      {"schedule must be one of",
                       [](auto& o, auto&) { o["schedule"] = "\x1b[2J"; }},
                      {"the option epochs is missing or of another type",
                       [](auto& o, auto&) { o["epochs"] = true; }},
                      {"the option train-records is missing or of another type",
                       [](auto& o, auto&) {
                         o["train-records"] = Json::array({1, 2});
                       }},
                      {"no training records",
                       [](auto& o, auto&) { o["train-records"] = Json::array(); }},
                      {"among both the training and the validation records",
                       [](auto& o, auto&) { o["train-records"] = Json::array({"901", "903"}); }},
                      {"the option extra is not known", [](auto& o, auto&) { o["extra"] = 1; }},
                      {"the option seed is missing", [](auto& o, auto&) { o.erase("seed"); }},
                      {"is missing or of another type", [](auto& o, auto&) { o = 3; }},
                      {"'step' is missing", [](auto&, auto& s) { s = Json::array(); }},
                  };
  make_run();
  const std::string whole = read_file(checkpoint_);
  for (const auto& [expected, change] : cases) {
    SCOPED_TRACE(expected);
    craft(change);
    expect_one_line(resume(), 1, expected);
    write_bytes(checkpoint_, whole);
  }
  expect_success(resume());
}

TEST_F(State, CheckpointsOfNestedListsAreRefused) {
  make_run();
  WeightsFile file = read_safetensors(checkpoint_);
  const std::string state = file.metadata.at("state");
  for (const std::string& deep :
       {std::string(200'000, '[') + std::string(200'000, ']'), std::string(200'000, '[')}) {
    file.metadata["state"] = "{\"history\": " + deep + "}";
    write_safetensors(checkpoint_, file.arrays, file.metadata);
    expect_one_line(resume(), 1, "is nested deeper than 64 levels");
  }
}

TEST_F(State, ChangedArraysAreRefused) {
  make_run();
  const WeightsFile whole = read_safetensors(checkpoint_);
  const auto refuses = [&](const std::string& name, float value, const std::string& expected) {
    StateDict arrays = whole.arrays;
    arrays.at(name).values[0] = value;
    write_safetensors(checkpoint_, arrays, whole.metadata);
    expect_one_line(resume(), 1, expected);
  };
  refuses("classifier.bias", std::numeric_limits<float>::quiet_NaN(), "classifier.bias holds nan");
  refuses("adamw.v.classifier.bias", -1, "adamw.v.classifier.bias holds a negative mean");
}

// One bit of any file that the run reads back is noticed: of many by the function that reads it, of
// some by the command.
TEST_F(State, FlippedBitsAreRefused) {
  make_run();
  expect_flips_refused(checkpoint_, 300, [&] { load_checkpoint(run_); });
  const std::string config = path("run/config.toml");
  expect_flips_refused(config, 400, [&] { check_seal_line(read_file(config), config); });
  const Arguments repeat = {"train", "--config", config, "--output", path("new"), "--quiet"};
  const auto refused = [](const ProcessResult& result) {
    if (result.status != 0) fail("refused");
  };
  expect_flips_refused(checkpoint_, 3, [&] { refused(resume()); });
  expect_flips_refused(config, 3, [&] { refused(ekgine(repeat)); });
  EXPECT_FALSE(fs::exists(path("new")));
  expect_success(ekgine(repeat));
}

TEST_F(State, ConfigFilesMayBeChangedOnPurpose) {
  make_run();
  const std::string config = path("run/config.toml"), whole = read_file(config);
  ASSERT_THAT(whole, ::testing::StartsWith("# sha256 "));
  const Arguments repeat = {"train",     "--config", config, "--output",
                            path("new"), "--epochs", "1",    "--quiet"};
  std::string changed = whole;
  changed.replace(changed.find("batch-size = 16"), 15, "batch-size = 17");
  write_bytes(config, changed);
  expect_one_line(ekgine(repeat), 1,
                  config +
                      ": is damaged: its checksum (the first line) is not that of its bytes; "
                      "if it was changed on purpose, remove that line");
  write_bytes(config, changed.substr(changed.find('\n') + 1));
  expect_success(ekgine(repeat));
}

// A run is not gone on with on samples that it was not started with.
TEST_F(State, AStoreWhoseSamplesWereReplacedIsRefused) {
  make_run();
  // The same annotations, another signal: labels and positions stay, as do the counts.
  for (const char* record : {"901", "903"}) {
    const fs::path file = fs::path(database_) / (std::string(record) + ".dat");
    const std::string before = read_file(file);
    write_wfdb_record(database_,
                      random_record(record, std::string(record) == "901" ? 22 : 14,
                                    std::string(record) == "901" ? "NAVF/N" : "VNAF/N", 77));
    expect_success(ekgine({"preprocess", "--database", database_, "--output", store_, "--quiet"}));
    expect_one_line(
        resume(), 1,
        store_ + ": its records are not those that " + checkpoint_ + " was started with");
    write_wfdb_record(database_, random_record("901", 22, "NAVF/N", 1));
    write_wfdb_record(database_, random_record("903", 14, "VNAF/N", 3));
    ASSERT_TRUE(read_file(file) == before);
  }
  expect_success(ekgine({"preprocess", "--database", database_, "--output", store_, "--quiet"}));
  expect_success(resume());
}

class LabelMaps : public State {
 protected:
  void make_store_of(const std::string& map) const {
    expect_success(ekgine({"preprocess", "--database", database_, "--output", store_, "--label-map",
                           map, "--quiet"}));
  }
  Arguments evaluate() const {
    return {"evaluate", "--weights", path("run/model.safetensors"), "--data", store_, "--records",
            "903",      "--quiet"};
  }
  Arguments study(const char* command, const std::string& output) const {
    Arguments arguments = training(path(output));
    arguments[0] = command;
    return arguments;
  }
};

TEST_F(LabelMaps, ThatDifferAreRefused) {
  make_run();
  expect_success(ekgine(evaluate()));
  const Arguments kfold = study("kfold", "k") + Arguments{"--k", "2", "--allow-absent-classes"};
  const Arguments final_run = study("final", "f") + Arguments{"--test-records", "903"};
  expect_success(ekgine(kfold));
  expect_success(ekgine(final_run));
  make_store_of("ec57");
  expect_one_line(ekgine(evaluate()), 1,
                  path("run/model.safetensors") +
                      ": was trained with label map reference, the store " + store_ + " has ec57");
  expect_one_line(resume(), 1,
                  "was trained with label map reference, the store " + store_ + " has ec57");
  expect_one_line(ekgine(kfold), 1, "was trained with label map reference, the store");
  expect_one_line(ekgine(final_run), 1, "was trained with label map reference, the store");
}

TEST_F(LabelMaps, OfWeightsThatDoNotSayAreTaken) {
  make_run();
  WeightsFile file = read_safetensors(path("run/model.safetensors"));
  file.metadata.erase("label_map");
  write_safetensors(path("run/model.safetensors"), file.arrays, file.metadata);
  Arguments arguments = evaluate();
  arguments.pop_back();  // --quiet, which leaves notices out, too
  const ProcessResult result = ekgine(arguments);
  expect_success(result);
  EXPECT_THAT(result.err, HasSubstr("does not say with which label map it was trained"));
}

TEST_F(LabelMaps, OfTheNameBeforeAreTaken) {
  make_run();
  const std::string weights = path("run/model.safetensors");
  WeightsFile file = read_safetensors(weights);
  file.metadata["label_map"] = "seed";
  write_safetensors(weights, file.arrays, file.metadata);
  expect_success(ekgine(evaluate()));
}

// Weights in the place of a run's best ones, of the same shapes, that take beats in another unit.
TEST_F(State, WeightsOfAnotherUnitAreNotEvaluated) {
  make_run();
  const std::string weights = path("run/model.safetensors");
  WeightsFile file = read_safetensors(weights);
  Json model = parse_json(file.metadata.at("model"));
  EXPECT_EQ(model.at("amplitude"), "deviation");
  model["amplitude"] = "centred";
  file.metadata["model"] = model.dump();
  write_safetensors(weights, file.arrays, file.metadata);
  expect_one_line(
      resume(), 1,
      weights + " on " + store_ + ": the beats' amplitude is deviation, the model takes centred");
}

TEST_F(State, ASplitsFileWithAKeyTwiceIsRefused) {
  write_bytes(path("splits.json"), R"({"train_records": ["901"], "train_records": ["902"]})");
  expect_one_line(
      ekgine({"train", "--data", store_, "--splits", path("splits.json"), "--output", path("new")}),
      1, path("splits.json") + ": 'train_records' is given twice");
}

// ---- Studies

class StudyState : public SmallStore {
 protected:
  Arguments kfold() const {
    Arguments arguments = training(path("k"));
    arguments[0] = "kfold";
    return arguments + Arguments{"--k", "2", "--allow-absent-classes"};
  }
  // Those that the study in the folder `name` was begun with.
  TrainOptions options_of(const std::string& name) const {
    const Json study = read_json(path(name + "/study.json"), Sealed::required);
    TrainOptions options = TrainOptions::from_json(study.at("options"), name);
    options.output = path(name);
    return options;
  }
  static void nothing(const std::string&) {}
  // Of a file that other programs read: as they would have to.
  void expect_sealed(const std::string& name) const {
    expect_flips_refused(path(name), 200,
                         [&] { static_cast<void>(read_json(path(name), Sealed::required)); });
  }
  // Replaces the file by what `change` makes of it, with a seal that holds.
  void craft(const std::string& name, const std::function<void(Json&)>& change) const {
    Json content = read_json(path(name), Sealed::required);
    change(content);
    write_bytes(path(name), sealed_json(content));
  }
};

TEST_F(StudyState, CraftedFilesAreRefused) {
  expect_success(ekgine(kfold()));
  const auto refuses = [&](const std::string& name, const char* expected,
                           const std::function<void(Json&)>& change) {
    SCOPED_TRACE(expected);
    const std::string whole = read(name);
    craft(name, change);
    expect_one_line(ekgine(kfold()), 1, path(name) + ": " + expected);
    write_bytes(path(name), whole);
  };
  const std::string study = "k/study.json", result = "k/fold-1/result.json";
  refuses(study, "threads must be 1 to", [](auto& j) { j["options"]["threads"] = 1000000000; });
  refuses(study, "the option epochs is", [](auto& j) { j["options"].erase("epochs"); });
  refuses(study, "'options' is missing", [](auto& j) { j.erase("options"); });
  refuses(study, "'kind' is not a text", [](auto& j) { j["kind"] = 3; });
  refuses(study, "'k' is missing", [](auto& j) { j["plan"].erase("k"); });
  refuses(study, "'fingerprint' is not a checksum",
          [](auto& j) { j["inputs"]["fingerprint"] = "0"; });
  refuses(study, "'more' is not known", [](auto& j) { j["more"] = 1; });
  refuses(study, "is no study of this version", [](auto& j) { j["format"] = "ekgine-study-7"; });
  refuses(result, "'metrics' is missing", [](auto& j) { j.erase("metrics"); });
  refuses(result, "'fold' is 2, expected 1 to 1", [](auto& j) { j["fold"] = 2; });
  refuses(result, "'epochs' is not an integer", [](auto& j) { j["epochs"] = 1e300; });
  refuses(result, "'best_epoch' is 7", [](auto& j) { j["best_epoch"] = 7; });
  refuses(result, "was validated on",
          [](auto& j) { j["validation_records"] = Json::array({"77"}); });
  refuses(result, "'accuracy' is 1.5", [](auto& j) { j["metrics"]["accuracy"] = 1.5; });
  refuses(result, "'loss' is not a number", [](auto& j) { j["metrics"]["loss"] = nullptr; });
  refuses(result, "is about 0 classes", [](auto& j) { j["metrics"]["classes"] = Json::object(); });
  refuses(result, "'confusion' is not a matrix", [](auto& j) { j["metrics"]["confusion"] = "x"; });
  refuses(result, "class N: ", [](auto& j) { j["metrics"]["confusion"][0][0] = -4; });
  refuses(result, "'confusion' has", [](auto& j) { j["metrics"]["accuracy"] = 0.123; });
  expect_success(ekgine(kfold()));
}

TEST_F(StudyState, FlippedBitsAreRefused) {
  expect_success(ekgine(kfold()));
  KFoldOptions options;
  options.train = options_of("k");
  options.k = 2;
  for (const char* name : {"k/study.json", "k/fold-1/result.json", "k/fold-2/result.json"}) {
    expect_flips_refused(path(name), 200, [&] { run_kfold(options, nothing); });
  }
  for (const char* name : {"k/metrics.json", "k/fold-1/metrics.json"}) expect_sealed(name);
  for (const char* name :
       {"k/fold-2/result.json", "k/fold-1/model.safetensors", "k/fold-2/model.safetensors"}) {
    // Of the models, the best one is read, whose copy is the study's.
    const bool model = std::string(name).ends_with("model.safetensors");
    if (model && read(name) != read("k/model.safetensors")) continue;
    expect_flips_refused(path(name), 3, [&] {
      if (ekgine(kfold()).status != 0) fail("refused");
    });
  }
  expect_success(ekgine(kfold()));
}

TEST_F(StudyState, FlippedBitsOfASearchAreRefused) {
  write_bytes(path("space.toml"), "embed-dim = [2, 4]\n");
  Arguments arguments = training(path("t"));
  arguments[0] = "tune";
  arguments = arguments + Arguments{"--space",
                                    path("space.toml"),
                                    "--validation-records",
                                    "903",
                                    "--epochs",
                                    "2",
                                    "--factor",
                                    "2",
                                    "--allow-absent-classes"};
  expect_success(ekgine(arguments));
  TuneOptions options;
  options.train = options_of("t");
  options.space = SearchSpace::read(path("space.toml"));
  options.factor = 2;
  const std::string best = path("t/best.toml");
  expect_flips_refused(best, 400, [&] { check_seal_line(read_file(best), best); });
  int rounds = 0;
  for (const std::string& name : content_of(path("t"))) {
    if (name.find("/round-") == std::string::npos || ++rounds > 2) continue;
    expect_flips_refused(path("t/" + name), 200, [&] { run_tune(options, nothing); });
  }
  EXPECT_GT(rounds, 2);
  expect_flips_refused(path("t/study.json"), 200, [&] { run_tune(options, nothing); });
  expect_sealed("t/trials.json");
  run_tune(options, nothing);
}

TEST_F(StudyState, FlippedBitsOfAPipelineAreRefused) {
  expect_success(ekgine({"pipeline",
                         "--database",
                         database_,
                         "--models",
                         "Baseline_Model",
                         "--k",
                         "0",
                         "--tune-epochs",
                         "0",
                         "--train-records",
                         "901,902",
                         "--test-records",
                         "903",
                         "--embed-dim",
                         "4",
                         "--batch-size",
                         "16",
                         "--epochs",
                         "1",
                         "--threads",
                         "1",
                         "--quiet",
                         "--output",
                         path("p")}));
  PipelineOptions options;
  options.train = options_of("p");
  options.database = database_;
  options.models = {"Baseline_Model"};
  const std::string result = "p/Baseline_Model/final/";
  for (const std::string& name : {std::string("p/study.json"), result + "result.json",
                                  result + "report.txt", result + "predictions.h5"}) {
    expect_flips_refused(path(name), 200, [&] { run_pipeline(options, nothing); });
  }
  expect_sealed("p/pipeline.json");
  run_pipeline(options, nothing);
  // As it was begun when the label map and the order had other names.
  craft("p/study.json", [](Json& study) {
    EXPECT_EQ(study["options"]["shuffle"], "stretches");
    study["options"]["shuffle"] = "runs";
    study["options"]["run-length"] = study["options"]["stretch-length"];
    study["options"].erase("stretch-length");
    study["plan"]["label-map"] = "seed";
    study["inputs"]["label-map"] = "seed";
  });
  run_pipeline(options, nothing);
  craft("p/study.json", [](Json& study) { study["plan"]["label-map"] = "ec57"; });
  EXPECT_ERROR(run_pipeline(options, nothing),
               "p: was started with label-map \"ec57\", not \"reference\"");
}

// As it was begun when stretches were runs: the space, its file, and the values of trials.
TEST_F(StudyState, ASearchGoesOnWhoseOptionsHadOlderNames) {
  write_bytes(path("space.toml"), "run-length = [4, 8]\nembed-dim = [2, 4]\n");
  Arguments arguments = training(path("t"));
  arguments[0] = "tune";
  arguments = arguments + Arguments{"--validation-records", "903",      "--space",
                                    path("space.toml"),     "--epochs", "3"};
  expect_success(ekgine(arguments));
  const std::string trials = read("t/trials.json");
  const auto rename = [](Json& object) {
    Json older = Json::object();
    for (const auto& [name, value] : object.items()) {
      older[name == "stretch-length" ? "run-length" : name] = value;
    }
    EXPECT_NE(object, older);
    object = older;
  };
  craft("t/study.json", [&](Json& study) {
    rename(study["plan"]["space"]);
    rename(study["options"]);
  });
  craft("t/trial-001/round-1.json", [&](Json& round) { rename(round["values"]); });
  expect_success(ekgine(arguments));
  EXPECT_EQ(read("t/trials.json"), trials);
  write_bytes(path("space.toml"), "stretch-length = [4, 8]\nembed-dim = [2, 4]\n");
  expect_success(ekgine(arguments));
  write_bytes(path("space.toml"), "run-length = [4, 16]\nembed-dim = [2, 4]\n");
  expect_one_line(ekgine(arguments), 1, path("t") + ": was started with space ");
}

TEST_F(StudyState, AFinalReportThatIsDamagedIsNotShown) {
  Arguments arguments = training(path("f"));
  arguments[0] = "final";
  arguments = arguments + Arguments{"--test-records", "903"};
  expect_success(ekgine(arguments));
  expect_success(ekgine(arguments));
  TrainOptions options = load_checkpoint(path("f")).options;
  options.output = path("f");
  for (const char* name : {"f/report.txt", "f/result.json"}) {
    expect_flips_refused(path(name), 200, [&] { run_final(options, nothing); });
    expect_flips_refused(path(name), 3, [&] {
      if (ekgine(arguments).status != 0) fail("refused");
    });
  }
  run_final(options, nothing);
}

TEST_F(StudyState, FilesOfTheVersionBeforeAreRead) {
  expect_success(ekgine(kfold()));
  const auto unseal = [&](const std::string& name, bool study) {
    Json content = read_json(path(name), Sealed::required);
    if (study) {
      content["format"] = "ekgine-study-1";
      content.erase("inputs");
    }
    write_bytes(path(name), content.dump(2));
  };
  unseal("k/study.json", true);
  unseal("k/fold-1/result.json", false);
  Arguments arguments = kfold();
  std::erase(arguments, "--quiet");
  const ProcessResult result = ekgine(arguments);
  expect_success(result);
  for (const char* name : {"k/study.json", "k/fold-1/result.json"}) {
    EXPECT_THAT(result.err, HasSubstr(path(name) + ": has no checksum; taken as it is\n"));
  }
}

}  // namespace
}  // namespace ekgine::testing
