#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <map>
#include <regex>
#include <sstream>
#include <thread>

#include "base/hdf5.h"
#include "base/json_file.h"
#include "base/sha256.h"
#include "data/splits.h"
#include "data/store.h"
#include "kernels/runtime/cpu.h"
#include "model/safetensors.h"
#include "tests/apps/program.h"
#include "tests/cases/random.h"
#include "tests/support/event_reader.h"
#include "tests/support/store_seal.h"

namespace ekgine::testing {
namespace {

namespace fs = std::filesystem;
using std::chrono::duration;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::StartsWith;

class Train : public SmallStore {
 protected:
  // The arrays of a run's checkpoint and what else decides how it goes on, as one text. Seconds are
  // left out: they differ from run to run.
  std::string checkpoint_of(const std::string& run) const {
    const WeightsFile file = read_safetensors(folder_ / (run + "/checkpoint.safetensors"));
    Json state = parse_json(file.metadata.at("state"));
    for (Json& epoch : state.at("history")) epoch.erase("seconds");
    std::string text = file.metadata.at("options") + state.dump();
    for (const auto& [name, array] : file.arrays) {
      text += name + shape_text(array.shape);
      text.append(reinterpret_cast<const char*>(array.values.data()),
                  array.values.size() * sizeof(float));
    }
    return text;
  }

  void expect_same_run(const std::string& a, const std::string& b) const {
    EXPECT_TRUE(weights_of(a) == weights_of(b)) << "weights of " << a << " and " << b;
    EXPECT_TRUE(checkpoint_of(a) == checkpoint_of(b)) << "checkpoints of " << a << " and " << b;
    EXPECT_EQ(read(a + "/metrics.json"), read(b + "/metrics.json"));
  }

  // Refused before work starts: one line, and no run directory.
  void refuses(const Arguments& arguments, const std::string& text, int status = 1) const {
    SCOPED_TRACE(text);
    expect_one_line(ekgine(training(path("new")) + arguments), status, text);
    EXPECT_FALSE(fs::exists(path("new")));
  }
};

TEST_F(Train, WritesARunDirectory) {
  const ProcessResult result =
      ekgine(training(path("run")) + Arguments{"--epochs", "2", "--test-records", "903", "--json"});
  expect_success(result);
  EXPECT_EQ(result.err, "");
  const Json summary = parse_json(result.out);
  for (const char* key : {"accuracy", "loss", "macro_f1", "weighted_f1", "sequences", "classes",
                          "confusion", "sequences_per_second", "seconds", "peak_rss_mb", "epochs",
                          "best_epoch", "run", "evaluated"}) {
    EXPECT_TRUE(summary.contains(key)) << key;
  }
  EXPECT_EQ(summary.at("run"), path("run"));
  EXPECT_EQ(summary.at("epochs"), 2);
  EXPECT_EQ(summary.at("best_epoch"), 2);  // the last one, without validation
  EXPECT_EQ(summary.at("evaluated"), "test");
  EXPECT_EQ(summary.at("sequences"), 12);
  EXPECT_GT(summary.at("sequences_per_second").get<double>(), 0);
  EXPECT_EQ(summary.at("classes").at("N").at("support").get<int>() +
                summary.at("classes").at("S").at("support").get<int>() +
                summary.at("classes").at("V").at("support").get<int>() +
                summary.at("classes").at("F").at("support").get<int>() +
                summary.at("classes").at("Q").at("support").get<int>(),
            12);

  EXPECT_THAT(content_of(path("run")),
              AllOf(IsSupersetOf({"checkpoint.json", "checkpoint.safetensors", "config.toml",
                                  "history.jsonl", "metrics.json", "model.safetensors",
                                  "model_card.md", "predictions.h5", "report.txt", "splits.json"}),
                    Each(Not(HasSubstr(".partial")))));
  EXPECT_EQ(parse_json(read("run/metrics.json")).at("accuracy"), summary.at("accuracy"));
  Json split = parse_json(read("run/splits.json"));
  split.erase("sha256");
  EXPECT_EQ(split, parse_json(R"({"train_records": ["901", "902"], "validation_records": [],
                            "test_records": ["903"]})"));
  std::istringstream lines(read("run/history.jsonl"));
  std::vector<Json> history;
  for (std::string line; std::getline(lines, line);) history.push_back(parse_json(line));
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[1].at("epoch"), 2);
  EXPECT_LT(history[1].at("learning_rate").get<double>(),
            history[0].at("learning_rate").get<double>());  // cosine
  const hdf5::File predictions = hdf5::File::open(folder_ / "run/predictions.h5");
  EXPECT_THAT(predictions.members("/"), ElementsAre("903"));
  EXPECT_EQ(predictions.shape("903/probabilities"), (std::vector<std::int64_t>{12, 5}));
}

TEST_F(Train, SaysWhatItDoes) {
  ProcessResult result = ekgine({"train", "--data", store_, "--train-records", "901,902",
                                 "--validation-records", "903", "--embed-dim", "4", "--num-heads",
                                 "1", "--epochs", "1", "--output", path("run")});
  expect_success(result);
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("parameters; 36 training sequences ("), HasSubstr("epoch 1/1 ["),
                    HasSubstr("] 36/36 "), HasSubstr(" sequences/s "), HasSubstr("validation [")));
  EXPECT_THAT(result.out, AllOf(HasSubstr("validation records: accuracy "),
                                HasSubstr("\n" + path("run") + "\n")));
  // Without anything held out there is nothing to report.
  result = ekgine(training(path("alone")) + Arguments{"--json"});
  expect_success(result);
  EXPECT_FALSE(parse_json(result.out).contains("accuracy"));
  EXPECT_FALSE(fs::exists(path("alone/report.txt")));
}

