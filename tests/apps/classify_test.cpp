#include <fmt/format.h>

#include <cmath>
#include <memory>

#include "base/sha256.h"
#include "model/weights.h"
#include "tests/apps/program.h"
#include "tests/support/lock_holder.h"

namespace ekgine::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

// Bumps of 15 ms, 0.8 s apart, each annotated.
TestRecord ecg(const std::string& name, double frequency, double seconds = 16) {
  TestRecord record;
  record.name = name;
  record.format = 16;
  record.frequency = frequency;
  record.signals = {{}};
  for (double i = 0; i < seconds * frequency; ++i) {
    const double time = i / frequency, beat = std::round((time - 0.4) / 0.8);
    const double z = (time - 0.4 - 0.8 * beat) / 0.015;
    record.signals[0].push_back(1024 + static_cast<int>(std::lround(200 * std::exp(-z * z))));
  }
  for (double time = 0.4; time < seconds; time += 0.8) {
    record.annotations.push_back({std::lround(time * frequency), 'N'});
  }
  return record;
}

class Classify : public SmallStore {
 protected:
  Classify() {
    fs::create_directory(ecgs_);
    write_wfdb_record(ecgs_, ecg("a", 360));
    write_wfdb_record(ecgs_, ecg("b", 250));
    expect_success(ekgine(training(path("run"))));
  }
  Arguments classify(const Arguments& what) const {
    return Arguments{"classify",    "--weights", path("run/model.safetensors"),
                     "--label-map", "reference", "--output",
                     path("out"),   "--threads", "1"} +
           what;
  }
  static Json json_of(const ProcessResult& result) {
    expect_success(result);
    return parse_json(result.out);
  }
  // A record in which there is nothing.
  void write_flat(const std::string& name) const {
    TestRecord flat = ecg(name, 250);
    flat.signals[0].assign(flat.signals[0].size(), 1024);
    write_wfdb_record(ecgs_, flat);
  }

  const std::string ecgs_ = path("ecgs");
};

TEST_F(Classify, WritesAnnotationsATableAndAResult) {
  const auto json = json_of(ekgine(classify({ecgs_, "--json"})));
  EXPECT_THAT(content_of(path("out")),
              ElementsAre("a.ekg", "a.ekg.csv", "a.ekg.html", "a.ekg.json", "b.ekg", "b.ekg.csv",
                          "b.ekg.html", "b.ekg.json"));
  ASSERT_EQ(json.at("records").size(), 2u);
  EXPECT_EQ(json.at("failed").size(), 0u);
  const auto& b = json.at("records").at(1);
  EXPECT_EQ(b.at("record"), "b");
  EXPECT_EQ(b.at("frequency"), 250);
  EXPECT_EQ(b.at("beats"), 20);
  EXPECT_EQ(b.at("inputs").at("weights"), sha256_of_file(path("run/model.safetensors")));
  EXPECT_THAT(read("out/b.ekg.csv"), HasSubstr("\n100,0.400,"));
  // Every beat is where it is annotated.
  const auto score = json_of(ekgine({"score", "--database", ecgs_, "--test", "ekg",
                                     "--test-database", path("out"), "--start", "0", "--json"}));
  for (const auto& record : score.at("records")) {
    EXPECT_EQ(record.at("qrs").at("sensitivity"), 100) << record;
    EXPECT_EQ(record.at("qrs").at("positive_predictivity"), 100) << record;
    EXPECT_EQ(record.at("rms_rr_error_ms"), 0) << record;
  }
}

TEST_F(Classify, TakesRecordsOfADatabaseAndPaths) {
  fs::create_directory(path("ecgs/p1"));
  write_wfdb_record(path("ecgs/p1"), ecg("c", 128));
  expect_success(ekgine(classify({"--database", ecgs_, "--records", "p1/c,b", "--quiet"})));
  EXPECT_THAT(content_of(path("out")),
              UnorderedElementsAre("b.ekg", "b.ekg.csv", "b.ekg.html", "b.ekg.json", "p1",
                                   "p1/c.ekg", "p1/c.ekg.csv", "p1/c.ekg.html", "p1/c.ekg.json"));
  expect_success(ekgine(classify({ecgs_ + "/a", ecgs_ + "/p1/c.hea", "--annotator", "x"})));
  EXPECT_TRUE(fs::exists(path("out/a.x")));
  EXPECT_TRUE(fs::exists(path("out/c.x")));
}

