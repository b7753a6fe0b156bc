// The subcommands made of many runs: kfold, final, tune and pipeline.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <map>
#include <regex>
#include <thread>

#include "base/directory_lock.h"
#include "data/store.h"
#include "model/weights.h"
#include "tests/apps/program.h"
#include "tests/cases/random.h"

namespace ekgine::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

class Study : public SmallStore {
 protected:
  // Without gnuplot, whose pictures would take most of the time; tests/evaluation looks at them.
  const ProcessOptions no_plots_{.directory = {}, .environment = {{"PATH", ""}}};

  ProcessResult run(const Arguments& arguments) const { return ekgine(arguments, no_plots_); }

  // Runs of a fraction of a second.
  static Arguments tiny() {
    return {"--embed-dim",  "4",  "--num-heads", "1", "--ff-dim-multiplier", "1",
            "--batch-size", "16", "--epochs",    "2", "--kernel-size",       "3",
            "--threads",    "1",  "--quiet"};
  }
  Arguments kfold(const std::string& output) const {
    return Arguments{"kfold", "--data", store_,     "--train-records", "901,902,903",
                     "--k",   "3",      "--output", path(output)} +
           tiny();
  }
  Arguments final_run(const std::string& output) const {
    return Arguments{"final",          "--data", store_,     "--train-records", "901,902",
                     "--test-records", "903",    "--output", path(output)} +
           tiny();
  }
  Arguments tune(const std::string& output) {
    write_bytes(
        folder_ / "space.toml",
        "embed-dim = [2, 3, 4]\nlearning-rate = { min = 1e-4, max = 1e-2, scale = \"log\" }\n");
    return Arguments{"tune",
                     "--data",
                     store_,
                     "--train-records",
                     "901,902",
                     "--validation-records",
                     "903",
                     "--space",
                     path("space.toml"),
                     "--output",
                     path(output)} +
           tiny() + Arguments{"--epochs", "3"};
  }

  // Gives the command again and again, killing it at random moments, until it has ended by itself.
  void run_with_kills(const Arguments& arguments, std::uint64_t seed, int longest_ms) const {
    Random random(seed);
    int killed = 0;
    for (int attempt = 0; attempt < 6; ++attempt) {
      Process process(EKGINE_PROGRAM, arguments, no_plots_);
      std::this_thread::sleep_for(std::chrono::milliseconds(random.integer(30, longest_ms)));
      process.send(SIGKILL);
      const ProcessResult result = process.wait();
      EXPECT_TRUE(result.signal == SIGKILL || result.status == 0) << result.err;
      killed += result.signal == SIGKILL;
    }
    EXPECT_GT(killed, 0);
    expect_success(run(arguments));
  }

  // Refused before work starts: one line, and no folder.
  void refuses(const Arguments& arguments, const std::string& text, int status = 1) const {
    SCOPED_TRACE(text);
    expect_one_line(run(arguments), status, text);
    EXPECT_FALSE(fs::exists(path("new")));
  }
};

// ---- kfold

class KFold : public Study {};

