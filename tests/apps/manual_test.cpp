// What is made from the options for man(1) and for bash, read by the latter.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "tests/apps/program.h"
#include "tests/support/temporary_directory.h"

namespace ekgine::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

std::string printed(const char* option) {
  const ProcessResult result = ekgine({option});
  expect_success(result);
  EXPECT_EQ(result.err, "");
  return result.out;
}

// What bash offers for the last of the words.
std::vector<std::string> completed(const std::vector<std::string>& words) {
  const TemporaryDirectory directory;
  write_bytes(directory / "script", printed("--completion"));
  write_bytes(directory / "a file", "");
  std::string script = "cd '" + directory.path().string() + "'; . ./script; COMP_WORDS=(ekgine";
  for (const std::string& word : words) script += " '" + word + "'";
  script += "); COMP_CWORD=" + std::to_string(words.size()) +
            "; _ekgine; printf '%s\\n' \"${COMPREPLY[@]}\"";
  const ProcessResult result = Process("/bin/bash", {"-uc", script}).wait();
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.err, "");
  std::vector<std::string> replies;
  std::istringstream lines(result.out);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) replies.push_back(line);
  }
  return replies;
}

TEST(Completion, OffersCommandsAndOptionsOfTheProgram) {
  EXPECT_THAT(completed({"pre"}), ElementsAre("preprocess"));
  EXPECT_THAT(completed({""}), AllOf(Contains("train"), Contains("--version")));
  EXPECT_THAT(completed({"--ver"}), ElementsAre("--version"));
}

TEST(Completion, OffersOptionsOfTheCommand) {
  EXPECT_THAT(completed({"train", "--train-r"}), ElementsAre("--train-records"));
  EXPECT_THAT(completed({"--quiet", "train", "--learning"}), ElementsAre("--learning-rate"));
  EXPECT_THAT(completed({"evaluate", "--learning"}), IsEmpty());
  EXPECT_THAT(completed({"train", "--"}), AllOf(Contains("--data"), Each(StartsWith("--"))));
}

TEST(Completion, OffersTheChoicesOfAnOption) {
  EXPECT_THAT(completed({"train", "--schedule", ""}), ElementsAre("cosine", "plateau", "constant"));
  EXPECT_THAT(completed({"train", "--epochs", "1", "--schedule", "p"}), ElementsAre("plateau"));
}

TEST(Completion, OffersFilesElsewhere) {
  EXPECT_THAT(completed({"train", "--data", "a"}), ElementsAre("a file"));
}

TEST(Manual, HasEveryOptionThatHelpHas) {
  const std::string page = printed("--manual");
  EXPECT_THAT(page, StartsWith(".TH EKGINE 1 "));
  for (const char* command : {"download", "preprocess", "train", "tune", "kfold", "final",
                              "pipeline", "evaluate", "score", "convert", "export", "devices"}) {
    const std::size_t section = page.find(std::string("\n.SH ekgine ") + command + "\n");
    ASSERT_NE(section, std::string::npos) << command;
    const std::string text = page.substr(section, page.find("\n.SH ", section + 1) - section);
    std::istringstream help(ekgine({command, "--help"}).out);
    int options = 0;
    for (std::string word; help >> word;) {
      if (!word.starts_with("--") || word.size() < 4) continue;
      std::string name = word.substr(0, word.find_first_of(",;:)."));
      for (std::size_t at = 0; (at = name.find('-', at)) != std::string::npos; at += 2) {
        name.insert(at, "\\");
      }
      EXPECT_THAT(text, HasSubstr(name)) << command << ' ' << word;
      ++options;
    }
    EXPECT_GT(options, 4) << command;
  }
}

// A line of text that begins with a dot or a quote is a request to roff; a hyphen without a
// backslash is printed as another character than the one that is typed.
TEST(Manual, HasNoRequestsButItsOwnAndHyphensThatCanBeCopied) {
  std::istringstream page(printed("--manual"));
  for (std::string line; std::getline(page, line);) {
    EXPECT_THAT(line, Not(StartsWith("'")));
    if (!line.starts_with('.')) {
      EXPECT_FALSE(std::regex_search(line, std::regex("(^|[^\\\\])-"))) << line;
      continue;
    }
    EXPECT_TRUE(line.starts_with(".TH ") || line.starts_with(".SH ") || line.starts_with(".SS ") ||
                line == ".TP" || line.starts_with(".B ") || line.starts_with(".I "))
        << line;
  }
}

}  // namespace
}  // namespace ekgine::testing