// One signal of ADC units around 1024, 200 per mV, in one record of EDF.
std::string edf_of(const TestRecord& record) {
  const std::vector<int>& signal = record.signals.at(0);
  const auto field = [](std::string text, std::size_t width) {
    text.resize(width, ' ');
    return text;
  };
  const double seconds = static_cast<double>(signal.size()) / record.frequency;
  std::string file = field("0", 8) + field("X", 160) + "01.01.0100.00.00" + field("512", 8) +
                     field("", 44) + field("1", 8) + field(fmt::format("{:g}", seconds), 8) +
                     field("1", 4);
  file += field("ECG II", 16) + field("", 80) + field("mV", 8) + field("-163.84", 8) +
          field("163.835", 8) + field("-32768", 8) + field("32767", 8) + field("", 80) +
          field(std::to_string(signal.size()), 8) + field("", 32);
  for (const int sample : signal) {
    const int value = sample - 1024;
    file += static_cast<char>(value & 0xFF);
    file += static_cast<char>(value >> 8 & 0xFF);
  }
  return file;
}

TEST_F(Classify, ReadsEdfAndTables) {
  const TestRecord a = ecg("a", 360);
  write_bytes(path("ecgs/e.edf"), edf_of(a));
  std::string table;
  for (const int sample : a.signals[0]) table += fmt::format("{}\n", (sample - 1024) / 200.0);
  write_bytes(path("ecgs/t.csv"), table);
  const std::string file = path("ecgs/t.csv");
  expect_one_line(ekgine(classify({file, "--quiet"})), 1, "t.csv: ");
  expect_success(ekgine(classify({file, "--rate", "360", "--quiet"})));
  expect_one_line(ekgine(classify({ecgs_ + "/a", "--rate", "360", "--quiet"})), 1,
                  "a.hea: says its rate itself");
  // Of a folder all but tables.
  EXPECT_EQ(json_of(ekgine(classify({ecgs_, "--json"}))).at("records").size(), 3u);
  EXPECT_EQ(read("out/t.ekg"), read("out/a.ekg"));
  EXPECT_EQ(read("out/e.ekg"), read("out/a.ekg"));
  expect_success(ekgine(classify({"--database", ecgs_, "--records", "e", "--quiet"})));
}

TEST_F(Classify, TheRateIsThatOfTheTable) {
  const TestRecord b = ecg("b", 250);
  std::string table;
  for (const int sample : b.signals[0]) table += fmt::format("{}\n", (sample - 1024) / 200.0);
  write_bytes(path("t.csv"), table);
  const auto json = json_of(ekgine(classify({path("t.csv"), "--rate", "250", "--json"})));
  EXPECT_EQ(json.at("records").at(0).at("frequency"), 250);
  EXPECT_NEAR(json.at("records").at(0).at("findings").at("heart_rate").at("mean").get<double>(), 75,
              0.1);
}

