#include <gtest/gtest.h>
#include <zip.h>

#include <memory>
#include <regex>

#include "model/weights.h"
#include "tests/apps/program.h"
#include "tests/support/lock_holder.h"

namespace ekgine::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

// A zip file of one member.
void write_zip(const std::string& path, const std::string& member, const std::string& content) {
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  ASSERT_NE(archive, nullptr);
  zip_source_t* source = zip_source_buffer(archive, content.data(), content.size(), 0);
  ASSERT_GE(zip_file_add(archive, member.c_str(), source, 0), 0);
  ASSERT_EQ(zip_close(archive), 0);
}

class Evaluate : public SmallStore {
 protected:
  Evaluate() {
    const ProcessResult result =
        ekgine(training(path("run")) + Arguments{"--test-records", "903", "--json"});
    expect_success(result);
    trained_ = parse_json(result.out);
  }

  Arguments evaluation(const std::string& weights) const {
    return {"evaluate", "--weights", weights, "--data", store_, "--quiet"};
  }
  void refuses(const std::string& weights, const std::string& text) const {
    SCOPED_TRACE(text);
    expect_one_line(
        ekgine(evaluation(weights) + Arguments{"--records", "903", "--output", path("new")}), 1,
        text);
    EXPECT_FALSE(fs::exists(path("new")));
  }

  Json trained_;
  const std::string weights_ = path("run/model.safetensors");
};

TEST_F(Evaluate, GivesTheFiguresOfTheRun) {
  const ProcessResult result =
      ekgine(evaluation(weights_) + Arguments{"--records", "903", "--json"});
  expect_success(result);
  EXPECT_EQ(result.err, "");
  const Json found = parse_json(result.out);
  for (const char* key :
       {"accuracy", "loss", "macro_f1", "weighted_f1", "sequences", "classes", "confusion"}) {
    EXPECT_EQ(found.at(key), trained_.at(key)) << key;
  }
  EXPECT_GT(found.at("beats_per_second").get<double>(), 0);
  // The records of a splits file are its test records.
  const ProcessResult split =
      ekgine(evaluation(weights_) + Arguments{"--splits", path("run/splits.json"), "--json"});
  expect_success(split);
  EXPECT_EQ(parse_json(split.out).at("loss"), found.at("loss"));
}

TEST_F(Evaluate, WritesReportPredictionsAndPlots) {
  const ProcessResult result =
      ekgine(evaluation(weights_) +
             Arguments{"--records", "903,901", "--output", path("deep/evaluation")});
  expect_success(result);
  EXPECT_THAT(content_of(path("deep/evaluation")),
              AllOf(IsSupersetOf({"metrics.json", "predictions.h5", "report.txt"}),
                    Each(Not(HasSubstr(".partial")))));
  EXPECT_EQ(result.out, read("deep/evaluation/report.txt"));
  EXPECT_THAT(result.out, AllOf(HasSubstr("accuracy"), HasSubstr(weights_), HasSubstr("903")));
  EXPECT_EQ(read("deep/evaluation/metrics.json").find("nan"), std::string::npos);
}

// Folds are those of ekgine kfold.
TEST_F(Evaluate, TakesAFoldOfASplitsFile) {
  write_records_for_folds();
  const auto metrics_of = [&](const Arguments& more) {
    const ProcessResult result = ekgine(evaluation(weights_) + more + Arguments{"--json"});
    expect_success(result);
    Json metrics = parse_json(result.out);
    metrics.erase("seconds");
    metrics.erase("beats_per_second");
    return metrics;
  };
  const char* order[] = {"901", "904", "905", "903", "902"};
  for (int fold = 1; fold <= 5; ++fold) {
    EXPECT_EQ(metrics_of({"--splits", path("splits.json"), "--fold", std::to_string(fold)}),
              metrics_of({"--records", order[fold - 1]}))
        << "fold " << fold;
  }
  const auto refuses_fold = [&](const Arguments& more, int status, const std::string& text) {
    expect_one_line(ekgine(evaluation(weights_) + more), status, text);
  };
  const std::string splits = std::string(EKGINE_SOURCE_DIR) + "/data/splits/reference.json";
  // The published fold of the reference's k-fold model.
  refuses_fold({"--splits", splits, "--fold", "5"}, 1,
               "records 122, 119, 214, 212, 115, 101, 221 are not in the store");
  refuses_fold({"--splits", splits, "--fold", "6"}, 1,
               splits + ": there is no fold 6; they are 1 to 5 (--fold)");
  refuses_fold({"--splits", splits, "--fold", "0"}, 1, "there is no fold 0");
  refuses_fold({"--records", "901", "--fold", "1"}, 2, "--fold requires --splits");
  write_bytes(path("splits.json"), R"({"train_records": ["903", "901", "905", "902"]})");
  refuses_fold({"--splits", path("splits.json"), "--fold", "1"}, 1,
               path("splits.json") + ": 4 records cannot make 5 folds: each needs one");
}

