#include <gtest/gtest.h>

#include "tests/apps/program.h"

namespace ekgine::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ConfigFile : public SmallStore {
 protected:
  ProcessResult preprocess_with(const std::string& text) const {
    write_bytes(path("run.toml"), text);
    return ekgine({"preprocess", "--config", path("run.toml"), "--json", "--quiet"});
  }
  void refuses(const std::string& text, const std::string& expected) const {
    expect_one_line(preprocess_with(text), 2, expected);
  }
};

TEST_F(ConfigFile, GivesOptions) {
  const std::string places =
      "[preprocess]\ndatabase = \"" + database_ + "\"\noutput = '" + path("new") + "'\n";
  const auto records = [&](const std::string& text) {
    const ProcessResult result = preprocess_with(text);
    EXPECT_EQ(result.err, "");
    return parse_json(result.out).at("records").get<int>();
  };
  EXPECT_EQ(records(places), 3);
  EXPECT_EQ(records("# a comment\r\n\r\n" + places + "  records=\"901,903\" # two\r\n"), 2);
  EXPECT_EQ(records(places + "records = [ \"901\", '903' ]\n[train]\nepochs = 3\n"), 2);
  EXPECT_EQ(records("[train]\nepochs = 3\n[devices]\n" + places + "records = [902]"), 1);
  EXPECT_EQ(records(places + "scalograms = false\nthreads = 2\n"), 3);
  // The command line wins.
  write_bytes(path("run.toml"), places + "records = [902]\n");
  const ProcessResult result =
      ekgine({"--config", path("run.toml"), "preprocess", "--records", "901,902", "--json"});
  expect_success(result);
  EXPECT_EQ(parse_json(result.out).at("records"), 2);
}

TEST_F(ConfigFile, NamesMayHoldAnything) {
  const std::string name = folder_ / "a \"strange\" \\ name, [#]";
  std::string quoted;
  for (const char c : name)
    quoted += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  const ProcessResult result = preprocess_with("[preprocess]\ndatabase = '" + database_ +
                                               "'\noutput = \"" + quoted + "\"\n");
  expect_success(result);
  EXPECT_THAT(content_of(name), ElementsAre("901.h5", "902.h5", "903.h5", "store.json"));
}

TEST_F(ConfigFile, WrongLinesAreNamed) {
  const std::string at = path("run.toml") + ":";
  refuses("[preprocess]\n\ndatabse = \"x\"\n",
          at + "3: 'databse' is no option of ekgine preprocess; did you mean database?");
  refuses("[preprocess]\nepochs = 1\n", at + "2: 'epochs' is no option of ekgine preprocess");
  refuses("[preprocess]\nhelp = true\n", at + "2: 'help' is no option of ekgine preprocess");
  refuses("[preproces]\n", at + "1: [preproces] is no subcommand of ekgine");
  refuses("database = \"x\"\n", at + "1: 'database' stands before any section");
  refuses("[preprocess]\ndatabase = [['x']]\n", at + "2: expected no list within a list");
  refuses("[preprocess]\ndatabase = {a = 1}\n", at + "2: expected a number, text, true, false");
  // What is no TOML: the words are the library's, the place must be right.
  refuses("[preprocess]\ndatabase \"x\"\n", at + "2: ");
  refuses("[preprocess\n", at + "1: ");
  refuses("[preprocess]\nthreads = 1 2\n", at + "2: ");
  refuses("[preprocess]\ndatabase = x\n", at + "2: ");
  refuses("[preprocess]\ndatabase = \"x\n", at + "2: ");
  refuses("[preprocess]\ndatabase = \"\\x\"\n", at + "2: ");
  refuses("[preprocess]\nthreads = 1\nthreads = 1\n", at + "3: ");
  refuses("[preprocess]\nthreads = \"many\"\n", "--threads");
  refuses("[preprocess]\nrecords = ['901', '901']\n", "--records: record 901 is named twice");
  expect_one_line(ekgine({"preprocess", "--config", path("none.toml")}), 2, path("none.toml"));
  EXPECT_FALSE(std::filesystem::exists(path("new")));
}

}  // namespace
}  // namespace ekgine::testing