TEST_F(Classify, ThePageSaysHowOftenTheWeightsErr) {
  expect_success(ekgine({"evaluate", "--weights", path("run/model.safetensors"), "--data", store_,
                         "--records", "903", "--output", path("tested"), "--quiet"}));
  fs::copy_file(path("tested/metrics.json"), path("run/metrics.json"));
  expect_success(ekgine(classify({ecgs_ + "/a", "--quiet"})));
  const std::string page = read("out/a.ekg.html");
  EXPECT_THAT(page, HasSubstr("Research software, not a medical device; not for diagnosis"));
  EXPECT_THAT(page, HasSubstr("model.safetensors"));
  EXPECT_THAT(page, HasSubstr("of records that it was not trained on"));
  // Of other weights beside them nothing is known, as their card tells.
  ModelWeights other = load_model_weights(path("run/model.safetensors"));
  other.state.at("classifier.bias").values[0] += 1;
  save_model_weights(path("run/other.safetensors"), other);
  Arguments command = classify({ecgs_ + "/a", "--quiet"});
  command[2] = path("run/other.safetensors");
  expect_success(ekgine(command + Arguments{"--annotator", "oth"}));
  EXPECT_THAT(read("out/a.oth.html"), HasSubstr("How often it errs is not known"));
  // A file of that name that is another's is no reason to stop.
  write_bytes(path("run/metrics.json"), "{}");
  const ProcessResult result = ekgine(classify({ecgs_ + "/b"}));
  expect_success(result);
  EXPECT_THAT(result.err, HasSubstr("pages are without the weights' figures"));
  EXPECT_THAT(read("out/b.ekg.html"), HasSubstr("How often it errs is not known"));
}

TEST_F(Classify, SkipsWhatIsDoneAlready) {
  const Arguments command = classify({ecgs_ + "/a"});
  expect_success(ekgine(command));
  const auto written = fs::last_write_time(path("out/a.ekg.json"));
  const ProcessResult again = ekgine(command);
  expect_success(again);
  EXPECT_THAT(again.err, HasSubstr("a.ekg: 20 beats"));
  EXPECT_THAT(again.err, HasSubstr("(done already)"));
  EXPECT_EQ(fs::last_write_time(path("out/a.ekg.json")), written);
  // Another lead, other samples, a file that is gone: done anew.
  EXPECT_EQ(
      json_of(ekgine(command + Arguments{"--invert", "--json"}))["records"][0]["done_already"],
      false);
  EXPECT_EQ(json_of(ekgine(command + Arguments{"--json"}))["records"][0]["done_already"], false);
  for (const char* file : {"out/a.ekg", "out/a.ekg.csv", "out/a.ekg.html"}) {
    fs::remove(path(file));
    EXPECT_EQ(json_of(ekgine(command + Arguments{"--json"}))["records"][0]["done_already"], false)
        << file;
    EXPECT_TRUE(fs::exists(path(file))) << file;
  }
  EXPECT_EQ(json_of(ekgine(command + Arguments{"--json"}))["records"][0]["done_already"], true);
  write_wfdb_record(ecgs_, ecg("a", 360, 17));
  EXPECT_EQ(json_of(ekgine(command + Arguments{"--json"}))["records"][0]["done_already"], false);
}

TEST_F(Classify, NeverWritesOverWhatOthersWrote) {
  const std::string reference = read("ecgs/a.atr");
  for (const std::string& output : {ecgs_, path("out")}) {
    expect_one_line(ekgine(classify({ecgs_ + "/a", "--annotator", "atr", "--output", output})), 1,
                    "a.atr: is there already, and not as ekgine classify wrote it");
  }
  EXPECT_EQ(read("ecgs/a.atr"), reference);
  EXPECT_FALSE(fs::exists(path("out")));

  const Arguments command = classify({ecgs_ + "/a", "--quiet"});
  expect_success(ekgine(command));
  std::string corrected = read("out/a.ekg");
  corrected[corrected.size() - 3] ^= 4;
  write_bytes(path("out/a.ekg"), corrected);
  expect_one_line(ekgine(command), 1, "a.ekg: is there already, and not as");
  EXPECT_EQ(read("out/a.ekg"), corrected);
  fs::remove(path("out/a.ekg"));
  write_bytes(path("out/a.ekg.json"), "{}");
  expect_one_line(ekgine(command), 1, "a.ekg.json: ");
  EXPECT_EQ(read("out/a.ekg.json"), "{}");
}

TEST_F(Classify, WritesTheSameAtAnyNumberOfThreads) {
  expect_success(ekgine(classify({ecgs_ + "/b", "--quiet"})));
  expect_success(
      ekgine(classify({ecgs_ + "/b", "--quiet", "--threads", "3", "--output", path("other")})));
  for (const char* name : {"b.ekg", "b.ekg.csv", "b.ekg.html", "b.ekg.json"}) {
    EXPECT_EQ(read(std::string("out/") + name), read(std::string("other/") + name)) << name;
  }
}