// A run goes on under the command that started it.
TEST_F(Train, TellsWhatMadeIt) {
  const std::string command = "ekgine train --data " + store_ + " --train-records 901,902 ";
  expect_success(ekgine(training(path("run")) + Arguments{"--test-records", "903"}));
  expect_success(ekgine({"train", "--resume", path("run"), "--quiet"}));
  const Json made = parse_json(read_safetensors(path("run/model.safetensors")).metadata.at("made"));
  EXPECT_THAT(made.at("tool").get<std::string>(), StartsWith("ekgine 0."));
  EXPECT_THAT(made.at("device").get<std::string>(), EndsWith(", 1 thread"));
  EXPECT_THAT(
      made.at("command").get<std::string>(),
      AllOf(StartsWith(command), EndsWith(" --test-records 903"), Not(HasSubstr(path("run")))));
  EXPECT_THAT(read("run/config.toml"), AllOf(StartsWith("# sha256 "), HasSubstr("\n# " + command)));
  EXPECT_THAT(read("run/report.txt"), AllOf(HasSubstr("Trained by"), HasSubstr("ekgine 0.")));
  EXPECT_THAT(read("run/report.txt"), Not(HasSubstr("--resume")));
  const ProcessResult result = ekgine({"evaluate", "--weights", path("run/model.safetensors"),
                                       "--data", store_, "--records", "903"});
  EXPECT_THAT(std::regex_replace(result.out, std::regex("\\s+"), " "),
              AllOf(HasSubstr(" Trained by ekgine 0."), HasSubstr(" Evaluated by ekgine 0."),
                    HasSubstr(": ekgine evaluate --weights ")));
}

// Of what is known, and of nothing else.
TEST_F(Train, WritesAModelCard) {
  const ProcessResult result =
      ekgine(training(path("run")) +
             Arguments{"--test-records", "903", "--learning-rate", "0.0123", "--json"});
  expect_success(result);
  const Json figures = parse_json(result.out);
  const std::string card = read("run/model_card.md");
  const std::string sha256 = sha256_of_file(path("run/model.safetensors"));
  for (const std::string& text :
       {std::string("# Model card: Main_Model\n"),
        std::string("**Research software, not a medical device; not for diagnosis.**"),
        "| weights | `model.safetensors`, SHA-256 `" + sha256 + "` |",
        std::string("| epoch | 1; 1 of at most 1 are done |"), std::string("| embed_dim | 4 |"),
        std::string("| amplitude | deviation: less the beat's median, "),
        "    ekgine train --data " + store_ + " --train-records 901,902 ",
        std::string("label map `reference`"),
        std::string("| F | fusion of ventricular and normal | F  |"),
        std::string("| training | 2 | 40 |"), std::string("| 901, 902 |"),
        std::string("| validation | 0 | 0 | 0 | 0 | 0 | 0 | 0 | none |"),
        std::string("| learning-rate | 0.0123 |"),
        fmt::format(
            "On 12 sequences of the test records, which the training has not seen: accuracy "
            "{:.4f}, macro F1 {:.4f}",
            figures.at("accuracy").get<double>(), figures.at("macro_f1").get<double>()),
        fmt::format("| Q | {:.4f} | {:.4f} |",
                    figures.at("classes").at("Q").at("precision").get<double>(),
                    figures.at("classes").at("Q").at("recall").get<double>()),
        std::string("- Fewer than 30 sequences behind the figures: N, S, V, F, Q."),
        std::string("Open Data Commons Attribution License 1.0"),
        std::string("Moody GB, Mark RG. The impact of the MIT-BIH Arrhythmia Database.")}) {
    EXPECT_THAT(card, HasSubstr(text));
  }
  expect_success(ekgine({"train", "--resume", path("run"), "--quiet"}));
  EXPECT_EQ(read("run/model_card.md"), card);
}

TEST_F(Train, ModelCardsAreHonestWithoutATest) {
  expect_success(ekgine(training(path("alone")) + Arguments{"--amplitude", "mV"}));
  EXPECT_THAT(read("alone/model_card.md"),
              AllOf(HasSubstr("\nNone: the run had neither test nor validation records."),
                    HasSubstr("| amplitude | mV: millivolts, as recorded |"),
                    Not(HasSubstr("accuracy")), Not(HasSubstr("pacemaker"))));
  expect_success(ekgine(training(path("chosen")) + Arguments{"--validation-records", "903"}));
  EXPECT_THAT(read("chosen/model_card.md"),
              HasSubstr("of the validation records, which chose the epoch, so that figures on "
                        "records never used are likely lower: accuracy "));
  // The evaluation fails: the weights are there, their figures are not.
  fs::create_directories(path("broken/predictions.h5"));
  expect_one_line(ekgine(training(path("broken")) + Arguments{"--test-records", "903"}), 1,
                  "predictions.h5");
  EXPECT_THAT(read("broken/model_card.md"),
              AllOf(HasSubstr("\nNone yet: these weights have not been evaluated on the test "
                              "records.\n"),
                    HasSubstr(sha256_of_file(path("broken/model.safetensors")))));
}

// Names of others are text in it, no Markdown.
TEST_F(Train, ModelCardsEscapeNames) {
  const std::string database = path("a|b <script>`*_\n[x](y)");
  fs::rename(database_, database);
  expect_success(ekgine({"preprocess", "--database", database, "--output", store_, "--quiet"}));
  expect_success(ekgine(training(path("run"))));
  EXPECT_THAT(read("run/model_card.md"),
              HasSubstr("/a\\|b \\<script\\>\\`\\*\\_\\\\n\\[x\\](y), one lead each, in a store"));
}