// ---- a database in the place of a store

TEST_F(Evaluate, CutsRecordsOfADatabase) {
  const auto metrics_of = [&](const Arguments& where) {
    const ProcessResult result = ekgine(
        Arguments{"evaluate", "--weights", weights_, "--records", "903,901", "--json", "--quiet"} +
        where);
    expect_success(result);
    Json metrics = parse_json(result.out);
    metrics.erase("seconds");
    metrics.erase("beats_per_second");
    return metrics;
  };
  const Json expected = metrics_of({"--data", store_});
  EXPECT_EQ(metrics_of({"--database", database_}), expected);
  EXPECT_EQ(metrics_of({"--database", database_, "--normalise-on", "901,902"}), expected);
  EXPECT_NE(metrics_of({"--database", database_, "--lead", "1"}), expected);

  const auto refuses_source = [&](const Arguments& where, int status, const std::string& text) {
    SCOPED_TRACE(text);
    expect_one_line(
        ekgine(Arguments{"evaluate", "--weights", weights_, "--records", "903"} + where), status,
        text);
  };
  const std::string either = "give either --data, a store, or --database, a folder of WFDB records";
  refuses_source({}, 2, either);
  refuses_source({"--data", store_, "--database", database_}, 2, either);
  refuses_source({"--data", store_, "--invert"}, 2, "--invert requires --database");
  refuses_source({"--data", store_, "--marks", "detected"}, 2, "--marks requires --database");
  refuses_source({"--database", path("none")}, 1, "record 903 does not exist (no .hea file)");
  refuses_source({"--database", database_, "--lead", "V9"}, 1, "V9");
}

// What is evaluated of detected beats is what preprocess keeps, and what is not is told.
TEST_F(Evaluate, FindsBeatsWhereTheyAreDetected) {
  const std::string samples = EKGINE_SOURCE_DIR "/data/samples";
  const ProcessResult kept =
      ekgine({"preprocess", "--database", samples, "--records", "208", "--marks", "detected",
              "--output", path("detected"), "--json", "--quiet"});
  expect_success(kept);
  const ProcessResult result =
      ekgine({"evaluate", "--weights", weights_, "--database", samples, "--records", "208",
              "--marks", "detected", "--output", path("out"), "--json", "--quiet"});
  expect_success(result);
  const Json expected = parse_json(kept.out), found = parse_json(result.out);
  EXPECT_EQ(found.at("sequences"), expected.at("beats").get<int>() - 2);
  EXPECT_EQ(found.at("missed_beats"), expected.at("missed_beats"));
  EXPECT_EQ(found.at("extra_beats"), expected.at("extra_beats"));
  EXPECT_GT(found.at("missed_beats").get<double>(), 0);
  EXPECT_THAT(read("out/report.txt"), HasSubstr("Beats are where they are detected."));
}

// ---- the protocol

// Short records of the names of DS2.
class Ds2 : public Evaluate {
 protected:
  Ds2() {
    int seed = 10;
    for (const char* name :
         {"100", "103", "105", "111", "113", "117", "121", "123", "200", "202", "210",
          "212", "213", "214", "219", "221", "222", "228", "231", "232", "233", "234"}) {
      write_wfdb_record(ds2_, random_record(name, 8, "NjAVFNe/", static_cast<std::uint64_t>(seed)));
      ++seed;
    }
  }
  Arguments protocol(const Arguments& more = {}) const {
    return Arguments{"evaluate", "--weights", weights_, "--protocol", "ds1ds2"} + more;
  }
  std::string ds2() {
    fs::create_directories(path("ds2"));
    return path("ds2");
  }
  const std::string ds2_ = ds2();
};

// Which counts the beats of every symbol, also those without a label.
TEST_F(Ds2, JudgesPartsAsTheWhole) {
  const auto output = [&](const char* name) {
    return Arguments{"--quiet", "--output", path(name)};
  };
  const Arguments source = protocol({"--database", ds2_});
  expect_success(ekgine(source + output("whole")));
  for (const char* part : {"1/2", "2/2"}) {
    expect_success(ekgine(source + output("parts") + Arguments{"--shard", part}));
  }
  expect_success(ekgine(source + output("parts") + Arguments{"--merge"}));
  EXPECT_EQ(read("parts/metrics.json"), read("whole/metrics.json"));
  EXPECT_THAT(read("parts/metrics.json"), HasSubstr("escapes_as_n"));
}