TEST_F(KFold, WritesFoldsTheirSpreadAndTheBestModel) {
  const ProcessResult result = ekgine(kfold("k") + Arguments{"--json"});
  expect_success(result);
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(content_of(path("k")),
              AllOf(IsSupersetOf({"fold-1", "fold-1/result.json", "fold-2/model.safetensors",
                                  "fold-3/history.jsonl", "fold-3/predictions.h5", "metrics.json",
                                  "model.safetensors", "report.txt", "study.json"}),
                    Each(Not(HasSubstr(".partial")))));
  const Json metrics = parse_json(read("k/metrics.json"));
  Json printed = parse_json(result.out);
  EXPECT_EQ(printed.at("run"), path("k"));
  EXPECT_TRUE(printed.at("missing_folds").empty());
  EXPECT_EQ(printed.at("summary"), metrics.at("summary"));

  // KFold(3, shuffle=True, random_state=42) deals 0, 1 and 2 so.
  std::vector<std::string> validated;
  double sum = 0, squares = 0;
  std::int64_t sequences = 0;
  for (const Json& fold : metrics.at("folds")) {
    validated.push_back(fold.at("validation_records").at(0).text());
    sum += fold.at("metrics").at("accuracy").get<double>();
    sequences += fold.at("metrics").at("sequences").get<std::int64_t>();
  }
  EXPECT_THAT(validated, ::testing::ElementsAre("901", "902", "903"));
  for (const Json& fold : metrics.at("folds")) {
    squares += std::pow(fold.at("metrics").at("accuracy").get<double>() - sum / 3, 2);
  }
  const Json& accuracy = metrics.at("summary").at("accuracy");
  EXPECT_NEAR(accuracy.at("mean").get<double>(), sum / 3, 1e-12);
  EXPECT_NEAR(accuracy.at("sd").get<double>(), std::sqrt(squares / 2), 1e-12);
  EXPECT_EQ(accuracy.at("folds"), 3);
  std::int64_t confused = 0;
  for (const Json& row : metrics.at("confusion")) {
    for (const Json& count : row) confused += count.get<std::int64_t>();
  }
  EXPECT_EQ(confused, sequences);
  for (const char* name : {"model.safetensors", "model_card.md"}) {
    EXPECT_EQ(read(std::string("k/") + name),
              read("k/fold-" + metrics.at("best_fold").dump() + "/" + name));
  }
  EXPECT_THAT(read("k/report.txt"), AllOf(HasSubstr("3-fold cross-validation of Main_Model"),
                                          HasSubstr("\nmean "), HasSubstr("\nsd ")));
}

TEST_F(KFold, FoldsByThemselvesAndKilledOnesGiveTheSame) {
  expect_success(run(kfold("whole")));
  ProcessResult part = run(kfold("parts") + Arguments{"--folds", "3,1", "--json"});
  expect_success(part);
  EXPECT_EQ(parse_json(part.out).at("missing_folds"), parse_json("[2]"));
  EXPECT_FALSE(fs::exists(path("parts/metrics.json")));
  expect_success(run(kfold("parts") + Arguments{"--folds", "2"}));
  EXPECT_EQ(read("whole/metrics.json"), read("parts/metrics.json"));
  EXPECT_EQ(weights_of("whole"), weights_of("parts"));

  run_with_kills(kfold("killed"), 11, 700);
  EXPECT_EQ(read("whole/metrics.json"), read("killed/metrics.json"));
  EXPECT_EQ(read("whole/model.safetensors"), read("killed/model.safetensors"));
}

TEST_F(KFold, TwoProcessesShareTheFolds) {
  Process one(EKGINE_PROGRAM, kfold("k"), no_plots_), two(EKGINE_PROGRAM, kfold("k"), no_plots_);
  const ProcessResult a = one.wait(), b = two.wait();
  expect_success(a);
  expect_success(b);
  EXPECT_EQ(a.out, b.out);
  expect_success(run(kfold("alone")));
  EXPECT_EQ(read("k/metrics.json"), read("alone/metrics.json"));
}