// R waves of a detector are not those of annotations.
TEST_F(Train, ModelCardsSayWhereBeatsAre) {
  expect_success(ekgine(training(path("annotated"))));
  EXPECT_THAT(read("annotated/model_card.md"),
              HasSubstr("Beats are cut around R waves that its annotations name;"));
  const fs::path file = fs::path(store_) / "store.json";
  auto description = read_json(file, Sealed::if_present);
  description["marks"] = "detected";
  write_bytes(file, sealed_json(description));
  expect_success(ekgine(training(path("detected"))));
  EXPECT_THAT(read("detected/model_card.md"),
              HasSubstr("Beats are cut around R waves where ekgine's detector finds them"));
  description["marks"] = "guessed";
  write_bytes(file, sealed_json(description));
  expect_one_line(ekgine(training(path("guessed"))), 1,
                  "the marks are 'guessed', expected annotated or detected");
}

TEST_F(Train, NumbersRunsWithoutOutput) {
  Arguments arguments = training("");
  arguments.resize(arguments.size() - 2);  // no --output
  for (const char* run : {"runs/Main_Model-1", "runs/Main_Model-2"}) {
    const ProcessResult result =
        ekgine(arguments + Arguments{"--json"}, {.directory = folder_.path(), .environment = {}});
    expect_success(result);
    EXPECT_EQ(parse_json(result.out).at("run"), run);
    EXPECT_TRUE(fs::exists(folder_ / run / "model.safetensors"));
  }
}

TEST_F(Train, ConfigOfARunRepeatsItBitForBit) {
  expect_success(ekgine(training(path("a")) + Arguments{"--test-records", "903", "--learning-rate",
                                                        "0.0123456789", "--seed",
                                                        "9223372036854775807", "--dropout", "0.3",
                                                        "--shuffle", "full", "--encode-each"}));
  expect_success(
      ekgine({"train", "--config", path("a/config.toml"), "--output", path("b"), "--quiet"}));
  EXPECT_EQ(options_of("a/config.toml"), options_of("b/config.toml"));
  expect_same_run("a", "b");
  // And another seed gives another model.
  expect_success(ekgine({"train", "--config", path("a/config.toml"), "--output", path("c"),
                         "--quiet", "--seed", "1"}));
  EXPECT_FALSE(weights_of("a") == weights_of("c"));
}

TEST_F(Train, TakesRecordsFromASplitsFile) {
  write_bytes(path("splits.json"), R"({"train_records": ["901"], "validation_records": ["902"],
                                       "test_records": ["903"]})");
  const ProcessResult result =
      ekgine({"train", "--data", store_, "--splits", path("splits.json"), "--embed-dim", "4",
              "--num-heads", "1", "--epochs", "1", "--output", path("run"), "--json", "--quiet"});
  expect_success(result);
  EXPECT_EQ(parse_json(result.out).at("evaluated"), "test");
  refuses({"--splits", path("splits.json")},
          "--splits: names the records already; leave out --train-records", 2);
}

TEST_F(Train, EveryWayOfShufflingAndEveryModelTrains) {
  const Arguments variants[] = {{"--shuffle", "stream"},
                                {"--shuffle", "full", "--class-weights", "balanced"},
                                {"--model", "Baseline_Model", "--class-weights", "none"},
                                {"--model", "AttentionOnly", "--num-blocks", "2"},
                                {"--model", "CNNLSTM_Model", "--lstm-units", "6"},
                                {"--model", "CNNLSTM_Model", "--sequence-length", "7"},
                                {"--sequence-length", "5", "--num-blocks", "2"},
                                // As they were called before.
                                {"--schedule", "plateau", "--validation-records", "903",
                                 "--shuffle", "runs", "--run-length", "8"},
                                {"--schedule", "constant", "--sequence-length", "1"}};
  for (std::size_t i = 0; i < std::size(variants); ++i) {
    SCOPED_TRACE(::testing::PrintToString(variants[i]));
    const std::string run = "run" + std::to_string(i);
    expect_success(ekgine(training(path(run)) + variants[i]));
    EXPECT_TRUE(fs::exists(path(run + "/model.safetensors")));
  }
}

// --- Profiled -----------------------------------------------------------------------------------

class ProfiledTrain : public Train {
 protected:
  // 36 sequences, 12 of validation: nine steps, of which seven count, and dropout in them.
  Arguments profiled(const std::string& output) const {
    return training(output) +
           Arguments{
               "--validation-records", "903", "--batch-size", "4", "--dropout", "0.2", "--profile"};
  }
};