TEST_F(Ds2, JudgesByTheProtocol) {
  const ProcessResult result =
      ekgine(protocol({"--database", ds2_, "--output", path("out"), "--json"}));
  expect_success(result);
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("records 201 and 202 are of one patient"),
                    HasSubstr(weights_ + ": was trained with label map reference and is judged by "
                                         "ec57")));
  const Json found = parse_json(result.out).at("protocol");
  // Of eight beats, the first two of which get no label of sequences of three.
  const Json& all = found.at("all");
  EXPECT_EQ(all.at("beats"), 22 * 8);
  EXPECT_EQ(all.at("unlabelled"), 22 * 2);
  const auto of_class = [](const Json& view, std::size_t c) {
    int sum = 0;
    for (const Json& count : view.at("matrix").at(c)) sum += count.get<int>();
    return sum;
  };
  EXPECT_EQ(of_class(all, 1), 22 * 3) << "j, A and e";
  EXPECT_EQ(of_class(found.at("escapes_as_n"), 1), 22);
  EXPECT_EQ(found.at("without_232").at("beats"), 21 * 8);
  EXPECT_EQ(found.at("without_202").at("beats"), 21 * 8);
  EXPECT_EQ(found.at("records").size(), 22u);
  EXPECT_EQ(found.at("causes").at("j").at("class"), "S");
  EXPECT_EQ(found.at("causes").at("j").at("predicted").at("none"), 22);
  // The figures beside it are of the same classes, of beats with a label.
  const Json whole = parse_json(result.out);
  EXPECT_EQ(whole.at("sequences"), 22 * 6);
  EXPECT_EQ(whole.at("classes").at("S").at("support"), 22 * 2);

  EXPECT_EQ(parse_json(read("out/metrics.json")).at("protocol"), found);
  EXPECT_THAT(read("out/report.txt"),
              AllOf(HasSubstr("Protocol ds1ds2"), HasSubstr("without 232:"), HasSubstr("ec57")));

  // A store of any label map is judged the same.
  for (const char* map : {"reference", "ec57"}) {
    expect_success(ekgine({"preprocess", "--database", ds2_, "--output", path("ds2-store"),
                           "--label-map", map, "--quiet"}));
    const ProcessResult again =
        ekgine(protocol({"--data", path("ds2-store"), "--json", "--quiet"}));
    expect_success(again);
    EXPECT_EQ(parse_json(again.out).at("protocol"), found) << map;
  }
}

TEST_F(Ds2, RefusesWhatIsNotTheProtocol) {
  const auto refuses_protocol = [&](const Arguments& more, int status, const std::string& text) {
    SCOPED_TRACE(text);
    expect_one_line(ekgine(protocol(more + Arguments{"--quiet"})), status, text);
  };
  refuses_protocol({"--data", store_}, 1,
                   "records 100, 103, 105, 111, 113, 117, 121, 123, 200, 202, 210, 212, 213, 214, "
                   "219, 221, 222, 228, 231, 232, 233, 234 are not in the store");
  fs::remove(fs::path(ds2_) / "232.hea");
  fs::remove(fs::path(ds2_) / "100.hea");
  refuses_protocol({"--database", ds2_}, 1, "records 100, 232 do not exist (no .hea file)");
  refuses_protocol({"--data", store_, "--records", "100"}, 2, "--records excludes --protocol");
  refuses_protocol({"--data", store_, "--splits", path("run/splits.json")}, 2,
                   "--splits excludes --protocol");
  expect_one_line(
      ekgine({"evaluate", "--weights", weights_, "--data", store_, "--protocol", "ds2"}), 2,
      "'ds2' is none of ds1ds2");
}