TEST_F(KFold, RefusesBeforeAnyWork) {
  const Arguments good = kfold("new");
  refuses(good + Arguments{"--k", "4"}, "3 records cannot make 4 folds: each needs one");
  refuses(good + Arguments{"--k", "1"}, "the number of folds must be 2 or more, got 1");
  refuses(good + Arguments{"--folds", "2,4"}, "there is no fold 4; they are 1 to 3 (--folds)");
  refuses(good + Arguments{"--folds", "0"}, "there is no fold 0; they are 1 to 3 (--folds)");
  refuses(good + Arguments{"--folds", "two"},
          "--folds: expected numbers of folds such as 2,3, got 'two'", 2);
  refuses(good + Arguments{"--train-records", "901,902,999"},
          store_ + ": record 999 is not in the store");
  refuses(good + Arguments{"--sequence-length", "15"},
          "record 903 has 14 beats, too few for sequences of 15");
  refuses(good + Arguments{"--batch-size", "0"},
          "batch size must be 1 to 65536, got 0 (--batch-size)", 2);

  // F and Q occur in one record alone: the fold that it validates cannot learn them.
  write_wfdb_record(database_, random_record("901", 22, "NAV", 1));
  write_wfdb_record(database_, random_record("902", 18, "NNVA", 2));
  expect_success(ekgine({"preprocess", "--database", database_, "--output", store_, "--quiet"}));
  refuses(good,
          "fold 3: classes F, Q have no sequence in its training records; stratify the folds, or "
          "allow that classes are absent (--stratify, --allow-absent-classes)");
  expect_success(run(good + Arguments{"--allow-absent-classes", "--epochs", "1"}));
  // What a fold lacks is left out of the mean, and the number of folds says so.
  const Json summary = parse_json(read("new/metrics.json")).at("summary");
  EXPECT_EQ(summary.at("classes").at("F").at("auc").at("folds"), 1);
  EXPECT_TRUE(summary.at("classes").at("F").at("auc").at("sd").is_null());
}

TEST_F(KFold, KeepsTheOptionsItWasStartedWith) {
  expect_success(run(kfold("k") + Arguments{"--folds", "1", "--epochs", "1"}));
  expect_one_line(run(kfold("k")), 1,
                  path("k") +
                      ": was started with epochs 1, not 2; give the same options or choose another "
                      "folder (--output)");
  expect_one_line(run(kfold("k") + Arguments{"--epochs", "1", "--fold-seed", "7"}), 1,
                  path("k") + ": was started with fold-seed 42, not 7;");
  expect_one_line(
      run(final_run("k") + Arguments{"--epochs", "1"}), 1,
      path("k") + ": holds a study, not a training run; choose another folder (--output)");
  expect_one_line(
      run(tune("k")), 1,
      path("k") + ": holds a kfold study, not a tune study; choose another folder (--output)");
  expect_success(run(training(path("run"))));
  expect_one_line(
      run(kfold("run")), 1,
      path("run") + ": holds a training run, not a kfold study; choose another folder (--output)");
  write_bytes(folder_ / "k/study.json", "{");
  expect_one_line(run(kfold("k") + Arguments{"--epochs", "1"}), 1,
                  path("k/study.json") + ": not JSON: it ends too early, after 1 bytes");
}

// ---- final, and one process at a time

class Final : public Study {};

TEST_F(Final, TrainsOnAllAndTestsOnce) {
  write_bytes(
      folder_ / "split.json",
      R"({"train_records": ["901"], "validation_records": ["902"], "test_records": ["903"]})");
  Arguments arguments = Arguments{"final",  "--data",   store_,   "--splits", path("split.json"),
                                  "--json", "--output", path("f")} +
                        tiny();
  const ProcessResult result = run(arguments);
  expect_success(result);
  // The same as training by hand, validation records included.
  expect_success(run(Arguments{"train", "--data", store_, "--train-records", "901,902",
                               "--test-records", "903", "--output", path("t")} +
                     tiny()));
  EXPECT_EQ(weights_of("f"), weights_of("t"));
  EXPECT_EQ(read("f/metrics.json"), read("t/metrics.json"));
  EXPECT_EQ(options_of("f/config.toml").substr(0, 20), options_of("t/config.toml").substr(0, 20));
  EXPECT_EQ(parse_json(result.out).at("confusion"),
            parse_json(read("t/metrics.json")).at("confusion"));

  // Complete: shown again, not tested again.
  fs::remove(path("f/predictions.h5"));
  const ProcessResult again = run(arguments);
  expect_success(again);
  EXPECT_EQ(again.out, result.out);
  EXPECT_FALSE(fs::exists(path("f/predictions.h5")));
}

TEST_F(Final, KilledItGivesTheSame) {
  expect_success(run(final_run("whole")));
  run_with_kills(final_run("killed"), 5, 250);
  EXPECT_EQ(read("whole/model.safetensors"), read("killed/model.safetensors"));
  EXPECT_EQ(read("whole/metrics.json"), read("killed/metrics.json"));
}

