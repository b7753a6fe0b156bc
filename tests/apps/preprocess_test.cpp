#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <set>

#include "data/store.h"
#include "tests/apps/program.h"
#include "tests/support/lock_holder.h"

namespace ekgine::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

TEST_F(SmallStore, PreprocessTellsWhatItMade) {
  const ProcessResult text =
      ekgine({"preprocess", "--database", database_, "--output", path("again")});
  expect_success(text);
  EXPECT_EQ(text.out, "");
  EXPECT_THAT(text.err, ::testing::HasSubstr(path("again") +
                                             ": 3 records, 54 beats (N 18, S 9, V 10, F 9, Q 8)"));
  EXPECT_THAT(text.err, ::testing::HasSubstr("Leads: LEAD0 (3 records); 360 Hz (3 records)\n"));
  const ProcessResult result = ekgine({"preprocess", "--database", database_, "--output",
                                       path("again"), "--records", "903,901", "--json"});
  expect_success(result);
  auto printed = parse_json(result.out);
  EXPECT_GT(printed.at("seconds").get<double>(), 0);
  printed.erase("seconds");
  EXPECT_EQ(printed, parse_json(R"({"store": ")" + path("again") +
                                R"(", "records": 2, "beats": 36,
                "classes": {"N": 12, "S": 6, "V": 7, "F": 6, "Q": 5},
                "unannotated_records": [], "unmeasured_beats": 0, "repeated_annotations": 0,
                "leads": {"LEAD0": 2}, "frequencies": {"360": 2}, "inverted": false, "sampling_frequency": 360.0})"));
  EXPECT_THAT(Store(path("again")).record_names(), ElementsAre("903", "901"));
  EXPECT_THAT(content_of(path("again")), ElementsAre("901.h5", "903.h5", "store.json"));
}

TEST_F(SmallStore, PreprocessReadsTheLeadThatIsAskedFor) {
  const auto made = [&](Arguments more) {
    Arguments command = {"preprocess", "--database", database_, "--output", path("again")};
    command.insert(command.end(), more.begin(), more.end());
    return ekgine(command);
  };
  expect_success(made({}));
  const RecordBeats first = Store(path("again")).read("901");
  const ProcessResult text = made({"--lead", "lead1", "--invert"});
  expect_success(text);
  EXPECT_THAT(text.err, ::testing::HasSubstr(
                            "Leads: LEAD1 (3 records), turned upside down; 360 Hz (3 records)"));
  EXPECT_TRUE(Store(path("again")).info().inverted);
  const RecordBeats inverted = Store(path("again")).read("901");
  EXPECT_EQ(inverted.lead, "LEAD1");
  expect_success(made({"--lead", "1"}));
  EXPECT_FALSE(Store(path("again")).info().inverted);
  const RecordBeats second = Store(path("again")).read("901");
  EXPECT_NE(second.beats, first.beats);
  ASSERT_EQ(second.beats.size(), inverted.beats.size());
  for (std::size_t i = 0; i < second.beats.size(); ++i) {
    ASSERT_EQ(second.beats[i], -inverted.beats[i]) << i;
  }
  expect_one_line(made({"--lead", "V9"}), 1, "has no lead V9 (has 0 LEAD0, 1 LEAD1) (--lead)");
}

TEST_F(SmallStore, PreprocessReadsAnyAnnotator) {
  for (const char* record : {"901", "902"}) {
    fs::rename(fs::path(database_) / (std::string(record) + ".atr"),
               fs::path(database_) / (std::string(record) + ".ecg"));
  }
  const Arguments command = {"preprocess",  "--database",  database_, "--output",
                             path("again"), "--annotator", "ecg"};
  const ProcessResult result = ekgine(command);
  expect_success(result);
  EXPECT_THAT(result.err,
              ::testing::HasSubstr("record 903 is left out: it has no annotations (.ecg file)"));
  EXPECT_THAT(Store(path("again")).record_names(), ElementsAre("901", "902"));
  Arguments other = command;
  other.back() = "x/y";
  expect_one_line(ekgine(other), 1,
                  "the annotator is 'x/y', expected the ending of a file's name, as atr");
  other.back() = "qrs";
  expect_one_line(ekgine(other), 1, "no record has annotations (.qrs files)");
}