// Training takes DS1 and nothing of DS2.
TEST_F(Evaluate, TheProtocolsTrainingRecordsTrain) {
  const auto refuses_training = [&](const Arguments& arguments, int status,
                                    const std::string& text) {
    SCOPED_TRACE(text);
    expect_one_line(ekgine(arguments + Arguments{"--data", store_, "--output", path("new"),
                                                 "--quiet", "--allow-absent-classes"}),
                    status, text);
  };
  const std::string ds1 =
      "records 101, 106, 108, 109, 112, 114, 115, 116, 118, 119, 122, 124, 201, 203, 205, 207, "
      "208, 209, 215, 220, 223, 230 are not in the store";
  refuses_training({"train", "--protocol", "ds1ds2"}, 1, ds1);
  refuses_training({"kfold", "--protocol", "ds1ds2"}, 1, "are not in the store");
  refuses_training({"final", "--protocol", "ds1ds2"}, 1, "are not in the store");
  refuses_training({"train", "--protocol", "ds1ds2", "--fold", "9"}, 1,
                   "--protocol ds1ds2: there is no fold 9; they are 1 to 5 (--fold)");
  refuses_training({"train", "--protocol", "ds1ds2", "--train-records", "901"}, 2,
                   "--protocol: names the records already");
  refuses_training({"final", "--protocol", "ds1ds2", "--train-records", "901"}, 2,
                   "--protocol: names the records already");
  refuses_training({"train", "--protocol", "ds1ds2", "--splits", path("run/splits.json")}, 2,
                   "--splits excludes --protocol");
  refuses_training({"train", "--train-records", "901", "--fold", "1"}, 2,
                   "--fold requires --splits or --protocol");
}

TEST_F(Evaluate, NormalisationComesFromTheWeightsOrTheRecordsNamed) {
  ModelWeights weights = load_model_weights(weights_);
  weights.state.erase("normalisation.mean");
  weights.state.erase("normalisation.std");
  save_model_weights(path("bare.safetensors"), weights);
  refuses(path("bare.safetensors"),
          path("bare.safetensors") +
              ": carries no normalisation statistics; name the records it "
              "was trained on with --normalise-on");
  const auto loss = [&](const std::string& file, const Arguments& more) {
    const ProcessResult result =
        ekgine(evaluation(file) + Arguments{"--records", "903", "--json"} + more);
    expect_success(result);
    return parse_json(result.out).at("loss");
  };
  EXPECT_EQ(loss(path("bare.safetensors"), {"--normalise-on", "901,902"}), trained_.at("loss"));
  EXPECT_NE(loss(path("bare.safetensors"), {"--normalise-on", "903"}), trained_.at("loss"));
  EXPECT_NE(loss(weights_, {"--normalise-on", "903"}), trained_.at("loss"));
  // One of the two alone is none.
  weights = load_model_weights(weights_);
  weights.state.erase("normalisation.std");
  save_model_weights(path("half.safetensors"), weights);
  refuses(path("half.safetensors"), "normalisation");
}

TEST_F(Evaluate, RefusesWeightsThatDoNotFit) {
  refuses(path("none.safetensors"), path("none.safetensors") + ": cannot open");
  write_bytes(path("text.safetensors"), "hello, these are weights, are they not?");
  refuses(path("text.safetensors"), path("text.safetensors") + ": ");
  const std::string whole = read("run/model.safetensors");
  write_bytes(path("cut.safetensors"), whole.substr(0, whole.size() - 100));
  refuses(path("cut.safetensors"), path("cut.safetensors") + ": ");
  refuses(path("run/checkpoint.safetensors"),
          ": weights of format 'ekgine-checkpoint-2', expected 'ekgine-weights-2'");

  ModelWeights weights = load_model_weights(weights_);
  weights.state.erase("features.norm2.bias");
  weights.state["encoder.1.norm.bias"] = {{4}, {0, 0, 0, 0}};
  weights.state["classifier.weight"].shape = {5, 4};
  save_model_weights(path("odd.safetensors"), weights);
  refuses(path("odd.safetensors"),
          path("odd.safetensors") +
              ": weights do not fit Main_Model — missing: features.norm2.bias; unexpected: "
              "encoder.1.norm.bias; wrong shape: classifier.weight is (5,4), expected (4,5)");
}

TEST_F(Evaluate, RefusesFilesThatAreNotKeras) {
  refuses(path("none.keras"), path("none.keras") + ": cannot open");
  write_bytes(path("text.keras"), "this is not a zip file");
  refuses(path("text.keras"), path("text.keras") + ": ");
  write_bytes(path("empty.keras"), "");
  refuses(path("empty.keras"), path("empty.keras") + ": ");
  write_zip(path("zip.keras"), "readme.txt", "no model");
  refuses(path("zip.keras"), path("zip.keras") + ": ");
  write_zip(path("layers.keras"), "metadata.json", R"({"keras_version": "3.8.0"})");
  refuses(path("layers.keras"), path("layers.keras") + ": ");
}