TEST_F(Final, RefusesBeforeAnyWork) {
  Arguments none = final_run("new");
  none.erase(none.begin() + 5, none.begin() + 7);
  refuses(none, "no test records: give --test-records, or --splits with a file that names some", 2);
  refuses(final_run("new") + Arguments{"--test-records", "902,903"},
          "records: record 902 is among both the training and the test records");
  refuses(final_run("new") + Arguments{"--splits", path("none.json")},
          "--splits: names the records already; leave out the options that name some", 2);
}

TEST_F(Final, ASecondProcessSaysSoAndStops) {
  fs::create_directory(path("f"));
  const DirectoryLock lock(path("f"));
  expect_one_line(run(final_run("f")), 1, path("f") + ": another process is at work there");
  EXPECT_THAT(content_of(path("f")), ::testing::ElementsAre(lock_file_name));
  expect_success(run(training(path("run"))));
  const DirectoryLock other(path("run"));
  expect_one_line(run({"train", "--resume", path("run")}), 1,
                  path("run") + ": another process is at work there");
  // A fold that someone else is at work on.
  fs::create_directories(path("k/fold-2"));
  const DirectoryLock fold(path("k/fold-2"));
  expect_one_line(run(kfold("k") + Arguments{"--folds", "2"}), 1,
                  path("k/fold-2") + ": another process is at work there");
}

// ---- tune

class Tune : public Study {};

TEST_F(Tune, SearchesAndItsBestGoesOn) {
  Arguments loud = tune("t");
  loud.erase(std::find(loud.begin(), loud.end(), "--quiet"));
  const ProcessResult result = run(loud + Arguments{"--json"});
  expect_success(result);
  EXPECT_THAT(result.err, HasSubstr(" trial  bracket  round  epochs     score  values\n"));
  const Json found = parse_json(read("t/trials.json"));
  // Brackets of 3 epochs and factor 3: three trials of one epoch and the best of them of three;
  // two trials of three epochs.
  ASSERT_EQ(found.at("trials").size(), 6u);
  std::map<std::string, int> rounds;
  std::map<int, Json> values;
  double best = -1, last = 2;
  for (const Json& r : found.at("trials")) {
    ++rounds[r.at("bracket").dump() + r.at("round").dump() + r.at("epochs").dump()];
    const auto score = r.at("score").get<double>();
    EXPECT_LE(score, last);
    last = score;
    best = std::max(best, score);
    const auto trial = r.at("trial").get<int>();
    if (!values.try_emplace(trial, r.at("values")).second) {
      EXPECT_EQ(values.at(trial), r.at("values"));
    }
    EXPECT_THAT(result.err, HasSubstr(r.at("values").at("learning-rate").dump()));
  }
  EXPECT_EQ(rounds, (std::map<std::string, int>{{"111", 3}, {"123", 1}, {"213", 2}}));
  EXPECT_EQ(values.size(), 5u);
  EXPECT_EQ(found.at("best").at("score"), best);

  // Promoted is the best of its round; its run went on from the first epoch.
  double first_best = -1;
  int promoted = 0;
  for (int trial = 1; trial <= 3; ++trial) {
    const fs::path folder = folder_ / fmt::format("t/trial-{:03}", trial);
    first_best = std::max(first_best,
                          parse_json(read_file(folder / "round-1.json")).at("score").get<double>());
    if (fs::exists(folder / "round-2.json")) promoted = trial;
  }
  EXPECT_EQ(parse_json(read(fmt::format("t/trial-{:03}/round-1.json", promoted))).at("score"),
            first_best);
  // A run of three epochs from the start has the same weights: promotion changes nothing.
  const Json v = values.at(promoted);
  expect_success(
      run(Arguments{"train", "--data", store_, "--train-records", "901,902", "--validation-records",
                    "903", "--monitor", "accuracy", "--output", path("straight")} +
          tiny() +
          Arguments{"--epochs", "3", "--embed-dim", v.at("embed-dim").dump(), "--learning-rate",
                    v.at("learning-rate").dump()}));
  EXPECT_EQ(weights_of("straight"), weights_of(fmt::format("t/trial-{:03}", promoted)));

  // best.toml is taken by what follows.
  const std::string config = path("t/best.toml");
  const std::string width =
      "embed-dim = " + found.at("best").at("values").at("embed-dim").dump() + "\n";
  expect_success(run({"train", "--config", config, "--data", store_, "--train-records", "901,902",
                      "--epochs", "1", "--threads", "1", "--quiet", "--output", path("run")}));
  EXPECT_THAT(read("run/config.toml"), HasSubstr(width));
  expect_success(run({"kfold", "--config", config, "--data", store_, "--train-records",
                      "901,902,903", "--k", "3", "--folds", "2", "--epochs", "1", "--threads", "1",
                      "--quiet", "--output", path("k")}));
  EXPECT_THAT(read("k/fold-2/config.toml"), HasSubstr(width));
  expect_success(run({"final", "--config", config, "--data", store_, "--train-records", "901,902",
                      "--test-records", "903", "--epochs", "1", "--threads", "1", "--quiet",
                      "--output", path("f")}));
  EXPECT_THAT(read("f/config.toml"), HasSubstr(width));
}