// Of a real record with 2,953 beats, a third of them ectopic.
TEST_F(SmallStore, PreprocessCutsBeatsWhereTheyAreDetected) {
  const auto store_of = [this](const char* marks) {
    const ProcessResult result =
        ekgine({"preprocess", "--database", std::string(EKGINE_SOURCE_DIR) + "/data/samples",
                "--records", "208", "--output", path(marks), "--marks", marks, "--json"});
    expect_success(result);
    return parse_json(result.out);
  };
  const auto annotated = store_of("annotated"), detected = store_of("detected");
  EXPECT_FALSE(annotated.contains("missed_beats"));
  EXPECT_LE(detected.at("missed_beats").get<double>(), 20);
  EXPECT_LE(detected.at("extra_beats").get<double>(), 10);
  const RecordBeats there = Store(path("annotated")).read("208");
  const RecordBeats here = Store(path("detected")).read("208");
  EXPECT_EQ(here.size() + detected.at("missed_beats").get<std::int64_t>(), there.size());
  EXPECT_EQ(Store(path("annotated")).info().marks, BeatMarks::annotated);
  EXPECT_EQ(Store(path("detected")).info().marks, BeatMarks::detected);
  // Labels follow the beats, each within 150 ms of where it was annotated.
  std::int64_t moved = 0, at = 0;
  for (std::int64_t i = 0; i < here.size(); ++i) {
    const auto k = static_cast<std::size_t>(i);
    while (there.r_samples[static_cast<std::size_t>(at)] < here.r_samples[k] - same_beat) ++at;
    const auto annotation = static_cast<std::size_t>(at);
    ASSERT_LE(there.r_samples[annotation], here.r_samples[k] + same_beat);
    EXPECT_EQ(here.symbols[k], there.symbols[annotation]) << "beat " << i;
    if (here.r_samples[k] != there.r_samples[annotation]) ++moved;
    ++at;
  }
  EXPECT_GT(moved, 100);
}

TEST_F(SmallStore, PreprocessTellsWhatItLeftOut) {
  TestRecord record = random_record("904", 6, "NV", 8);
  record.signals[0][150] = -2048;
  record.annotations.push_back({1650, 'V', 1});
  write_wfdb_record(database_, record);
  write_wfdb_record(database_, random_record("noise", 6, "N", 9));
  fs::remove(fs::path(database_) / "noise.atr");
  const Arguments command = {"preprocess", "--database", database_, "--output", path("again")};
  const ProcessResult text = ekgine(command);
  expect_success(text);
  for (const char* line :
       {"record noise is left out: it has no annotations (.atr file)\n",
        "record 904: 1 beats are left out, with samples that were not measured\n",
        "record 904: 1 annotations are left out, of beats that others mark\n",
        "4 records, 59 beats"}) {
    EXPECT_THAT(text.err, ::testing::HasSubstr(line));
  }
  const ProcessResult result = ekgine(command + Arguments{"--json", "--quiet"});
  expect_success(result);
  EXPECT_EQ(result.err, "");
  const auto printed = parse_json(result.out);
  EXPECT_EQ(printed.at("unannotated_records"), parse_json(R"(["noise"])"));
  EXPECT_EQ(printed.at("unmeasured_beats"), 1);
  EXPECT_EQ(printed.at("repeated_annotations"), 1);
}