TEST_F(Evaluate, RefusesRecordsAndPlaces) {
  const auto refuses_arguments = [&](const Arguments& arguments, int status,
                                     const std::string& text) {
    SCOPED_TRACE(text);
    expect_one_line(ekgine(evaluation(weights_) + arguments), status, text);
  };
  refuses_arguments({}, 2, "no records to evaluate: give --records, --splits or --protocol");
  refuses_arguments({"--records", "801,903,802"}, 1,
                    store_ + ": records 801, 802 are not in the store, which has 901, 902, 903");
  refuses_arguments({"--records", "903,903"}, 2, "--records: record 903 is named twice");
  refuses_arguments({"--records", "903", "--splits", path("run/splits.json")}, 2, "--splits");
  refuses_arguments({"--splits", path("none.json")}, 1, path("none.json"));
  refuses_arguments({"--records", "903", "--normalise-on", "801"}, 1, "record 801 is not");
  refuses_arguments({"--records", "903", "--output", "/proc/ekgine"}, 1,
                    "/proc/ekgine: cannot create the folder");
  refuses_arguments({"--records", "903", "--output", weights_}, 1,
                    weights_ + ": cannot create the folder");
}

TEST_F(Evaluate, AFullDiskLeavesTheOldReport) {
  const std::string report = read("run/report.txt"), predictions = read("run/predictions.h5");
  const std::vector<std::string> files = content_of(path("run"));
  expect_one_line(
      ekgine(evaluation(weights_) + Arguments{"--records", "901", "--output", path("run")},
             {.directory = {}, .environment = {}, .file_size_limit = 512}),
      1, path("run/"));
  EXPECT_EQ(read("run/report.txt"), report);
  EXPECT_TRUE(read("run/predictions.h5") == predictions);
  EXPECT_EQ(content_of(path("run")), files);
}

TEST_F(Evaluate, ConvertRewritesWeights) {
  const ProcessResult text = ekgine({"convert", weights_, path("copy.safetensors")});
  expect_success(text);
  EXPECT_TRUE(read("copy.safetensors") == read("run/model.safetensors"));
  EXPECT_THAT(text.out, AllOf(HasSubstr("encoder.0.attention.query.weight  "),
                              HasSubstr(" trainable parameters\n")));
  const ProcessResult result = ekgine({"convert", weights_, path("copy.safetensors"), "--json"});
  expect_success(result);
  EXPECT_EQ(result.err, "");
  const Json summary = parse_json(result.out);
  EXPECT_EQ(summary.at("model").at("embed_dim"), 4);
  EXPECT_EQ(summary.at("arrays").at("classifier.weight"), Json::array({4, 5}));
  EXPECT_GT(summary.at("parameters").get<double>(), 20000);

  fs::remove(path("copy.safetensors"));
  expect_one_line(
      ekgine({"convert", weights_, path("copy.npz")}), 2,
      path("copy.npz") + ": expected a name that ends in .safetensors, .keras or .onnx");
  write_bytes(path("text.keras"), "this is not a zip file");
  expect_one_line(ekgine({"convert", path("text.keras"), path("copy.safetensors")}), 1,
                  path("text.keras") + ": ");
  expect_one_line(
      ekgine({"convert", weights_, path("none/copy.safetensors")}), 1,
      path("none/copy.safetensors") + ": the folder " + path("none") + " does not exist");
  EXPECT_FALSE(fs::exists(path("copy.safetensors")));
  write_bytes(path("copy.safetensors"), "old");
  expect_one_line(ekgine({"convert", weights_, path("copy.safetensors")},
                         {.directory = {}, .environment = {}, .file_size_limit = 4096}),
                  1, path("copy.safetensors") + ": cannot write: File too large");
  EXPECT_EQ(read("copy.safetensors"), "old");
  EXPECT_FALSE(fs::exists(path("copy.safetensors.partial")));
}

// To Keras and back nothing is lost, the normalisation's statistics included.
TEST_F(Evaluate, ConvertsToKerasAndBack) {
  expect_success(ekgine({"convert", weights_, path("copy.keras")}));
  const ProcessResult result =
      ekgine({"convert", path("copy.keras"), path("back.safetensors"), "--json"});
  expect_success(result);
  EXPECT_EQ(parse_json(result.out).at("output"), path("back.safetensors"));
  EXPECT_TRUE(read("back.safetensors") == read("run/model.safetensors"));
  expect_success(ekgine(evaluation(path("copy.keras")) + Arguments{"--records", "901"}));

  const std::string whole = read("copy.keras");
  expect_one_line(ekgine({"convert", weights_, path("copy.keras")},
                         {.directory = {}, .environment = {}, .file_size_limit = 4096}),
                  1, path("copy.keras") + ": cannot write: File too large");
  EXPECT_TRUE(read("copy.keras") == whole);
}