TEST_F(Tune, KilledOrSharedItFindsTheSame) {
  expect_success(run(tune("whole")));
  run_with_kills(tune("killed"), 3, 800);
  EXPECT_EQ(read("whole/trials.json"), read("killed/trials.json"));
  EXPECT_EQ(read("whole/best.toml"), read("killed/best.toml"));
  {
    Process one(EKGINE_PROGRAM, tune("shared"), no_plots_);
    Process two(EKGINE_PROGRAM, tune("shared"), no_plots_);
    expect_success(one.wait());
    expect_success(two.wait());
  }
  EXPECT_EQ(read("whole/trials.json"), read("shared/trials.json"));
  // Other draws by another seed.
  expect_success(run(tune("other") + Arguments{"--seed", "7", "--objective", "macro_f1"}));
  EXPECT_NE(parse_json(read("other/trials.json")).at("best").at("values"),
            parse_json(read("whole/trials.json")).at("best").at("values"));
}

// Two configurations where the first bracket wants three; the second has none left.
TEST_F(Tune, ASmallSpaceRunsOut) {
  const Arguments arguments = tune("t");
  write_bytes(folder_ / "space.toml", "embed-dim = [2, 3]\n");
  expect_success(run(arguments));
  EXPECT_EQ(parse_json(read("t/trials.json")).at("trials").size(), 3u);
}

TEST_F(Tune, RefusesBeforeAnyWork) {
  const auto with_space = [this](const std::string& text, const Arguments& more = {}) {
    Arguments arguments = tune("new") + more;
    write_bytes(folder_ / "space.toml", text);
    return arguments;
  };
  const std::string file = path("space.toml");
  refuses(with_space("embed-dims = [1]"),
          file + ":1: 'embed-dims': is no option of training that can be searched");
  refuses(with_space("dropout = { min = 0.5, max = 0.1 }"),
          file + ":1: 'dropout': the range is empty: min 0.5 is above max 0.1");
  refuses(with_space("embed-dim = []"), file + ":1: 'embed-dim': the list of choices is empty");
  refuses(with_space("kernel-size = [4]"),
          "the search space holds {\"kernel-size\":4}: kernel size must be odd, got 4");
  refuses(tune("new") + Arguments{"--space", path("none.toml")}, path("none.toml"));
  refuses(tune("new") + Arguments{"--objective", "auc"}, "--objective", 2);
  refuses(tune("new") + Arguments{"--validation-records", "902"},
          "records: record 902 is among both the training and the validation records");
}

// ---- pipeline