TEST_F(ProfiledTrain, TellsWhereTheTimeGoesAndChangesNothing) {
  Arguments plain = profiled(path("plain"));
  plain.pop_back();
  expect_success(ekgine(plain));
  const ProcessResult result = ekgine(profiled(path("run")) + Arguments{"--json"});
  expect_success(result);
  EXPECT_EQ(result.err, "");  // --quiet
  expect_same_run("plain", "run");
  EXPECT_EQ(options_of("plain/config.toml"), options_of("run/config.toml"));
  EXPECT_FALSE(fs::exists(path("plain/profile.txt")));
  EXPECT_FALSE(fs::exists(path("plain/trace.json")));

  const Json profile = parse_json(result.out).at("profile");
  EXPECT_EQ(profile.at("steps"), 7);
  EXPECT_EQ(profile.at("warm_up_steps"), 2);
  std::map<std::string, Json> ops;
  double share = 0, seconds = 0;
  for (const Json& op : profile.at("ops")) {
    ops[op.at("op").get<std::string>() + " " + op.at("phase").get<std::string>()] = op;
    share += op.at("share").get<double>();
    seconds += op.at("seconds").get<double>();
  }
  EXPECT_NEAR(share, 1, 1e-9);
  EXPECT_NEAR(seconds, profile.at("seconds").get<double>(), 1e-9);
  // A Main_Model's step, op by op: calls of the seven steps.
  const std::map<std::string, int> calls = {{"gather_jittered forward", 1},
                                            {"morlet_cwt forward", 1},
                                            {"stem_statistics forward", 1},
                                            {"stem forward", 1},
                                            {"stem backward", 1},
                                            {"conv2d forward", 2},
                                            {"conv2d backward", 2},
                                            {"batch_norm_statistics forward", 3},
                                            {"batch_norm_relu_max_pool2d forward", 1},
                                            {"batch_norm_relu_max_pool2d backward", 1},
                                            {"batch_norm_relu_global_avg_pool forward", 1},
                                            {"batch_norm_relu_global_avg_pool backward", 1},
                                            {"gather forward", 1},
                                            {"gather backward", 1},
                                            {"softmax_cross_entropy forward", 1},
                                            {"softmax_cross_entropy backward", 1},
                                            {"running_loss forward", 1},
                                            {"add_layer_norm forward", 4},
                                            {"add_layer_norm backward", 4},
                                            {"adamw update", 1},
                                            {"host copies host", 1},
                                            {"step, the rest host", 1}};
  for (const auto& [name, count] : calls) {
    ASSERT_TRUE(ops.contains(name)) << name;
    EXPECT_EQ(ops.at(name).at("calls"), 7 * count) << name;
  }
  for (const char* name : {"linear", "attention", "depthwise_conv1d", "glu", "swish_dropout",
                           "layer_norm", "batch_norm", "add_position"}) {
    for (const char* phase : {" forward", " backward"}) {
      ASSERT_TRUE(ops.contains(std::string(name) + phase)) << name << phase;
    }
  }
  for (const auto& [name, op] : ops) {
    // Every op says what it is: none goes by the name of its source file.
    EXPECT_THAT(name, Not(HasSubstr(".cpp")));
    if (op.at("phase") == "host") {
      EXPECT_TRUE(op.at("gb_per_second").is_null()) << name;
    } else {
      EXPECT_GT(op.at("gb_per_second").get<double>(), 0) << name;
    }
  }
  // The second convolution alone does 2·9·32·64·16·93 operations on each of at least 6 beats.
  const Json& conv = ops.at("conv2d forward");
  const double conv_flops =
      conv.at("gflop_per_second").get<double>() * 1e9 * conv.at("seconds").get<double>();
  EXPECT_GT(conv_flops, 7 * 6 * 2.0 * 9 * 32 * 64 * 16 * 93);
  EXPECT_LT(conv_flops, 7 * 12 * 4.0 * 9 * 32 * 64 * 16 * 93);

  const std::string table = read("run/profile.txt");
  EXPECT_THAT(table, AllOf(HasSubstr("profile of Main_Model, batches of 4, cpu f32, 1 threads\n"),
                           HasSubstr("7 steps of "), HasSubstr(", after 2 that are not counted"),
                           HasSubstr("GFLOP/s"), HasSubstr("\nloader wait ")));
  for (const auto& [name, op] : ops) {
    EXPECT_THAT(table, HasSubstr("\n" + op.at("op").get<std::string>() + " ")) << name;
  }
  EXPECT_THAT(content_of(path("run")), Each(Not(HasSubstr(".partial"))));
}

TEST_F(ProfiledTrain, TracesStepsForAViewer) {
  expect_success(ekgine(profiled(path("run"))));
  const Json trace = parse_json(read("run/trace.json"));
  Json step;
  int steps = 0, inside = 0;
  double latest = 0;
  for (const Json& event : trace.at("traceEvents")) {
    if (event.at("ph") == "M") continue;
    ASSERT_EQ(event.at("ph"), "X");
    const auto start = event.at("ts").get<double>(), duration = event.at("dur").get<double>();
    EXPECT_GE(start, latest) << event;  // viewers want them in order
    EXPECT_GE(duration, 0);
    latest = start;
    if (event.at("name") == "step") {
      step = event;
      ++steps;
      EXPECT_EQ(event.at("args").at("step"), 2 + steps);
    } else if (event.at("name") != "loader wait") {
      ASSERT_FALSE(step.is_null()) << event;
      EXPECT_EQ(event.at("args").at("step"), step.at("args").at("step"));
      EXPECT_LE(start + duration,
                step.at("ts").get<double>() + step.at("dur").get<double>() + 0.01);
      ++inside;
    }
  }
  EXPECT_EQ(steps, 7);
  EXPECT_GT(inside, 7 * 60);
}

TEST_F(ProfiledTrain, ShowsTheTableAlsoWhenInterruptedAndResumed) {
  Arguments arguments = profiled(path("run")) + Arguments{"--epochs", "1000"};
  std::erase(arguments, "--quiet");
  Process process(EKGINE_PROGRAM, arguments);
  while (!fs::exists(path("run/history.jsonl"))) {  // an epoch is done
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  process.send(SIGINT);
  ProcessResult result = process.wait();
  EXPECT_EQ(result.status, 130);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, AllOf(HasSubstr("profile of Main_Model"), HasSubstr("\nconv2d "),
                                ::testing::ContainsRegex("ekgine: interrupted after step .*\n$")));
  EXPECT_THAT(result.err, HasSubstr(read("run/profile.txt")));
  EXPECT_NO_THROW(parse_json(read("run/trace.json")));

  // A run that is complete has no steps left to tell of.
  expect_success(ekgine(training(path("done"))));
  result = ekgine({"train", "--resume", path("done"), "--profile", "--json", "--quiet"});
  expect_success(result);
  EXPECT_EQ(parse_json(result.out).at("profile").at("steps"), 0);
  EXPECT_THAT(read("done/profile.txt"), HasSubstr("no step was made\n"));
}