// What is in the file is tested in model/onnx_export_test and in interchange/onnx_runtime.py.
TEST_F(Evaluate, ConvertsToOnnx) {
  const std::string onnx = path("copy.onnx");
  const ProcessResult result = ekgine({"convert", weights_, onnx, "--json"});
  expect_success(result);
  EXPECT_EQ(parse_json(result.out).at("output"), onnx);
  const std::string whole = read("copy.onnx");
  // With the card of its run; without one, or beside the card of other weights, it says less.
  EXPECT_THAT(whole, HasSubstr(read("run/model_card.md")));
  expect_success(ekgine(training(path("other")) + Arguments{"--seed", "7"}));
  fs::rename(path("other/model.safetensors"), path("run/other.safetensors"));
  fs::create_directory(path("alone"));
  fs::copy_file(weights_, path("alone/model.safetensors"));
  for (const char* weights : {"run/other.safetensors", "alone/model.safetensors"}) {
    expect_success(ekgine({"convert", path(weights), onnx, "--quiet"}));
    EXPECT_THAT(read("copy.onnx"),
                AllOf(HasSubstr("Research software, not a medical device; not for diagnosis."),
                      Not(HasSubstr("# Model card"))))
        << weights;
  }

  write_bytes(onnx, whole);
  expect_one_line(ekgine({"convert", weights_, onnx},
                         {.directory = {}, .environment = {}, .file_size_limit = 4096}),
                  1, onnx + ": cannot write: File too large");
  EXPECT_TRUE(read("copy.onnx") == whole);
  EXPECT_FALSE(fs::exists(path("copy.onnx.partial")));
  expect_one_line(ekgine({"convert", onnx, path("back.safetensors")}), 2,
                  onnx + ": ONNX files are written, not read");
  expect_one_line(ekgine({"convert", path("none.safetensors"), onnx}), 1,
                  path("none.safetensors") + ": ");
  EXPECT_TRUE(read("copy.onnx") == whole);
}

// Keras' own files have no statistics: they get those that evaluation with --normalise-on takes.
TEST_F(Evaluate, ConvertNormalisesOnRecords) {
  const std::string keras = EKGINE_SOURCE_DIR "/tests/model/fixtures/Main_Model.keras";
  const Arguments normalised = {"--data", store_, "--normalise-on", "901,902"};
  expect_one_line(ekgine({"convert", keras, path("a.onnx")}), 1,
                  keras +
                      ": carries no normalisation statistics, which an ONNX file needs; name "
                      "the records it was trained on with --data and --normalise-on");
  expect_one_line(ekgine({"convert", keras, path("a.onnx"), "--normalise-on", "901"}), 2,
                  "--normalise-on requires --data");
  expect_one_line(ekgine({"convert", keras, path("a.onnx"), "--data", store_}), 2,
                  "--data requires --normalise-on");
  expect_one_line(
      ekgine({"convert", keras, path("a.onnx"), "--data", store_, "--normalise-on", "777"}), 1,
      "777");
  EXPECT_FALSE(fs::exists(path("a.onnx")));
  expect_success(ekgine(Arguments{"convert", keras, path("a.onnx"), "--quiet"} + normalised));
  EXPECT_THAT(read("a.onnx"), HasSubstr("normalisation.mean"));

  expect_success(
      ekgine(Arguments{"convert", keras, path("a.safetensors"), "--quiet"} + normalised));
  const ProcessResult own =
      ekgine(evaluation(path("a.safetensors")) + Arguments{"--records", "903", "--json"});
  expect_success(own);
  const ProcessResult given = ekgine(
      evaluation(keras) + Arguments{"--records", "903", "--json", "--normalise-on", "901,902"});
  expect_success(given);
  for (const char* key : {"loss", "confusion", "classes"}) {
    EXPECT_EQ(parse_json(own.out).at(key), parse_json(given.out).at(key)) << key;
  }
}

// ---- in parts