// Everything that can be wrong with a record ends in one line that names the file, and no store.
TEST_F(SmallStore, PreprocessRefusesDamagedRecords) {
  const struct {
    const char* file;
    std::function<void(std::string&)> damage;  // cleared: the file is removed
    const char* text;
  } cases[] = {
      {"902.hea", [](std::string& s) { s.clear(); }, "902 does not exist"},
      {"902.dat", [](std::string& s) { s.clear(); }, "902.dat: cannot open"},
      {"902.atr", [](std::string& s) { s.clear(); }, "902.atr: cannot open"},
      {"902.dat", [](std::string& s) { s.resize(s.size() / 2); },
       "902.dat: truncated: 8100 bytes, expected 16200"},
      {"902.hea", [](std::string& s) { s.resize(s.find('\n') + 1); }, "902.hea"},
      {"902.atr", [](std::string& s) { s.resize(s.size() - 2); }, "902.atr"},
      {"902.hea", [](std::string& s) { s.replace(s.find("5400"), 4, "5402"); },
       "902.dat: truncated: 16200 bytes, expected 16206"},
      {"902.hea", [](std::string& s) { s.replace(s.find("212"), 3, "9"); },
       "902.hea:2: format 9 is not supported (8, 16, 24, 32,"},
      {"902.hea", [](std::string& s) { s.replace(s.find("212"), 3, "16"); }, "902.hea:3: format"},
      {"902.dat", [](std::string& s) { s[1000] = static_cast<char>(s[1000] ^ 1); },
       "902.dat: the checksum of signal"},
      {"902.atr",
       [](std::string& s) {
         s = encode_wfdb_annotations({{200, 'N'}, {500, 'N'}, {900, 'N'}, {5400, 'V'}});
       },
       "902.atr: annotation 3 ('V') is at sample 5400, beyond the signal's 5400 samples"},
      {"902.atr",
       [](std::string& s) {
         s = encode_wfdb_annotations({{200, 'N'}, {500, '+'}, {900, 'N'}});
       },
       "902.atr: has 2 beats (label map reference), expected 3 or more"}};
  for (const auto& c : cases) {
    SCOPED_TRACE(std::string(c.file) + ": " + c.text);
    const fs::path file = fs::path(database_) / c.file;
    const std::string whole = read_file(file);
    std::string damaged = whole;
    c.damage(damaged);
    if (damaged.empty()) {
      fs::remove(file);
    } else {
      write_bytes(file, damaged);
    }
    // Where the record is asked for by name; else one without a header is none.
    expect_one_line(ekgine({"preprocess", "--database", database_, "--output", path("new"),
                            "--records", "901,902,903"}),
                    1, c.text);
    write_bytes(file, whole);
    EXPECT_THAT(content_of(folder_.path()),
                ::testing::Each(::testing::Not(::testing::HasSubstr("new"))));
  }
}

TEST_F(SmallStore, PreprocessNamesAllRecordsThatDoNotExist) {
  expect_one_line(ekgine({"preprocess", "--database", database_, "--output", path("new"),
                          "--records", "901,800,801"}),
                  1, database_ + ": records 800, 801 do not exist");
  expect_one_line(ekgine({"preprocess", "--database", database_, "--output", path("new"),
                          "--records", "901,,902"}),
                  2, "--records: found an empty record name");
  expect_one_line(ekgine({"preprocess", "--database", path("no"), "--output", path("new")}), 1,
                  path("no") + ": the database does not exist");
  expect_one_line(ekgine({"preprocess", "--database", database_, "--output", path("new"),
                          "--label-map", "aami"}),
                  1, "aami");
  EXPECT_FALSE(fs::exists(path("new")));
}

TEST_F(SmallStore, PreprocessLeavesTheOldStoreWhenItFails) {
  const auto old_store = [this] {
    std::vector<std::string> files;
    for (const std::string& name : content_of(store_)) files.push_back(read("store/" + name));
    return files;
  };
  const std::vector<std::string> before = old_store();
  ASSERT_EQ(before.size(), 4u);

  // A disk that fills up.
  expect_one_line(ekgine({"preprocess", "--database", database_, "--output", store_},
                         {.directory = {}, .environment = {}, .file_size_limit = 8192}),
                  1, store_);
  EXPECT_EQ(old_store(), before);

  // A place that cannot be written.
  write_bytes(path("file"), "");
  expect_one_line(ekgine({"preprocess", "--database", database_, "--output", path("file")}), 1,
                  path("file") + ": is a file, expected a folder");
  expect_one_line(ekgine({"preprocess", "--database", database_, "--output", path("file/store")}),
                  1, path("file/store"));
  expect_one_line(ekgine({"preprocess", "--database", database_, "--output", "/proc/store"}), 1,
                  "/proc/store");
  // A folder with other things in it.
  expect_one_line(ekgine({"preprocess", "--database", database_, "--output", database_}), 1,
                  "which is no part of a store; choose another folder");

  write_bytes(fs::path(database_) / "902.dat", "");
  expect_one_line(ekgine({"preprocess", "--database", database_, "--output", store_}), 1,
                  "902.dat");
  EXPECT_EQ(old_store(), before);
  EXPECT_THAT(content_of(folder_.path()),
              ::testing::Each(::testing::Not(::testing::HasSubstr(".partial"))));
}