TEST_F(ProfiledTrain, AProfileThatCannotBeWrittenIsAnError) {
  const std::string run = path("run");
  fs::create_directories(run + "/trace.json");  // in the way
  expect_one_line(ekgine(profiled(run)), 1, run + "/trace.json: ");
  EXPECT_TRUE(fs::is_directory(run + "/trace.json"));
  EXPECT_TRUE(fs::exists(run + "/model.safetensors"));  // the training is not lost
  EXPECT_THAT(content_of(run), Each(Not(HasSubstr(".partial"))));
}

// --- Interrupted, killed, resumed ---------------------------------------------------------------

class Resume : public Train {
 protected:
  // Several epochs with validation and a test at the end.
  Arguments long_training(const std::string& output) const {
    return training(output) +
           Arguments{"--epochs",  "3",  "--validation-records", "903", "--batch-size", "4",
                     "--dropout", "0.2"};
  }
  // What a user does with a run that was cut short: nothing was there yet, or it is resumed.
  Arguments go_on(const std::string& run) const {
    if (fs::exists(fs::path(run) / "checkpoint.safetensors")) {
      return {"train", "--resume", run, "--quiet"};
    }
    return long_training(run);
  }
  void goes_on_after_a_kill(const std::string& name, const Arguments& options) const {
    SCOPED_TRACE(name);
    const std::string whole = "whole " + name, killed = "killed " + name;
    expect_success(ekgine(long_training(path(whole)) + options));
    Process process(EKGINE_PROGRAM, long_training(path(killed)) + options);
    while (!fs::exists(path(killed + "/checkpoint.json"))) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    process.send(SIGKILL);
    process.wait();
    expect_success(ekgine({"train", "--resume", path(killed), "--quiet"}));
    expect_same_run(whole, killed);
  }
};

TEST_F(Resume, KilledAtRandomMomentsGivesTheSameBits) {
  const auto start = std::chrono::steady_clock::now();
  expect_success(ekgine(long_training(path("whole"))));
  const duration<double> whole = std::chrono::steady_clock::now() - start;

  Random random(20240607);
  int kills = 0, runs = 0;
  const auto run = [&] { return "killed" + std::to_string(runs); };
  while (kills < 6) {
    Process process(EKGINE_PROGRAM, go_on(path(run())));
    std::this_thread::sleep_for(whole * random.uniform(0, 0.6));
    process.send(SIGKILL);
    const ProcessResult result = process.wait();
    if (result.signal == SIGKILL) {
      ++kills;
    } else {  // it was faster: the next one is killed more often
      expect_success(result);
      expect_same_run("whole", run());
      ++runs;
    }
  }
  const ProcessResult result = ekgine(go_on(path(run())));
  expect_success(result);
  expect_same_run("whole", run());
  EXPECT_TRUE(read("whole/model.safetensors") == read(run() + "/model.safetensors"));
}

TEST_F(Resume, EveryModelGoesOnAfterAKill) {
  for (const char* model : {"AttentionOnly", "CNNLSTM_Model", "Baseline_Model"}) {
    goes_on_after_a_kill(model, {"--model", model, "--lstm-units", "6", "--num-blocks", "2"});
  }
}

TEST_F(Resume, GoesOnAfterAKillInBfloat16) {
  goes_on_after_a_kill("bf16", {"--device", "cpu", "--precision", "bf16"});
  expect_success(ekgine(long_training(path("float")) + Arguments{"--device", "cpu"}));
  EXPECT_FALSE(weights_of("whole bf16") == weights_of("float"));
}

TEST_F(Resume, InterruptedSavesWhereItIsAndTellsHowToGoOn) {
  expect_success(ekgine(long_training(path("whole"))));
  const std::string run = path("run");
  Random random(7);
  for (int interrupts = 0; interrupts < 4; ++interrupts) {
    Process process(EKGINE_PROGRAM, go_on(run));
    const bool first = interrupts == 0;
    while (first && !fs::exists(run + "/checkpoint.safetensors")) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    if (!first) std::this_thread::sleep_for(std::chrono::milliseconds(random.integer(30, 120)));
    process.send(interrupts % 2 == 0 ? SIGINT : SIGTERM);
    const ProcessResult result = process.wait();
    if (result.signal != 0) continue;  // it had not yet come to catching signals
    expect_one_line(
        result, 130,
        ::testing::MatchesRegex("ekgine: interrupted after step [0-9]+; go on with: ekgine train "
                                "--resume " +
                                run + "\n"));
    const Json checkpoint = parse_json(read("run/checkpoint.json"));
    EXPECT_THAT(result.err,
                HasSubstr("after step " + checkpoint.at("state").at("step").dump() + ";"));
    if (first) {  // in the middle of an epoch
      EXPECT_GT(checkpoint.at("state").at("batch").get<double>(), 0);
    }
  }
  expect_success(ekgine(go_on(run)));
  expect_same_run("whole", "run");
  EXPECT_TRUE(read("whole/model.safetensors") == read("run/model.safetensors"))
      << "what made it is what started it";
  // A run that is complete is evaluated again, and stays what it is.
  expect_success(ekgine(go_on(run)));
  expect_same_run("whole", "run");
}

