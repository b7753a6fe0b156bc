// Training on several stores, and figures by store.
#include <algorithm>
#include <csignal>
#include <thread>

#include "base/json_file.h"
#include "data/store.h"
#include "tests/apps/program.h"

namespace ekgine::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// Beside the store of 901, 902 and 903: `more`, of an excerpt of 902 (sel902), of one person of DS2
// (sel233), of a record too short for a sequence, and of two that train; and `third`, of one whose
// name `more` has, too.
class MoreData : public SmallStore {
 protected:
  MoreData() {
    for (const char* name : {"sel902", "sel233", "p1", "p2"}) write_other("others", name, 16);
    write_other("others", "tiny", 4);
    write_other("third-db", "p1", 30);
    preprocess("others", more_);
    preprocess("third-db", third_);
  }

  void write_other(const std::string& folder, const std::string& name, int beats) const {
    fs::create_directory(folder_ / folder);
    write_wfdb_record(folder_ / folder, random_record(name, beats, "NAVF/N", 7 + name.size()));
  }
  void preprocess(const std::string& folder, const std::string& store,
                  const Arguments& more = {}) const {
    expect_success(ekgine(
        Arguments{"preprocess", "--database", path(folder), "--output", store, "--quiet"} + more));
  }
  Arguments fives(const std::string& output) const {
    return training(output) + Arguments{"--sequence-length", "5"};
  }
  Arguments with_more(const std::string& output) const {
    return fives(output) + Arguments{"--more-data", more_ + "," + third_};
  }
  void refuses(const Arguments& arguments, const std::string& text, int status = 1) const {
    SCOPED_TRACE(text);
    expect_one_line(ekgine(fives(path("new")) + arguments), status, text);
    EXPECT_FALSE(fs::exists(path("new")));
  }

  const std::string more_ = folder_ / "more", third_ = folder_ / "third";
};

TEST_F(MoreData, TrainsOnTheRecordsOfOtherPersons) {
  Arguments arguments = with_more(path("run")) + Arguments{"--more-weights", "0.5,2"};
  std::erase(arguments, "--quiet");
  const ProcessResult result = ekgine(arguments + Arguments{"--test-records", "903"});
  expect_success(result);
  // Half of the sequences of `more`, twice those of `third`.
  const Store main(store_), more(more_), third(third_);
  const auto sequences = [](const Store& store, const Arguments& names) {
    std::int64_t n = 0;
    for (const StoreRecord& record : store.find(names)) n += record.beats() - 4;
    return n;
  };
  const std::int64_t expected = sequences(main, {"901", "902"}) +
                                sequences(more, {"p1", "p2"}) / 2 + 2 * sequences(third, {"p1"});
  EXPECT_THAT(result.err, HasSubstr(std::to_string(expected) + " training sequences"));
  EXPECT_THAT(result.err, HasSubstr(more_ + ", weight 0.5: 2 records; left out: sel233, sel902 "
                                            "(persons of the first store or of DS2); tiny (too few "
                                            "beats)\n"));
  EXPECT_THAT(result.err, HasSubstr(third_ + ", weight 2: 1 records\n"));
  const std::string card = read("run/model_card.md");
  EXPECT_THAT(card, HasSubstr("Records of further stores trained, too"));
  EXPECT_THAT(card, HasSubstr("others, 0.5 | 2 |"));
  EXPECT_THAT(card, HasSubstr("p1, p2 |\n"));
  EXPECT_THAT(card, Not(HasSubstr("sel233")));
  EXPECT_THAT(read("run/report.txt"), HasSubstr("5 training records"));
  EXPECT_THAT(read("run/config.toml"),
              AllOf(HasSubstr("more-data = \"" + more_ + "," + third_ + "\"\n"),
                    HasSubstr("more-weights = [0.5, 2]\n")));
  // And the file repeats it.
  expect_success(ekgine({"train", "--config", path("run/config.toml"), "--output", path("again"),
                         "--threads", "1", "--quiet"}));
  EXPECT_EQ(weights_of("run"), weights_of("again"));
  // Other weights, other models.
  expect_success(ekgine(with_more(path("plain"))));
  EXPECT_NE(weights_of("run"), weights_of("plain"));
}