// Of records, annotations, leads and sizes: what is written in parts is what is written whole.
class Parts : public SmallStore {
 protected:
  Parts() {
    fs::create_directory(path("database/p1"));
    write_wfdb_record(path("database/p1"), random_record("904", 16, "NAVF/N", 4));
    write_wfdb_record(database_, random_record("905", 12, "NNVFA/", 5));
  }
  Arguments making(const std::string& output, const Arguments& more = {}) const {
    return Arguments{"preprocess", "--database", database_, "--records", "903,901,p1/904,905,902",
                     "--threads",  "1",          "--quiet", "--output",  path(output)} +
           more;
  }
  void expect_same(const std::string& made, const std::string& expected) const {
    expect_same_files(path(made), path(expected));
  }
};

TEST_F(Parts, MakeTheStoreThatIsMadeInOne) {
  for (const Arguments& options : {Arguments{}, Arguments{"--scalograms", "--lead", "1"},
                                   Arguments{"--marks", "detected", "--invert"}}) {
    const ProcessResult whole = ekgine(making("whole", options + Arguments{"--json"}));
    expect_success(whole);
    std::vector<std::unique_ptr<Process>> parts;
    for (const char* part : {"1/3", "2/3", "3/3"}) {
      parts.push_back(std::make_unique<Process>(
          EKGINE_PROGRAM, making("parts", options + Arguments{"--shard", part})));
    }
    for (const auto& part : parts) expect_success(part->wait());
    const ProcessResult merged = ekgine(making("parts", options + Arguments{"--merge", "--json"}));
    expect_success(merged);
    expect_same("parts", "whole");
    EXPECT_FALSE(fs::exists(path("parts.parts")));
    auto said = parse_json(merged.out), expected = parse_json(whole.out);
    for (auto* json : {&said, &expected}) {
      json->erase("seconds");
      json->erase("store");
    }
    EXPECT_EQ(said, expected);
  }
}

TEST_F(Parts, SayWhatIsMissing) {
  expect_success(ekgine(making("whole")));
  expect_one_line(ekgine(making("parts", {"--merge"})), 1,
                  "parts.parts: does not exist: no part was made of");
  expect_success(ekgine(making("parts", {"--shard", "1/2"})));
  EXPECT_FALSE(fs::exists(path("parts")));
  const std::string missing =
      "parts.parts: 2 of 5 records are not done, or of other files or "
      "options: 901, 905\n";
  expect_one_line(ekgine(making("parts", {"--merge"})), 1, missing);
  // What a kill leaves.
  fs::create_directory(path("parts.parts/901%record.partial"));
  write_bytes(path("parts.parts/901%record.partial/901.h5.partial"), "half a file");
  write_bytes(path("parts.parts/901%record.partial/.ekgine.lock"), "");
  write_bytes(path("parts.parts/.ekgine.lock"), "");
  expect_one_line(ekgine(making("parts", {"--merge"})), 1, missing);
  expect_success(ekgine(making("parts", {"--shard", "2/2"})));
  expect_success(ekgine(making("parts", {"--merge"})));
  expect_same("parts", "whole");
  EXPECT_FALSE(fs::exists(path("parts.parts")));
}

TEST_F(Parts, AreDoneOnceForTheSameFilesAndOptions) {
  const auto done_already = [&](const Arguments& more) {
    const ProcessResult result =
        ekgine(making("parts", Arguments{"--shard", "1/2", "--json"} + more));
    expect_success(result);
    return parse_json(result.out).at("done_already").get<int>();
  };
  EXPECT_EQ(done_already({}), 0);
  EXPECT_EQ(done_already({}), 3);
  EXPECT_EQ(done_already({"--threads", "2"}), 3);
  for (const Arguments& other :
       {Arguments{"--label-map", "ec57"}, Arguments{"--marks", "detected"},
        Arguments{"--lead", "1"}, Arguments{"--invert"}, Arguments{"--scalograms"}}) {
    EXPECT_EQ(done_already(other), 0) << other[0];
    EXPECT_EQ(done_already(other), 3) << other[0];
  }
  EXPECT_EQ(done_already({}), 0);
  for (const char* file : {"903.hea", "p1/904.dat", "902.atr"}) {
    std::string bytes = read(std::string("database/") + file);
    if (fs::path(file).extension() == ".hea") {
      bytes += "# a comment\n";
    } else if (fs::path(file).extension() == ".dat") {
      write_wfdb_record(path("database/p1"), random_record("904", 16, "NAVF/N", 7));
      bytes = read("database/p1/904.dat");
    } else {
      write_wfdb_record(database_, random_record("902", 18, "NNV/FV", 2));
      bytes = read("database/902.atr");
    }
    write_bytes(path(std::string("database/") + file), bytes);
    EXPECT_EQ(done_already({}), 2) << file;
    EXPECT_EQ(done_already({}), 3) << file;
  }
}

