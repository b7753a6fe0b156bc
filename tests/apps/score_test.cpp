#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>

#include "tests/apps/program.h"

namespace ekgine::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

// What bxb and sumstats print for the annotations in fixtures/ec57 (its README says how they were
// made), byte for byte.
class ScoreGolden : public ::testing::Test {
 protected:
  static std::string expected(const std::string& name) {
    return read_file(fixtures() / "expected" / name);
  }
  static fs::path fixtures() { return fs::path(EKGINE_SOURCE_DIR) / "tests/apps/fixtures/ec57"; }
  static ProcessResult score(const std::string& records, const Arguments& more) {
    ProcessResult result = ekgine(Arguments{"score", "--database", fixtures(), "--reference", "atr",
                                            "--test", "tst", "--records", records} +
                                  more);
    expect_success(result);
    EXPECT_EQ(result.err, "");
    return result;
  }
  static std::string mitdb(const Arguments& more) { return score(mitdb_records, more).out; }

  static constexpr const char* mitdb_records = "100,106,119,200,207,208,217,223";
};

TEST_F(ScoreGolden, ReportsAreThoseOfBxb) {
  EXPECT_EQ(mitdb({"--format", "report"}), expected("mitdb.S.txt"));
  EXPECT_EQ(mitdb({"--format", "report", "--no-sveb"}), expected("mitdb.s.txt"));
  EXPECT_EQ(mitdb({"--format", "condensed"}), expected("mitdb.C.txt"));
  EXPECT_EQ(mitdb({"--format", "condensed", "--no-sveb"}), expected("mitdb.c.txt"));
  EXPECT_EQ(mitdb({"--format", "disagreements"}), expected("mitdb.v.txt"));
}

TEST_F(ScoreGolden, LinesAreThoseOfBxb) {
  EXPECT_EQ(mitdb({"--format", "lines"}), expected("mitdb.L1.txt"));
  EXPECT_EQ(mitdb({"--format", "shutdowns"}), expected("mitdb.L2.txt"));
  EXPECT_EQ(mitdb({"--format", "lines", "--no-sveb"}), expected("mitdb.l1.txt"));
  EXPECT_EQ(mitdb({"--format", "shutdowns", "--no-sveb"}), expected("mitdb.l2.txt"));
}

TEST_F(ScoreGolden, StartEndAndWindowAreThoseOfBxb) {
  const Arguments part = {"--start", "10:00", "--end", "0:20:0", "--window", "0.05"};
  EXPECT_EQ(mitdb(part + Arguments{"--format", "lines"}), expected("mitdb.part.L1.txt"));
  EXPECT_EQ(mitdb(part + Arguments{"--format", "shutdowns"}), expected("mitdb.part.L2.txt"));
  EXPECT_EQ(mitdb({"--start", "0", "--format", "lines"}), expected("mitdb.f0.L1.txt"));
  EXPECT_EQ(mitdb({"--start", "0", "--format", "shutdowns"}), expected("mitdb.f0.L2.txt"));
}

// All codes, rates, borders: fixtures/ec57/README.md.
TEST_F(ScoreGolden, MadeRecordsAreScoredAsBxbDoes) {
  std::string records;
  for (int i = 1; i <= 20; ++i) records += fmt::format("{}u{:02}", i == 1 ? "" : ",", i);
  EXPECT_EQ(score(records, {"--format", "report"}).out, expected("cases.S.txt"));
  EXPECT_EQ(score(records, {"--format", "disagreements"}).out, expected("cases.v.txt"));
}

TEST_F(ScoreGolden, SummariesAreThoseOfSumstats) {
  EXPECT_THAT(mitdb({}),
              StartsWith(expected("sumstats.L1.txt") + "\n" + expected("sumstats.L2.txt") +
                         "\n95 % intervals over records (1,000 bootstrap draws)\n"));
  // But for what sumstats gets wrong: it halves the gross percentages of beats missed in shutdowns.
  std::string shutdowns = expected("sumstats.l2.txt");
  const std::string halved = "0.45   0.43   0.49   0.80\n", right = "0.90   0.86   0.98   1.61\n";
  ASSERT_NE(shutdowns.find(halved), std::string::npos);
  shutdowns.replace(shutdowns.find(halved), halved.size(), right);
  EXPECT_THAT(mitdb({"--no-sveb"}), StartsWith(expected("sumstats.l1.txt") + "\n" + shutdowns));
}