TEST_F(Resume, RefusesWhatItCannotGoOnWith) {
  expect_one_line(ekgine({"train", "--resume", path("none")}), 1,
                  path("none") + ": no checkpoint.safetensors there, expected a run directory");
  expect_success(ekgine(training(path("run"))));
  expect_one_line(ekgine({"train", "--resume", path("run"), "--epochs", "9"}), 2,
                  "--epochs: a resumed run keeps its options");
  expect_one_line(ekgine(training(path("run"))), 1,
                  path("run") +
                      ": holds a run already; choose another folder, or go on with it "
                      "(--output, --resume)");

  const std::string file = path("run/checkpoint.safetensors"), whole = read_file(file);
  write_bytes(file, whole.substr(0, whole.size() / 2));
  expect_one_line(ekgine({"train", "--resume", path("run")}), 1, file);
  write_bytes(file, "");
  expect_one_line(ekgine({"train", "--resume", path("run")}), 1, file);
  write_bytes(file, read("run/model.safetensors"));
  expect_one_line(ekgine({"train", "--resume", path("run")}), 1,
                  file +
                      ": is no checkpoint of this version (format ekgine-checkpoint-2 expected, "
                      "found ekgine-weights-2)");
  write_bytes(file, whole);

  // The store has other labels now.
  expect_success(ekgine({"preprocess", "--database", database_, "--output", store_, "--label-map",
                         "reference", "--records", "901,903,902", "--quiet"}));
  expect_success(ekgine({"train", "--resume", path("run"), "--quiet"}));
  write_wfdb_record(database_, random_record("902", 18, "NVN/FA", 2));
  expect_success(ekgine({"preprocess", "--database", database_, "--output", store_, "--quiet"}));
  expect_one_line(ekgine({"train", "--resume", path("run")}), 1,
                  store_ + ": its records are not those that " +
                      path("run/checkpoint.safetensors") +
                      " was started with; restore them, or start anew");
  expect_success(ekgine(
      {"preprocess", "--database", database_, "--output", store_, "--records", "901", "--quiet"}));
  expect_one_line(ekgine({"train", "--resume", path("run")}), 1,
                  store_ + ": record 902 is not in the store, which has 901");
}

TEST_F(Resume, AFullDiskLeavesTheOldFiles) {
  const std::string run = path("run");
  const ProcessOptions full_disk{.directory = {}, .environment = {}, .file_size_limit = 32768};
  // The first checkpoint does not fit.
  expect_one_line(ekgine(long_training(run), full_disk), 1,
                  run + "/checkpoint.safetensors: cannot write: File too large");
  EXPECT_THAT(content_of(run), ElementsAre("config.toml", "splits.json"));
  {
    Process process(EKGINE_PROGRAM, go_on(run));
    while (!fs::exists(run + "/checkpoint.json")) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    process.send(SIGINT);
    EXPECT_EQ(process.wait().status, 130);
  }
  const std::string checkpoint = read("run/checkpoint.safetensors");
  const std::vector<std::string> files = content_of(run);
  expect_one_line(ekgine(go_on(run), full_disk), 1, ": cannot write: File too large");
  EXPECT_TRUE(read("run/checkpoint.safetensors") == checkpoint);
  EXPECT_EQ(content_of(run), files);
  // There is room again.
  expect_success(ekgine(go_on(run)));
  expect_success(ekgine(long_training(path("whole"))));
  expect_same_run("whole", "run");
}

// --- TensorBoard --------------------------------------------------------------------------------

class TensorBoard : public Resume {
 protected:
  // Every value that is shown, whatever the process that wrote it: rates of course differ.
  std::map<std::string, std::map<std::int64_t, float>> scalars(const std::string& name) const {
    auto shown = shown_scalars(path(name));
    shown.erase("sequences_per_second");
    return shown;
  }
};

TEST_F(TensorBoard, ShowsEveryEpochAndTheTest) {
  const ProcessResult result = ekgine(long_training(path("run")) +
                                      Arguments{"--train-records", "901", "--test-records", "902",
                                                "--json", "--tensorboard", path("logs/run")});
  expect_success(result);
  const auto scalars = shown_scalars(path("logs/run"));
  std::vector<std::string> tags;
  tags.reserve(scalars.size());
  for (const auto& [tag, values] : scalars) tags.push_back(tag);
  EXPECT_THAT(tags, ElementsAre("accuracy/test", "accuracy/training", "accuracy/validation",
                                "learning_rate", "loss/test", "loss/training", "loss/validation",
                                "macro_f1/test", "macro_f1/validation", "sequences_per_second"));
  const std::pair<const char*, const char*> keys[] = {
      {"loss/training", "loss"},
      {"accuracy/training", "accuracy"},
      {"loss/validation", "validation_loss"},
      {"accuracy/validation", "validation_accuracy"},
      {"macro_f1/validation", "validation_macro_f1"},
      {"learning_rate", "learning_rate"}};
  std::istringstream history(read("run/history.jsonl"));
  std::int64_t epochs = 0;
  for (std::string text; std::getline(history, text);) {
    const Json line = parse_json(text);
    ++epochs;
    for (const auto& [tag, key] : keys) {
      EXPECT_EQ(scalars.at(tag).at(epochs), line.at(key).get<float>()) << tag;
    }
    EXPECT_GT(scalars.at("sequences_per_second").at(epochs), 0);
  }
  EXPECT_EQ(epochs, 3);
  for (const auto& [tag, key] : keys) EXPECT_EQ(scalars.at(tag).size(), 3u) << tag;

  const Json metrics = parse_json(read("run/metrics.json"));
  const auto best = parse_json(result.out).at("best_epoch").get<std::int64_t>();
  for (const std::string key : {"loss", "accuracy", "macro_f1"}) {
    EXPECT_EQ(scalars.at(key + "/test"),
              (std::map<std::int64_t, float>{{best, metrics.at(key).get<float>()}}));
  }

  const auto images = shown_images(path("logs/run"));
  if (std::system("gnuplot -V > /dev/null 2>&1") != 0) {
    EXPECT_EQ(images.size(), 0u);
    return;
  }
  EXPECT_EQ(images.at("confusion_matrix/validation").size(), 3u);
  EXPECT_EQ(images.at("confusion_matrix/test").size(), 1u);
  for (const auto& [tag, pictures] : images) {
    for (const auto& [step, image] : pictures) {
      EXPECT_EQ(image.width, 900);
      EXPECT_EQ(image.height, 700);
      EXPECT_GT(image.png.size(), 4000u);
      EXPECT_TRUE(image.png.ends_with(std::string("IEND\xae\x42\x60\x82")));
    }
  }
}