TEST_F(Classify, GoesOnAfterARecordThatIsNone) {
  write_flat("ab");
  const std::string line =
      "ekgine: ab: no beats were found in lead LEAD0 (16.0 s): no ECG, or none that can be read\n";
  const ProcessResult stopped = ekgine(classify({ecgs_, "--quiet"}));
  EXPECT_EQ(stopped.status, 1);
  EXPECT_EQ(stopped.err, line);
  EXPECT_FALSE(fs::exists(path("out/b.ekg")));
  const ProcessResult result = ekgine(classify({ecgs_, "--keep-going", "--json", "--quiet"}));
  EXPECT_EQ(result.err, line);
  const auto json = json_of(result);
  EXPECT_EQ(json.at("records").size(), 2u);
  EXPECT_EQ(json.at("failed").at(0).at("record"), "ab");
  EXPECT_TRUE(fs::exists(path("out/b.ekg")));
  EXPECT_FALSE(fs::exists(path("out/ab.ekg")));
}

TEST_F(Classify, GoesOnAfterAFileThatCannotBeOpened) {
  write_bytes(path("broken.edf"), "none");
  const Arguments command =
      classify({path("broken.edf"), ecgs_ + "/none", ecgs_ + "/b", "--quiet"});
  EXPECT_EQ(ekgine(command).status, 1);
  EXPECT_FALSE(fs::exists(path("out")));
  const auto json = json_of(ekgine(command + Arguments{"--keep-going", "--json"}));
  ASSERT_EQ(json.at("failed").size(), 2u);
  EXPECT_EQ(json.at("failed").at(0).at("record"), "broken");
  EXPECT_EQ(json.at("failed").at(1).at("record"), "none");
  EXPECT_EQ(json.at("records").at(0).at("record"), "b");
  const auto named = json_of(ekgine(
      classify({"--database", ecgs_, "--records", "none,a", "--keep-going", "--json", "--quiet"})));
  EXPECT_EQ(named.at("failed").at(0).at("record"), "none");
  EXPECT_EQ(named.at("records").at(0).at("record"), "a");
}

// Parts of five recordings, at the same time and into one folder, one of whose processes another
// was killed as; then again.
TEST_F(Classify, PartsMakeTheWhole) {
  for (const char* name : {"c", "d"}) write_wfdb_record(ecgs_, ecg(name, 128));
  fs::create_directory(path("ecgs/p1"));
  write_wfdb_record(path("ecgs/p1"), ecg("e", 200));
  const Arguments all = classify({"--database", ecgs_, "--records", "a,b,p1/e,c,d", "--quiet"});
  expect_success(ekgine(all));
  fs::create_directories(path("parts/p1"));
  for (const char* left : {"parts/.ekgine.lock", "parts/p1/.ekgine.lock", "parts/a.ekg.partial",
                           "parts/p1/e.ekg.json.partial"}) {
    write_bytes(path(left), "");
  }
  for (const bool again : {false, true}) {
    std::vector<std::string> records;
    for (const Json& line : lines_of_parts(all + Arguments{"--output", path("parts")}, 3)) {
      records.push_back(line.at("record").text());
      EXPECT_EQ(line.at("status"), again ? "skipped" : "done") << line.dump();
    }
    EXPECT_THAT(records, UnorderedElementsAre("a", "b", "p1/e", "c", "d"));
    EXPECT_EQ(content_of(path("parts")), content_of(path("out")));
    for (const std::string& name : content_of(path("out"))) {
      if (fs::is_regular_file(path("out/" + name))) {
        EXPECT_EQ(read("parts/" + name), read("out/" + name)) << name;
      }
    }
  }
}