class Pipeline : public Study {
 protected:
  Pipeline() {
    for (int r = 4; r <= 6; ++r) {
      write_wfdb_record(database_, random_record(fmt::format("90{}", r), 12, "NAVF/", r));
    }
    fs::create_directory(folder_ / "spaces");
    for (const char* model : {"Main_Model", "Baseline_Model"}) {
      write_bytes(folder_ / fmt::format("spaces/{}.toml", model), "embed-dim = [2, 3, 4, 5, 6]\n");
    }
  }
  Arguments pipeline(const std::string& output) const {
    return Arguments{"pipeline",
                     "--database",
                     database_,
                     "--train-records",
                     "901,902,904,905,906",
                     "--test-records",
                     "903",
                     "--models",
                     "Main_Model,Baseline_Model",
                     "--spaces",
                     path("spaces"),
                     "--tune-epochs",
                     "2",
                     "--k",
                     "2",
                     "--output",
                     path(output)} +
           tiny() + Arguments{"--epochs", "1"};
  }
  // What must not depend on how often the pipeline was killed.
  Json summary_of(const std::string& output) const {
    Json summary = parse_json(read(output + "/pipeline.json"));
    summary.erase("sha256");  // of the seconds, too
    for (auto& [name, model] : summary.at("models").items()) model.at("final").erase("seconds");
    return summary;
  }
};

TEST_F(Pipeline, FromRecordsToAPage) {
  const ProcessResult result = run(pipeline("p") + Arguments{"--json"});
  expect_success(result);
  const Json summary = parse_json(result.out);
  for (const char* model : {"Main_Model", "Baseline_Model"}) {
    const Json& of = summary.at("models").at(model);
    EXPECT_EQ(of.at("final").at("metrics").at("sequences"), 12);
    EXPECT_EQ(of.at("kfold").at("folds").size(), 2u);
    // What the search found is what the others trained with.
    const std::string width =
        "embed-dim = " + of.at("tune").at("values").at("embed-dim").dump() + "\n";
    EXPECT_THAT(read(std::string("p/") + model + "/kfold/fold-1/config.toml"), HasSubstr(width));
    EXPECT_THAT(read(std::string("p/") + model + "/final/config.toml"), HasSubstr(width));
  }
  // The search never saw the test record.
  EXPECT_THAT(read("p/Main_Model/tune/study.json"), Not(HasSubstr("\"903\"")));
  const std::string page = read("p/index.html");
  EXPECT_THAT(page, AllOf(HasSubstr("Main_Model"), HasSubstr("Baseline_Model"), HasSubstr("ROC"),
                          HasSubstr("data:image/png;base64,")));
  EXPECT_THAT(page, AllOf(Not(HasSubstr("<script")), Not(HasSubstr("http")),
                          Not(HasSubstr("@import")), Not(HasSubstr("url("))));
}

TEST_F(Pipeline, KilledItGivesTheSame) {
  expect_success(run(pipeline("whole")));
  run_with_kills(pipeline("killed"), 17, 1200);
  EXPECT_EQ(summary_of("whole"), summary_of("killed"));
  EXPECT_EQ(read("whole/Main_Model/final/model.safetensors"),
            read("killed/Main_Model/final/model.safetensors"));
  const auto page_of = [this](const std::string& output) {
    return std::regex_replace(read(output + "/index.html"), std::regex("<td>[0-9]+ s</td></tr>"),
                              "<td>time</td></tr>");
  };
  EXPECT_TRUE(page_of("whole") == page_of("killed"));
}

// The store that it makes is the one that `preprocess` makes, and another command is none that goes
// on with it.
TEST_F(Pipeline, ReadsTheLeadThatIsAskedFor) {
  const Arguments small =
      pipeline("p") +
      Arguments{"--models", "Baseline_Model", "--tune-epochs", "0", "--k", "0", "--lead", "lead1"};
  expect_success(run(small + Arguments{"--invert"}));
  expect_success(run({"preprocess", "--database", database_, "--output", path("by_hand"), "--lead",
                      "1", "--invert"}));
  const Store store(path("p/store"));
  EXPECT_TRUE(store.info().inverted);
  const RecordBeats record = store.read("901");
  EXPECT_EQ(record.lead, "LEAD1");
  EXPECT_EQ(record.beats, Store(path("by_hand")).read("901").beats);
  refuses(small, "was started with invert true, not false");
  refuses(small + Arguments{"--invert", "--lead", "0"},
          "was started with lead \"lead1\", not \"0\"");
}