TEST_F(TensorBoard, WithoutGnuplotOnlyThePicturesAreMissing) {
  // A PATH on which nothing is.
  const ProcessResult result =
      ekgine(training(path("run")) + Arguments{"--epochs", "2", "--validation-records", "903",
                                               "--tensorboard", path("logs")},
             {.directory = {}, .environment = {{"PATH", path("none")}}});
  expect_success(result);
  EXPECT_EQ(scalars("logs").at("loss/validation").size(), 2u);
  EXPECT_EQ(scalars("logs").at("macro_f1/best").size(), 1u);
  EXPECT_EQ(shown_images(path("logs")).size(), 0u);
  const ProcessResult loud = ekgine({"train", "--config", path("run/config.toml"), "--output",
                                     path("b"), "--tensorboard", path("logs2")},
                                    {.directory = {}, .environment = {{"PATH", path("none")}}});
  expect_success(loud);
  const std::string note =
      "TensorBoard: goes on without confusion matrices. Not drawn: confusion_matrix: gnuplot is "
      "not installed";
  const std::size_t first = loud.err.find(note);
  EXPECT_NE(first, std::string::npos) << loud.err;
  EXPECT_EQ(loud.err.find(note, first + 1), std::string::npos) << "said once";
}

TEST_F(TensorBoard, KilledAndResumedShowsEveryEpochOnce) {
  expect_success(
      ekgine(long_training(path("whole")) + Arguments{"--tensorboard", path("logs/whole")}));
  const auto whole = scalars("logs/whole");
  EXPECT_EQ(whole.at("loss/validation").size(), 3u);
  Random random(11);
  int kills = 0, runs = 0;
  for (int i = 0; i < 40 && kills < 5; ++i) {
    const std::string run = path("run" + std::to_string(runs));
    Process process(EKGINE_PROGRAM,
                    fs::exists(run + "/checkpoint.safetensors")
                        ? Arguments{"train", "--resume", run, "--quiet"}
                        : long_training(run) + Arguments{"--tensorboard", run + "-logs"});
    std::this_thread::sleep_for(std::chrono::milliseconds(random.integer(50, 600)));
    process.send(SIGKILL);
    const ProcessResult result = process.wait();
    if (result.signal == SIGKILL) {
      ++kills;
      continue;
    }
    expect_success(result);
    EXPECT_EQ(scalars("run" + std::to_string(runs++) + "-logs"), whole);
  }
  EXPECT_GT(kills, 2);
  const std::string run = "run" + std::to_string(runs);
  for (int again = 0; again < 2; ++again) {  // the second finds the run complete
    expect_success(
        ekgine(fs::exists(path(run) + "/checkpoint.safetensors")
                   ? Arguments{"train", "--resume", path(run), "--quiet"}
                   : long_training(path(run)) + Arguments{"--tensorboard", path(run) + "-logs"}));
    EXPECT_EQ(scalars(run + "-logs"), whole);
  }
  EXPECT_TRUE(weights_of("whole") == weights_of(run));
}

TEST_F(TensorBoard, AFolderIsForOneRun) {
  expect_success(ekgine(training(path("run")) + Arguments{"--tensorboard", path("logs")}));
  EXPECT_THAT(options_of("run/config.toml"), Not(HasSubstr("tensorboard")));
  refuses({"--tensorboard", path("logs")}, path("logs") + " holds the event files of another run");
  write_bytes(path("file"), "");
  refuses({"--tensorboard", path("file")}, path("file") + ": cannot create the folder");
  expect_one_line(ekgine({"train", "--resume", path("run"), "--tensorboard", path("other")}), 2,
                  "--tensorboard: a resumed run keeps its options");
}

// --- Refused ------------------------------------------------------------------------------------

TEST_F(Train, RefusesOptionsOutOfRange) {
  refuses({"--epochs", "0"}, "epochs must be 1 to 1000000, got 0 (--epochs)", 2);
  refuses({"--batch-size", "0"}, "batch size must be 1 to 65536, got 0 (--batch-size)", 2);
  refuses({"--learning-rate", "-1"}, "learning rate must be 1e-12 to 10, got ", 2);
  refuses({"--learning-rate", "nan"}, "learning rate must be 1e-12 to 10, got ", 2);
  refuses({"--epochs", "many"}, "--epochs", 2);
  refuses({"--class-weights", "inverse"},
          "--class-weights: 'inverse' is none of none, balanced, sqrt", 2);
  refuses({"--shuffle", "some"}, "--shuffle: 'some' is none of stretches, full, stream", 2);
  refuses({"--schedule", "step"}, "--schedule: 'step' is none of cosine, plateau, constant", 2);
  refuses({"--model", "LSTM"},
          "model 'LSTM' is unknown (Main_Model, AttentionOnly, CNNLSTM_Model, Baseline_Model, "
          "Rhythm_Model are there)",
          2);
  refuses({"--kernel-size", "4"}, "kernel size must be odd, got 4 (--kernel-size)", 2);
  refuses({"--model", "CNNLSTM_Model", "--lstm-units", "0"},
          "lstm units must be 1 to 1024, got 0 (--lstm-units)", 2);
  refuses({"--amplitude", "volts"},
          "--amplitude: 'volts' is none of mV, centred, record, deviation", 2);
  refuses({"--dropout", "1"}, "dropout must be in [0, 1), got 1", 2);
  refuses({"--precision", "f16"}, "--precision: 'f16' is none of f32, tf32, bf16", 2);
  expect_one_line(ekgine({"train", "--train-records", "901"}), 2, "--data is required");
  expect_one_line(ekgine({"train", "--data", store_, "--output", path("new")}), 2,
                  "no training records (--train-records, --splits)");
}