class EvaluateParts : public Evaluate {
 protected:
  Arguments making(const std::string& output, const Arguments& more) const {
    return Arguments{"evaluate",  "--weights", weights_,  "--records", "903,901,902",
                     "--threads", "1",         "--quiet", "--output",  path(output)} +
           more;
  }
  // But for the line that has the command.
  static std::string without_command(const std::string& report) {
    static const std::regex line("\n  Evaluated by[^\n]*(\n {5}[^\n]*)*");
    EXPECT_TRUE(std::regex_search(report, line)) << report;
    return std::regex_replace(report, line, "");
  }
  void expect_same(const std::string& made, const std::string& expected) const {
    expect_same_files(path(made), path(expected), {"report.txt"});
    EXPECT_EQ(without_command(read(made + "/report.txt")),
              without_command(read(expected + "/report.txt")));
  }
  const Arguments stored_ = {"--data", store_};
};

TEST_F(EvaluateParts, MakeTheWhole) {
  for (const Arguments& source : {stored_, stored_ + Arguments{"--normalise-on", "901,902"},
                                  Arguments{"--database", database_, "--invert", "--lead", "1"}}) {
    SCOPED_TRACE(::testing::PrintToString(source));
    const ProcessResult whole = ekgine(making("whole", source + Arguments{"--json"}));
    expect_success(whole);
    for (const char* status : {"done", "skipped"}) {
      std::vector<std::string> records;
      for (const Json& line : lines_of_parts(making("parts", source), 2)) {
        EXPECT_EQ(line.at("status"), status);
        records.push_back(line.at("record").text());
      }
      EXPECT_THAT(records, ::testing::UnorderedElementsAre("901", "902", "903"));
    }
    EXPECT_FALSE(fs::exists(path("parts")));
    const ProcessResult merged = ekgine(making("parts", source + Arguments{"--merge", "--json"}));
    expect_success(merged);
    expect_same("parts", "whole");
    EXPECT_FALSE(fs::exists(path("parts.parts")));
    auto said = parse_json(merged.out), expected = parse_json(whole.out);
    for (auto* json : {&said, &expected}) {
      for (const char* key : {"seconds", "beats_per_second", "output"}) json->erase(key);
    }
    EXPECT_EQ(said, expected);
    fs::remove_all(path("parts"));
  }
}

TEST_F(EvaluateParts, CountBeatsThatWereNotDetected) {
  const Arguments source = {"--database", database_, "--marks", "detected"};
  const ProcessResult whole = ekgine(making("whole", source + Arguments{"--json"}));
  expect_success(whole);
  EXPECT_GT(parse_json(whole.out).at("missed_beats").get<int>(), 0);
  expect_success(ekgine(making("parts", source + Arguments{"--shard", "1/1"})));
  const ProcessResult merged = ekgine(making("parts", source + Arguments{"--merge", "--json"}));
  expect_success(merged);
  expect_same("parts", "whole");
  for (const char* key : {"missed_beats", "extra_beats"}) {
    EXPECT_EQ(parse_json(merged.out).at(key), parse_json(whole.out).at(key)) << key;
  }
}

TEST_F(EvaluateParts, AreDoneOnceForTheSameWeightsFilesAndOptions) {
  const auto done_already = [&](const Arguments& more) {
    const ProcessResult result =
        ekgine(making("parts", stored_ + Arguments{"--shard", "1/1", "--json"} + more));
    expect_success(result);
    return parse_json(result.out).at("done_already").get<int>();
  };
  EXPECT_EQ(done_already({}), 0);
  EXPECT_EQ(done_already({}), 3);
  EXPECT_EQ(done_already({"--threads", "2"}), 3);
  for (const Arguments& other :
       {Arguments{"--precision", "bf16"}, Arguments{"--normalise-on", "901"},
        Arguments{"--normalise-on", "902"}}) {
    EXPECT_EQ(done_already(other), 0) << other[1];
    EXPECT_EQ(done_already(other), 3) << other[1];
  }
  EXPECT_EQ(done_already({}), 0);
  // Other weights of the same name.
  expect_success(ekgine(training(path("other")) + Arguments{"--seed", "5"}));
  fs::rename(path("run/model.safetensors"), path("before"));
  fs::copy(path("other/model.safetensors"), path("run/model.safetensors"));
  expect_one_line(ekgine(making("parts", stored_ + Arguments{"--merge"})), 1,
                  "parts.parts: 3 of 3 records are not done, or of other files or options: "
                  "903, 901, 902\n");
  EXPECT_EQ(done_already({}), 0);
  EXPECT_EQ(done_already({}), 3);
  // One record of the store is another.
  write_wfdb_record(database_, random_record("901", 22, "NAVF/N", 8));
  expect_success(ekgine({"preprocess", "--database", database_, "--output", store_, "--quiet"}));
  EXPECT_EQ(done_already({}), 2);
}