TEST_F(MoreData, GivesTheSameBitsOnAnyNumberOfThreadsAndAfterAKill) {
  const Arguments options = {"--more-weights", "0.6,1.5", "--epochs",  "3",
                             "--batch-size",   "4",       "--dropout", "0.2"};
  for (const char* threads : {"1", "2"}) {
    for (const char* shuffle : {"stretches", "full"}) {
      const std::string name = std::string(threads) + shuffle;
      const Arguments more = options + Arguments{"--threads", threads, "--shuffle", shuffle};
      expect_success(ekgine(with_more(path("whole" + name)) + more));
      Process process(EKGINE_PROGRAM, with_more(path("killed" + name)) + more);
      const fs::path checkpoint = path("killed" + name + "/checkpoint.json");
      for (int ms = 0; !fs::exists(checkpoint); ++ms) {
        ASSERT_LT(ms, 20000) << "no checkpoint";
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      process.send(SIGKILL);
      process.wait();
      expect_success(ekgine({"train", "--resume", path("killed" + name), "--quiet"}));
      EXPECT_EQ(weights_of("whole" + name), weights_of("killed" + name)) << name;
    }
  }
}

TEST_F(MoreData, TrainsRhythmsAndKeepsPseudoRecordsToTheFirstStore) {
  const Arguments rhythm = {"--model",         "Rhythm_Model", "--sequence-length", "6",
                            "--feature-noise", "0.1",          "--pseudo-records"};
  Arguments arguments = with_more(path("run")) + rhythm;
  std::erase(arguments, "--quiet");
  const ProcessResult result = ekgine(arguments + Arguments{"--more-weights", "0.5,2"});
  expect_success(result);
  EXPECT_THAT(result.err, HasSubstr("training sequences"));
  expect_success(ekgine(with_more(path("again")) + rhythm + Arguments{"--more-weights", "0.5,2"}));
  EXPECT_EQ(weights_of("run"), weights_of("again"));
}

TEST_F(MoreData, RefusesWhatDoesNotGoTogether) {
  refuses({"--more-data", path("none")}, path("none"));
  refuses({"--more-data", store_}, store_ + ": is the store that --data names (--more-data)");
  refuses({"--more-data", more_ + "," + more_ + "/."}, more_ + "/.: is the same store as " + more_);
  refuses({"--more-data", ""}, "more data: found an empty name (--more-data)", 2);
  refuses({"--more-data", more_, "--more-weights", "1,2"},
          "more weights: 2 for 1 further stores, expected one for each (--more-weights)", 2);
  refuses({"--more-weights", "1"}, "more weights: 1 for 0 further stores", 2);
  refuses({"--more-data", more_, "--more-weights", "0"}, "more weights must be 0.01 to 100, got 0",
          2);
  refuses({"--more-data", more_, "--more-weights", "half"}, "--more-weights", 2);
  refuses({"--more-data", more_, "--more-weights", "0.01"}, "a weight of 0.01 takes none of ");
  refuses({"--more-data", more_, "--shuffle", "stream"},
          "shuffle: stream reads one store, not further ones (--shuffle, --more-data)");
  preprocess("others", path("ec57"), {"--label-map", "ec57"});
  refuses({"--more-data", path("ec57")}, path("ec57") + ": has label map ec57, the store " +
                                             store_ + " has reference (--more-data)");
  preprocess("others", path("known"), {"--records", "sel902,sel233,tiny"});
  refuses({"--more-data", path("known")}, path("known") +
                                              ": has no records of other persons than " + store_ +
                                              " and DS2 have, of 5 "
                                              "beats and more");
}

TEST_F(MoreData, GoesOnWithTheSameStoresOnly) {
  expect_success(ekgine(with_more(path("run")) + Arguments{"--epochs", "2"}));
  const std::string refusal = third_ + ": its records are not those that " +
                              path("run/checkpoint.safetensors") +
                              " was started with; restore them, or start anew";
  write_wfdb_record(folder_ / "third-db", random_record("p1", 30, "NVN", 99));
  preprocess("third-db", third_);
  expect_one_line(ekgine({"train", "--resume", path("run")}), 1, refusal);
  // A record more of another person.
  write_other("third-db", "p1", 30);
  write_other("third-db", "p3", 12);
  preprocess("third-db", third_);
  expect_one_line(ekgine({"train", "--resume", path("run")}), 1, refusal);
  fs::remove(folder_ / "third-db/p3.hea");
  preprocess("third-db", third_);
  expect_success(ekgine({"train", "--resume", path("run"), "--quiet"}));
  fs::remove_all(third_);
  expect_one_line(ekgine({"train", "--resume", path("run")}), 1, third_);
}

TEST_F(MoreData, StudiesTakeItAndGoOnWithTheSame) {
  const Arguments kfold = {"kfold",
                           "--sequence-length",
                           "5",
                           "--data",
                           store_,
                           "--train-records",
                           "901,902",
                           "--k",
                           "2",
                           "--embed-dim",
                           "4",
                           "--num-heads",
                           "1",
                           "--kernel-size",
                           "3",
                           "--batch-size",
                           "16",
                           "--epochs",
                           "1",
                           "--threads",
                           "1",
                           "--quiet",
                           "--more-data",
                           more_,
                           "--more-weights",
                           "0.5",
                           "--output",
                           path("k")};
  const ProcessOptions no_plots{.directory = {}, .environment = {{"PATH", ""}}};
  expect_success(ekgine(kfold, no_plots));
  EXPECT_EQ(parse_json(read("k/study.json")).at("inputs").at("more").size(), 1);
  EXPECT_THAT(read("k/fold-1/model_card.md"), HasSubstr("others, 0.5 | 2 |"));
  Arguments other = kfold;
  std::ranges::replace(other, "0.5", "2");
  expect_one_line(ekgine(other, no_plots), 1, "was started with more-weights [0.5], not [2.0]");
  write_wfdb_record(folder_ / "others", random_record("p2", 16, "NVN", 99));
  preprocess("others", more_);
  expect_one_line(ekgine(kfold, no_plots), 1, more_ + ": its records are not those that ");
}

TEST_F(MoreData, EvaluatesEachStoreByItself) {
  expect_success(ekgine(fives(path("run"))));
  const Arguments evaluation = {"evaluate", "--weights", path("run/model.safetensors"), "--quiet"};
  const Arguments one = {"--data", store_, "--records", "903"};
  const ProcessResult result =
      ekgine(evaluation + one +
             Arguments{"--more-data", more_ + "," + third_, "--output", path("out"), "--json"});
  expect_success(result);
  const Json found = parse_json(result.out);
  ASSERT_EQ(found.at("stores").size(), 2);
  EXPECT_EQ(found.at("stores")[0].at("records"), Json::array({"p1", "p2"}));
  EXPECT_EQ(read("out/metrics.json").find("nan"), std::string::npos);
  EXPECT_THAT(read("out/report.txt"),
              AllOf(HasSubstr(more_ + ": 2 records, "), HasSubstr("sel233, sel902")));
  // The same figures as by itself.
  const ProcessResult alone =
      ekgine(evaluation + Arguments{"--data", more_, "--records", "p1,p2", "--json"});
  expect_success(alone);
  for (const char* key : {"accuracy", "loss", "classes", "intervals"}) {
    EXPECT_EQ(parse_json(alone.out).at(key), found.at("stores")[0].at(key)) << key;
  }
  expect_one_line(ekgine(evaluation + Arguments{"--database", database_, "--records", "903",
                                                "--more-data", more_}),
                  2, "--more-data requires --data");
  expect_one_line(ekgine(evaluation + one + Arguments{"--more-data", path("none")}), 1,
                  path("none"));
}

}  // namespace
}  // namespace ekgine::testing