TEST_F(Train, TrainsAllButAFold) {
  write_records_for_folds();
  const Arguments run = {"train",       "--data",  store_,        "--splits", path("splits.json"),
                         "--embed-dim", "4",       "--num-heads", "1",        "--epochs",
                         "1",           "--quiet", "--output",    path("run")};
  const ProcessResult result = ekgine(run + Arguments{"--fold", "3", "--json"});
  expect_success(result);
  EXPECT_EQ(parse_json(result.out).at("evaluated"), "validation");
  const Split split = read_split(path("run/splits.json"));
  EXPECT_THAT(split.train, ElementsAre("903", "901", "902", "904"));
  EXPECT_THAT(split.validation, ElementsAre("905"));
  EXPECT_THAT(split.test, ElementsAre());
  expect_one_line(ekgine(training(path("new")) + Arguments{"--fold", "3"}), 2,
                  "--fold requires --splits");
  expect_one_line(
      ekgine({"train", "--resume", path("run"), "--fold", "3", "--splits", path("splits.json")}), 2,
      "a resumed run keeps its options");
  EXPECT_FALSE(fs::exists(path("new")));
}

TEST_F(Train, RefusesWhatTheDeviceCannotDo) {
  refuses({"--precision", "tf32", "--device", "cpu"},
          "precision tf32 needs the device cuda (--precision, --device)", 1);
  EXPECT_FALSE(fs::exists(path("run")));
}

TEST_F(Train, RefusesRecordsThatDoNotFit) {
  refuses({"--test-records", "800,903,801"},
          store_ + ": records 800, 801 are not in the store, which has 901, 902, 903");
  refuses({"--validation-records", "903", "--test-records", "903"},
          "records: record 903 is among both the validation and the test records");
  refuses({"--test-records", "902"},
          "records: record 902 is among both the training and the test records");
  refuses({"--sequence-length", "20"}, "record 902 has 18 beats, too few for sequences of 20");
  refuses({"--test-records", "903", "--sequence-length", "16"},
          "record 903 has 14 beats, too few for sequences of 16");
  expect_one_line(
      ekgine({"train", "--data", store_, "--train-records", "901,801", "--output", path("new")}), 1,
      store_ + ": record 801 is not in the store, which has 901, 902, 903");
  expect_one_line(
      ekgine({"train", "--data", path("none"), "--train-records", "901", "--output", path("new")}),
      1, path("none") + ": the store does not exist");
  EXPECT_FALSE(fs::exists(path("new")));
}

TEST_F(Train, RefusesAClassThatIsAbsent) {
  write_wfdb_record(database_, random_record("901", 22, "NAF", 1));
  write_wfdb_record(database_, random_record("902", 22, "NAF", 1));
  expect_success(ekgine({"preprocess", "--database", database_, "--output", store_, "--quiet"}));
  refuses({"--test-records", "903"},
          "classes V, Q have no sequence in the training records 901, 902");
  expect_success(ekgine(training(path("run")) + Arguments{"--allow-absent-classes"}));
}

TEST_F(Train, RefusesADamagedStore) {
  const std::string description = read("store/store.json"), record = read("store/902.h5");
  auto other = read_json(path("store/store.json"), Sealed::required);
  other["version"] = 5;
  write_bytes(path("store/store.json"), sealed_json(other));
  refuses({}, store_ + "/store.json: is of store version 5, expected 4");
  write_bytes(path("store/store.json"), "{");
  refuses({}, store_ + "/store.json");
  write_bytes(path("store/store.json"), description);

  write_bytes(path("store/902.h5"), record.substr(0, record.size() / 2));
  refuses({}, store_ + "/902.h5");
  refuses({"--shuffle", "stream"}, store_ + "/902.h5");
  fs::remove(path("store/902.h5"));
  refuses({}, store_ + "/902.h5");
  write_bytes(path("store/902.h5"), record);

  const RecordBeats beats = Store(store_).read("902");
  const std::int64_t n = beats.size(), shape[] = {n, beat_samples}, labels_shape[] = {n};
  for (const bool with_beats : {false, true}) {
    hdf5::File file = hdf5::File::create(path("store/902.h5"));
    file.write_integer("/", "version", store_version);
    file.write_text("/", "record", "902");
    file.write_text("/", "lead", "LEAD0");
    file.write<std::int32_t>("labels", beats.labels, labels_shape);
    if (with_beats) {
      std::vector<float> values = beats.beats;
      values[3 * beat_samples + 10] = std::numeric_limits<float>::infinity();
      file.write<float>("beats", values, shape);
    }
    file.close();
    list_record_file(store_, "902");
    refuses({}, with_beats ? "902.h5:beats: beat 3, value 10 is inf, expected a finite number"
                           : "902.h5");
  }
}

TEST_F(Train, RefusesPlacesItCannotWrite) {
  write_bytes(path("file"), "");
  const std::string reasons[][2] = {
      {path("file"), path("file") + ": cannot create the folder"},
      {path("file/run"), path("file/run") + ": cannot create the folder"},
      {"/proc/ekgine-run", "/proc/ekgine-run: cannot create the folder"}};
  for (const auto& [output, text] : reasons) {
    expect_one_line(ekgine(training(output)), 1, text);
  }
  // Folders made for a run that then fails are removed, and no others.
  expect_one_line(ekgine(training(path("deep/er/run")) + Arguments{"--test-records", "800"}), 1,
                  "record 800");
  EXPECT_FALSE(fs::exists(path("deep")));
  fs::create_directory(path("mine"));
  expect_one_line(ekgine(training(path("mine")) + Arguments{"--test-records", "800"}), 1,
                  "record 800");
  EXPECT_TRUE(fs::exists(path("mine")));
}

}  // namespace
}  // namespace ekgine::testing