// An ablation: one architecture, by what it takes.
TEST_F(Pipeline, ComparesVariantsOfAnArchitecture) {
  const std::string rhythm = "Rhythm_Model:features=rhythm", shape = "Rhythm_Model:features=shape";
  const Arguments ablation =
      pipeline("p") + Arguments{"--models",          rhythm + "," + shape + ",Rhythm_Model",
                                "--tune-epochs",     "0",
                                "--sequence-length", "4"};
  const ProcessResult result = run(ablation);
  expect_success(result);
  const Json summary = parse_json(read("p/pipeline.json"));
  const std::string page = read("p/index.html");
  for (const auto& [model, taken] : {std::pair(rhythm, FeatureSet::rhythm),
                                     {shape, FeatureSet::shape},
                                     {std::string("Rhythm_Model"), FeatureSet::rhythm_shape}}) {
    SCOPED_TRACE(model);
    EXPECT_EQ(summary.at("models").at(model).at("final").at("metrics").at("sequences"), 14);
    EXPECT_EQ(summary.at("models").at(model).at("kfold").at("folds").size(), 2U);
    for (const char* run : {"/final", "/kfold/fold-1"}) {
      EXPECT_EQ(load_model_weights(path("p/" + model + run + "/model.safetensors")).config.features,
                taken);
    }
    EXPECT_THAT(result.out, HasSubstr(model + "  "));
    EXPECT_THAT(page, HasSubstr("<h3>" + model + "</h3>"));
  }
  EXPECT_THAT(page, HasSubstr("beats, each with its class"));
  refuses(
      pipeline("p") + Arguments{"--models", rhythm, "--tune-epochs", "0", "--sequence-length", "4"},
      "was started with models");
}

TEST_F(Pipeline, RefusesBeforeAnyWork) {
  const Arguments good = pipeline("new");
  refuses(good + Arguments{"--lead", "V9"}, "has no lead V9 (has 0 LEAD0, 1 LEAD1) (--lead)");
  refuses({"pipeline", "--data", store_, "--marks", "detected"}, "--marks requires --database", 2);
  refuses(good + Arguments{"--data", store_},
          "give either --database, a folder of WFDB records, or --data, a store", 2);
  refuses(good + Arguments{"--models", "Main_Model,Other"}, "model 'Other' is unknown");
  refuses(good + Arguments{"--models", "Main_Model,Main_Model:features=shape"},
          "'features' is no option that a Main_Model can have for itself");
  refuses(good + Arguments{"--models", "Main_Model:embed-dim=2"},
          path("spaces/Main_Model.toml") +
              ": varies embed-dim, which is fixed in the model "
              "Main_Model:embed-dim=2 (--spaces)");
  refuses(good + Arguments{"--models", "Main_Model,Main_Model"},
          "models: Main_Model is named twice (--models)");
  refuses(good + Arguments{"--k", "9"}, "5 records cannot make 9 folds: each needs one");
  refuses(good + Arguments{"--test-records", "905"},
          "records: record 905 is among both the training and the test records");
  refuses(good + Arguments{"--spaces", path("nowhere")}, path("nowhere/Main_Model.toml"));
  write_bytes(folder_ / "spaces/Baseline_Model.toml", "embed = [1]\n");
  refuses(good, path("spaces/Baseline_Model.toml") + ":1: 'embed': is no option of training");
  refuses(good + Arguments{"--database", path("nodb"), "--tune-epochs", "0"}, path("nodb"));
}

}  // namespace
}  // namespace ekgine::testing