TEST_F(Classify, APartDoesNoMoreThanItself) {
  expect_success(ekgine(classify({ecgs_, "--shard", "2/2", "--quiet"})));
  EXPECT_THAT(content_of(path("out")),
              ElementsAre("b.ekg", "b.ekg.csv", "b.ekg.html", "b.ekg.json"));
  const ProcessResult none = ekgine(classify({ecgs_, "--shard", "3/3", "--output", path("none")}));
  expect_success(none);
  EXPECT_THAT(none.err, HasSubstr("no recording is left for part 3 of 3\n"));
  EXPECT_FALSE(fs::exists(path("none")));
  for (const char* part : {"0/2", "3/2", "1/0", "1", "a/2", "1/b", "-1/2", ""}) {
    expect_one_line(ekgine(classify({ecgs_, "--shard", part, "--output", path("none")})), 2,
                    "is no part of a list, expected K/N with 1 <= K <= N");
  }
  EXPECT_FALSE(fs::exists(path("none")));
}

TEST_F(Classify, SaysWhatPartsHaveNotDone) {
  write_wfdb_record(ecgs_, ecg("c", 128));
  const Arguments all = classify({ecgs_, "--quiet"}), merge = all + Arguments{"--merge"};
  const std::string missing = "records are not done, or of other files or options: ";
  expect_one_line(ekgine(merge), 1, "out: 3 of 3 " + missing + "a, b, c\n");
  EXPECT_FALSE(fs::exists(path("out")));
  const ProcessResult whole = ekgine(all + Arguments{"--shard", "1/2", "--json"});
  expect_success(whole);
  expect_one_line(ekgine(merge), 1, "out: 1 of 3 " + missing + "b\n");
  expect_success(ekgine(all + Arguments{"--shard", "2/2"}));
  const auto files = content_of(path("out"));
  const auto json = json_of(ekgine(merge + Arguments{"--json"}));
  ASSERT_EQ(json.at("records").size(), 3u);
  EXPECT_EQ(json.at("records").at(1).at("record"), "b");
  EXPECT_EQ(json.at("failed").size(), 0u);
  EXPECT_EQ(content_of(path("out")), files);
  expect_one_line(ekgine(merge + Arguments{"--invert"}), 1, "out: 3 of 3 " + missing);
  fs::remove(path("out/c.ekg.csv"));
  expect_one_line(ekgine(merge), 1, "out: 1 of 3 " + missing + "c\n");
  for (const char* flag : {"--shard=1/1", "--keep-going", "--json-lines"}) {
    expect_one_line(ekgine(merge + Arguments{flag}), 2, "--merge");
  }
}

TEST_F(Classify, PartsShareAFolderAndNobodyElseDoes) {
  fs::create_directory(path("out"));
  const std::string in_use = "out: another process is at work there";
  const Arguments whole = classify({ecgs_, "--quiet"}), part = whole + Arguments{"--shard", "1/1"};
  {
    LockHolder other(path("out"));
    expect_one_line(ekgine(whole), 1, in_use);
    expect_one_line(ekgine(part), 1, in_use);
  }
  LockHolder other(path("out"), DirectoryLock::Kind::shared);
  expect_one_line(ekgine(whole), 1, in_use);
  {
    // A process that was told to do the same.
    const AtomicFile place(path("out/a.ekg"));
    expect_one_line(ekgine(part), 1, "out/a.ekg: another process is at work there");
    const ProcessResult result = ekgine(part + Arguments{"--keep-going", "--json-lines"});
    EXPECT_EQ(result.status, 0);
    std::istringstream lines(result.out);
    std::string a, b;
    std::getline(lines, a);
    std::getline(lines, b);
    EXPECT_EQ(parse_json(a).at("status"), "failed");
    EXPECT_THAT(parse_json(a).at("error").text(), HasSubstr("another process is at work"));
    EXPECT_EQ(parse_json(b).at("status"), "done");
    EXPECT_EQ(parse_json(b).at("record"), "b");
  }
  expect_success(ekgine(part));
  EXPECT_TRUE(fs::exists(path("out/a.ekg")));
}

// The program with a text on its standard input.
ProcessResult ekgine_reading(const std::string& file, const Arguments& arguments) {
  Process process(
      "/bin/sh",
      Arguments{"-c", "exec \"$0\" \"$@\" < '" + file + "'", EKGINE_PROGRAM} + arguments);
  return process.wait();
}