TEST_F(Parts, GoOnAfterARecordThatIsNone) {
  fs::resize_file(path("database/901.dat"), 100);
  const Arguments part = making("parts", {"--shard", "2/2"});
  EXPECT_EQ(ekgine(part).status, 1);
  const ProcessResult result = ekgine(part + Arguments{"--keep-going", "--json"});
  expect_success(result);
  const auto json = parse_json(result.out);
  EXPECT_EQ(json.at("failed"), parse_json(R"(["901"])"));
  EXPECT_EQ(json.at("records"), 1);
  EXPECT_TRUE(fs::exists(path("parts.parts/905%record")));
  EXPECT_FALSE(fs::exists(path("parts.parts/901%record")));
  const ProcessResult none = ekgine(making("parts", {"--shard", "2/5", "--keep-going"}));
  EXPECT_EQ(none.status, 1);
  EXPECT_THAT(none.err, ::testing::EndsWith("ekgine: none of 1 records could be done\n"));
}

TEST_F(Parts, TellOfEachRecord) {
  fs::resize_file(path("database/901.dat"), 100);
  const Arguments part =
      making("parts", {"--shard", "1/1", "--keep-going", "--json-lines", "--threads", "2"});
  for (const char* status : {"done", "skipped"}) {
    const ProcessResult result = ekgine(part);
    expect_success(result);
    EXPECT_THAT(result.err, ::testing::ContainsRegex("^ekgine: [^\n]*901.dat[^\n]*\n$"));
    std::set<std::string> records;
    for (const Json& line : lines_of(result.out)) {
      const std::string record = line.at("record").text();
      EXPECT_EQ(line.at("status"), record == "901" ? "failed" : status);
      EXPECT_EQ(line.contains("error"), record == "901");
      EXPECT_GT(line.at("seconds").get<double>(), 0);
      records.insert(record);
    }
    EXPECT_EQ(records, (std::set<std::string>{"901", "902", "903", "905", "p1/904"}));
  }
}

TEST_F(Parts, SurviveKills) {
  expect_success(ekgine(making("whole")));
  for (const int seed : {1, 2}) {
    SCOPED_TRACE(seed);
    expect_done_in_spite_of_kills(making("parts", {"--shard", "1/1"}), seed);
    expect_success(ekgine(making("parts", {"--merge"})));
    expect_same("parts", "whole");
    fs::remove_all(path("parts"));
  }
}

TEST_F(Parts, AreOneProcessesEach) {
  const Arguments part = making("parts", {"--shard", "1/1"}), merge = making("parts", {"--merge"});
  expect_merged_alone(part, merge, path("parts.parts"));
  {
    LockHolder other(path("parts.parts/901%record"));
    expect_one_line(ekgine(part), 1, "901%record: another process is at work there");
  }
  // Damaged since.
  std::string file = read("parts.parts/901%record/901.h5");
  file[file.size() / 2] ^= 1;
  write_bytes(path("parts.parts/901%record/901.h5"), file);
  expect_one_line(ekgine(merge), 1, "901%record/901.h5: ");
  EXPECT_FALSE(fs::exists(path("parts")));
  for (const char* wrong : {"0/1", "2/1", "x"}) {
    expect_one_line(ekgine(making("parts", {"--shard", wrong})), 2, "is no part of a list");
  }
  expect_one_line(ekgine(merge + Arguments{"--shard", "1/1"}), 2, "--merge");
  expect_one_line(ekgine(merge + Arguments{"--keep-going"}), 2, "--keep-going requires --shard");
}

}  // namespace
}  // namespace ekgine::testing