TEST_F(ScoreGolden, JsonHasTheFiguresOfSumstats) {
  const auto printed = parse_json(mitdb({"--json"}));
  const auto percent = [&](const char* aggregate, const char* group, const char* figure) {
    return printed.at(aggregate).at(group).at(figure).get<double>();
  };
  const struct {
    const char *group, *figure;
    double gross, average;
  } figures[] = {
      {"qrs", "sensitivity", 96.60, 96.62},         {"qrs", "positive_predictivity", 97.97, 97.98},
      {"veb", "sensitivity", 93.19, 94.18},         {"veb", "positive_predictivity", 94.61, 82.44},
      {"sveb", "sensitivity", 95.93, 95.88},        {"sveb", "positive_predictivity", 48.36, 29.43},
      {"veb", "false_positive_rate", 1.315, 1.342},
  };
  for (const auto& f : figures) {
    EXPECT_NEAR(percent("gross", f.group, f.figure), f.gross, 0.005) << f.group << f.figure;
    EXPECT_NEAR(percent("average", f.group, f.figure), f.average, 0.005) << f.group << f.figure;
    for (const char* aggregate : {"gross", "average"}) {
      const auto& interval =
          printed.at(aggregate).at(f.group).at(std::string(f.figure) + "_interval");
      ASSERT_THAT(interval, SizeIs(2));
      EXPECT_LE(interval[0].get<double>(), percent(aggregate, f.group, f.figure));
      EXPECT_GE(interval[1].get<double>(), percent(aggregate, f.group, f.figure));
    }
  }
  EXPECT_NEAR(printed.at("average").at("rms_rr_error_ms").get<double>(), 179.34, 0.005);
  ASSERT_THAT(printed.at("records"), SizeIs(8));
  const auto& record = printed.at("records").at(5);
  EXPECT_EQ(record.at("record"), "208");
  EXPECT_NEAR(record.at("sveb").at("positive_predictivity").get<double>(), 100.0 * 2 / 36, 1e-9);
  EXPECT_EQ(record.at("matrix").at(0), parse_json("[1216, 17, 9, 6, 13, 33, 14]"));
  EXPECT_EQ(record.at("shutdown_seconds"), 14);
  EXPECT_EQ(printed.at("labels"), "NSVFQOX");
  EXPECT_EQ(printed.at("reference"), "atr");
  EXPECT_EQ(printed.at("start"), 300);
  EXPECT_TRUE(printed.at("end").is_null());
}

TEST_F(ScoreGolden, WhatIsNotDefinedIsNull) {
  const auto printed = parse_json(score("u10", {"--json"}).out);
  EXPECT_EQ(printed.at("gross").at("qrs").at("sensitivity"), 0);
  EXPECT_TRUE(printed.at("gross").at("qrs").at("positive_predictivity").is_null());
  EXPECT_TRUE(printed.at("average").at("rms_rr_error_ms").is_null());
  EXPECT_TRUE(printed.at("gross").at("qrs").at("sensitivity_interval").is_null()) << "one record";
  EXPECT_TRUE(printed.at("records").at(0).at("sveb").at("positive_predictivity").is_null());
}