TEST_F(EvaluateParts, SayWhatIsMissingAndWhatIsWrong) {
  expect_success(ekgine(making("whole", stored_)));
  const Arguments merge = making("parts", stored_ + Arguments{"--merge"});
  const Arguments part = making("parts", stored_ + Arguments{"--shard"});
  expect_one_line(ekgine(merge), 1, "parts.parts: does not exist: no part was made of it");
  expect_success(ekgine(part + Arguments{"1/2"}));
  const std::string missing =
      "parts.parts: 1 of 3 records are not done, or of other files or options: ";
  expect_one_line(ekgine(merge), 1, missing + "901\n");
  expect_success(ekgine(part + Arguments{"2/2"}));
  // A part that is damaged is missing, and made anew; a note that is, is said to be.
  const std::string file = "parts.parts/902%predictions.h5", note = "parts.parts/902%part.json";
  const std::string whole = read(file);
  std::string damaged = whole;
  damaged[damaged.size() / 2] ^= 1;
  write_bytes(path(file), damaged);
  expect_one_line(ekgine(merge), 1, missing + "902\n");
  EXPECT_FALSE(fs::exists(path("parts")));
  expect_success(ekgine(part + Arguments{"1/1"}));
  EXPECT_TRUE(read(file) == whole);
  const std::string said = read(note);
  write_bytes(path(note), said.substr(0, said.size() / 2));
  expect_one_line(ekgine(merge), 1, note);
  const ProcessResult going = ekgine(part + Arguments{"1/1", "--keep-going", "--json"});
  expect_success(going);
  EXPECT_EQ(parse_json(going.out).at("failed"), Json::array({"902"}));
  write_bytes(path(note), said);
  expect_success(ekgine(merge));
  expect_same("parts", "whole");
}

TEST_F(EvaluateParts, SurviveKills) {
  expect_success(ekgine(making("whole", stored_)));
  for (const int seed : {1, 2, 3}) {
    SCOPED_TRACE(seed);
    expect_done_in_spite_of_kills(making("parts", stored_ + Arguments{"--shard", "1/1"}), seed);
    expect_success(ekgine(making("parts", stored_ + Arguments{"--merge"})));
    expect_same("parts", "whole");
    EXPECT_FALSE(fs::exists(path("parts.parts")));
    fs::remove_all(path("parts"));
  }
}

TEST_F(EvaluateParts, GoOnAfterARecordThatIsNone) {
  fs::resize_file(path("database/901.dat"), 100);
  const Arguments part =
      making("parts", {"--database", database_, "--shard", "1/1", "--json-lines"});
  EXPECT_EQ(ekgine(part).status, 1);
  const ProcessResult result = ekgine(part + Arguments{"--keep-going"});
  expect_success(result);
  EXPECT_THAT(result.err, AllOf(::testing::StartsWith("ekgine: "), HasSubstr("901.dat")));
  const std::vector<Json> lines = lines_of(result.out);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].at("status"), "skipped");
  EXPECT_EQ(lines[1].at("status"), "failed");
  EXPECT_THAT(lines[1].at("error").text(), HasSubstr("901.dat"));
  EXPECT_EQ(lines[2].at("status"), "done");
}

TEST_F(EvaluateParts, AreOneProcessesEach) {
  const Arguments part = making("parts", stored_ + Arguments{"--shard", "1/1"});
  const Arguments merge = making("parts", stored_ + Arguments{"--merge"});
  expect_merged_alone(part, merge, path("parts.parts"));
  {
    const AtomicFile other(path("parts.parts/901%part.json"));
    expect_one_line(ekgine(part), 1, "901%part.json: another process is at work there");
  }
  const Arguments bare = evaluation(weights_) + Arguments{"--records", "901"};
  for (const char* flag : {"--merge", "--shard=1/1"}) {
    expect_one_line(ekgine(bare + Arguments{flag}), 2, "requires --output");
    expect_one_line(ekgine(bare + Arguments{flag, "--output", "x", "--pseudo-records"}), 2,
                    "--pseudo-records");
    expect_one_line(ekgine(bare + Arguments{flag, "--output", "x", "--more-data", store_}), 2,
                    "--more-data");
  }
  expect_one_line(ekgine(merge + Arguments{"--shard", "1/1"}), 2, "--merge");
  expect_one_line(ekgine(merge + Arguments{"--keep-going"}), 2, "--keep-going requires --shard");
}

}  // namespace
}  // namespace ekgine::testing