TEST_F(Classify, TakesNamesFromStandardInput) {
  const Arguments command = classify({"--database", ecgs_, "--records", "-", "--quiet", "--json"});
  const auto records = [&](const std::string& text) {
    write_bytes(path("names"), text);
    std::vector<std::string> names;
    const auto json = json_of(ekgine_reading(path("names"), command));
    for (const auto& record : json.at("records")) {
      names.push_back(record.at("record").text());
    }
    return names;
  };
  EXPECT_THAT(records("b\na\n"), ElementsAre("b", "a"));
  EXPECT_THAT(records("\n  b , a\r\n\n"), ElementsAre("b", "a"));
  EXPECT_THAT(records("a"), ElementsAre("a"));
  const auto fails = [&](const std::string& text, int status, const std::string& expected) {
    write_bytes(path("names"), text);
    expect_one_line(ekgine_reading(path("names"), command), status, expected);
  };
  fails("", 1, "stdin: has no names of records");
  fails("\n \n", 1, "stdin: has no names of records");
  fails("a\nb\na\n", 2, "--records: record a is named twice");
  fails("a,,b\n", 2, "--records: found an empty record name");
  fails("../a\n", 1, "--records");
  write_bytes(path("names"), "");
  fs::resize_file(path("names"), (std::uintmax_t{1} << 24) + 1);
  expect_one_line(ekgine_reading(path("names"), command), 1, "stdin: has more than 16777216 bytes");
  expect_one_line(ekgine_reading(path("."), command), 1,
                  "stdin: cannot read names: Is a directory");
}

TEST_F(Classify, SaysWhatIsWrong) {
  const auto fails = [&](const Arguments& what, int status, const std::string& expected) {
    expect_one_line(ekgine(classify(what + Arguments{"--quiet"})), status, expected);
    EXPECT_FALSE(fs::exists(path("out"))) << expected;
  };
  fails({}, 2, "no recordings: name files, records or folders, or a --database");
  fails({ecgs_ + "/none"}, 1, "none: does not exist, nor with .hea, .edf, .bdf or .csv");
  fails({"--database", path("no-folder")}, 1, "no-folder: the folder does not exist");
  fails({"--database", ecgs_, "--records", "c"}, 1, "c: does not exist, nor with .hea, .edf");
  fails({ecgs_, ecgs_ + "/a"}, 2, "two recordings are called a");
  fails({ecgs_, "--records", "a"}, 2, "--records requires --database");
  fails({ecgs_, "--annotator", "x/y"}, 2, "'x/y' is no name of an annotator");
  fails({ecgs_, "--lead", "V5"}, 1, "a.hea: has no lead V5 (has 0 LEAD0)");
  fails({ecgs_, "--label-map", "ec57"}, 1,
        "model.safetensors: was trained on classes of label map reference, expected ec57");
  fails({ecgs_, "--weights", path("none")}, 1, "none: cannot open");
  write_flat("ab");
  fails({ecgs_ + "/ab"}, 1, "ab: no beats were found in lead LEAD0");
  write_wfdb_record(ecgs_, ecg("slow", 64));
  fails({ecgs_ + "/slow"}, 1, "slow.hea: the sampling frequency is 64 Hz, expected 100 to 10000");
  fs::resize_file(path("ecgs/b.dat"), 1000);
  fails({ecgs_ + "/b"}, 1, "b.dat: truncated: 1000 bytes");
}

TEST_F(Classify, FindsTheWeightsThatComeWithIt) {
  const std::string weights = EKGINE_SOURCE_DIR "/data/weights/mitdb-ds1.safetensors";
  const auto json = json_of(ekgine({"classify", ecgs_ + "/a", "--output", path("out"), "--json"}));
  EXPECT_EQ(json.at("records").at(0).at("inputs").at("weights"), sha256_of_file(weights));
  EXPECT_EQ(json.at("records").at(0).at("beats"), 20);
}

}  // namespace
}  // namespace ekgine::testing