// Two records, of 7 beats each from 5:00 on.
class Score : public ::testing::Test {
 protected:
  Score() {
    fs::create_directories(folder_ / "database/p1");
    fs::create_directory(folder_ / "other");
    for (const char* name : {"901", "p1/a"}) {
      write_bytes(database_ / (std::string(name) + ".hea"), "r 0 360 720000\n");
      annotate(name, "atr");
      annotate(name, "tst");
    }
  }
  void annotate(const std::string& record, const std::string& annotator) const {
    std::vector<TestAnnotation> beats = {{0, '+'}};
    for (int i = 0; i < 7; ++i) beats.push_back({108'000 + 400 * i, i == 3 ? 'V' : 'N'});
    write_bytes(database_ / (record + "." + annotator), encode_wfdb_annotations(beats));
  }
  void write(const std::string& name, const std::vector<TestAnnotation>& annotations) const {
    write_bytes(database_ / name, encode_wfdb_annotations(annotations));
  }
  ProcessResult score(const Arguments& more) const {
    return ekgine(Arguments{"score", "--database", database_, "--test", "tst"} + more);
  }

  TemporaryDirectory folder_;
  const fs::path database_ = folder_ / "database";
};

TEST_F(Score, TakesTheRecordsThatBothHave) {
  write_bytes(database_ / "RECORDS", "901\np1/a\nnoise\nplain\n");
  write_bytes(database_ / "noise.hea", "r 0 360 720000\n");
  write_bytes(database_ / "plain.hea", "r 0 360 720000\n");
  annotate("plain", "atr");
  const ProcessResult result = score({"--format", "lines"});
  expect_success(result);
  EXPECT_THAT(result.out, AllOf(HasSubstr("\n 901     6   0"), HasSubstr("\np1/a     6   0")));
  EXPECT_EQ(result.err, "record plain is left out: " + (database_ / "plain.tst").string() +
                            " does not exist\n");
  EXPECT_EQ(score({"--format", "lines", "--quiet"}).err, "");
}

TEST_F(Score, TheTestAnnotatorMayLieElsewhere) {
  fs::rename(database_ / "901.tst", folder_ / "other/901.ekg");
  const ProcessResult result =
      ekgine({"score", "--database", database_, "--reference", "atr", "--test", "ekg",
              "--test-database", folder_ / "other", "--json"});
  expect_success(result);
  const auto printed = parse_json(result.out);
  EXPECT_EQ(printed.at("gross").at("veb").at("sensitivity"), 100);
  EXPECT_THAT(printed.at("records"), SizeIs(1));
}

TEST_F(Score, MarksOfAllKinds) {
  // Codes by their symbols: VF hides the beat at 110,500, a shutdown of the test that at 111,500.
  write("901.atr", {{108'000, 'N'},
                    {109'000, 'e'},
                    {110'000, '['},
                    {110'500, 'V'},
                    {111'000, ']'},
                    {111'500, 'f'},
                    {112'500, '!'},
                    {113'000, 'r'}});
  write("901.tst", {{108'000, 'L'},
                    {109'000, 'j'},
                    {110'500, 'V'},
                    {111'200, '~', 0, 0x30},
                    {111'600, '~', 0, 0x10},
                    {113'000, 'E'}});
  const ProcessResult result = score({"--records", "901", "--json"});
  expect_success(result);
  const auto printed = parse_json(result.out);
  EXPECT_EQ(printed.at("records").at(0).at("matrix"), parse_json(R"(
      [[1, 0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0],
       [0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0]])"));
  EXPECT_EQ(printed.at("records").at(0).at("shutdown_seconds"), 1);
  // Without SVEBs escape beats are normal.
  EXPECT_THAT(score({"--records", "901", "--format", "report", "--no-sveb"}).out,
              HasSubstr("\n N |    2    0    0    0    0    0\n"));
}

// One line that names the file or option, and nothing on stdout.
TEST_F(Score, NamesWhatIsWrong) {
  const auto refuses = [&](const Arguments& more, int status, const std::string& text) {
    SCOPED_TRACE(text);
    expect_one_line(score(more), status, text);
  };
  const std::string folder = database_;
  refuses({"--records", "901,902,903"}, 1,
          folder + "/902.hea, " + folder + "/903.hea do not exist");
  refuses({"--records", "901", "--reference", "qrs"}, 1, folder + "/901.qrs does not exist");
  refuses({"--records", "901", "--test-database", folder_ / "none"}, 1,
          "none/901.tst does not exist");
  refuses({"--reference", "qrs"}, 1, folder + ": no record has annotations by both qrs and tst");
  refuses({"--test-database", folder_ / "other"}, 1,
          "no record has annotations by both atr and tst, the latter in " +
              std::string(folder_ / "other"));
  refuses({"--records", "../901"}, 1, "--records");
  refuses({"--records", "901", "--start", "30:00"}, 1,
          folder + "/901.atr: has no beats in what is scored, from 30:00 on");
  refuses({"--records", "901", "--start", "1:00", "--end", "299"}, 1,
          "901.atr: has no beats in what is scored, from 1:00 to 4:59");
  refuses({"--records", "901", "--start", "10:00", "--end", "10:00"}, 2,
          "--end must be after --start, which is 10:00");
  for (const char* time :
       {"", "x", "-1", "1:", ":1", "1:2:3:4", "1e3", "nan", "inf", "1:-2", "99999999999"}) {
    refuses({"--start", time}, 2,
            std::string("--start: '") + time + "' is no time, expected SECONDS,");
  }
  refuses({"--window", "-1"}, 2, "--window");
  refuses({"--format", "line"}, 2, "did you mean lines?");
  refuses({"--test", "a/b"}, 2, "'a/b' is no name of an annotator");
  refuses({"--protocol", "ds1"}, 2, "'ds1' is none of ds1ds2; did you mean ds1ds2?");
  expect_one_line(ekgine({"score", "--database", folder}), 2, "--test is required");
}

// A fault of one of several records names its file.
TEST_F(Score, NamesTheFileThatIsDamaged) {
  const struct {
    const char* file;
    std::function<void(std::string&)> damage;
    const char* text;
  } cases[] = {
      {"901.atr", [](std::string& s) { s.resize(s.size() - 2); }, "901.atr"},
      {"p1/a.tst", [](std::string& s) { s.resize(5); }, "p1/a.tst"},
      {"p1/a.tst", [](std::string& s) { s.clear(); }, "p1/a.tst"},
      {"901.hea", [](std::string& s) { s = "901 zero 360\n"; }, "901.hea:1: the number of signals"},
      {"901.atr",
       [](std::string& s) {
         s = encode_wfdb_annotations({{0, '+'}, {108'500, '~'}});
       },
       "901.atr: has no beats in what is scored, from 5:00 on"},
      {"901.atr",
       [](std::string& s) {
         s = encode_wfdb_annotations({{10, '['}, {108'500, 'V'}, {200'000, ']'}});
       },
       "901.atr: has no beats in what is scored, from 5:00 on"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.file);
    const std::string whole = read_file(database_ / c.file);
    std::string content = whole;
    c.damage(content);
    write_bytes(database_ / c.file, content);
    expect_one_line(score({"--records", "p1/a,901"}), 1, c.text);
    write_bytes(database_ / c.file, whole);
  }
  expect_success(score({"--records", "p1/a,901"}));
}

TEST_F(Score, TakesTheTestRecordsOfAProtocol) {
  const std::string folder = database_;
  expect_one_line(score({"--protocol", "ds1ds2", "--records", "100,101"}), 2,
                  "--records: 101 is no test record of --protocol ds1ds2");
  expect_one_line(
      score({"--protocol", "ds1ds2"}), 1,
      AllOf(HasSubstr(folder + "/100.hea, "), HasSubstr(folder + "/234.hea do not exist"),
            ::testing::Not(HasSubstr("/101.hea"))));
  for (const char* file : {"100.hea", "100.atr", "100.tst"}) {
    fs::copy(database_ / ("901" + std::string(file).substr(3)), database_ / file);
  }
  const ProcessResult result = score({"--protocol", "ds1ds2", "--records", "100", "--json"});
  expect_success(result);
  EXPECT_EQ(result.err,
            "records 201 and 202 are of one patient and stand on both sides of the split\n");
  EXPECT_EQ(parse_json(result.out).at("gross").at("qrs").at("sensitivity"), 100);
}

// Every record of the database against itself is right in all; it takes a moment.
TEST(ScoreDatabase, EveryRecordAgreesWithItself) {
  const char* database = std::getenv("EKGINE_DATABASE");
  if (database == nullptr) GTEST_SKIP() << "the variable EKGINE_DATABASE is not set";
  const ProcessResult result =
      ekgine({"score", "--database", database, "--reference", "atr", "--test", "atr", "--json"});
  expect_success(result);
  const auto printed = parse_json(result.out);
  EXPECT_THAT(printed.at("records"), SizeIs(48));
  for (const char* group : {"qrs", "sveb", "veb"}) {
    EXPECT_EQ(printed.at("gross").at(group).at("sensitivity"), 100);
    EXPECT_EQ(printed.at("gross").at(group).at("positive_predictivity"), 100);
  }
}

}  // namespace
}  // namespace ekgine::testing
