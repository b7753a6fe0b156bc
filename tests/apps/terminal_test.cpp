// Progress on a terminal: no line of it is wider than the terminal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/console.h"
#include "base/sha256.h"
#include "tests/apps/program.h"

namespace ekgine::testing {
namespace {

using ::testing::HasSubstr;

// The lines that were drawn one over another on a terminal.
std::vector<std::string> drawn_lines(std::string_view text) {
  constexpr std::string_view erase = "\r\x1b[K";
  std::vector<std::string> lines;
  for (std::size_t at = text.find(erase); at != std::string_view::npos; at = text.find(erase, at)) {
    at += erase.size();
    lines.emplace_back(text.substr(at, text.find_first_of("\r\n", at) - at));
  }
  return lines;
}

class Terminal : public SmallStore {
 protected:
  // The command, on terminals of several widths; `made` is removed before each.
  void expect_lines_that_fit(Arguments arguments, const std::string& made,
                             const std::string& progress) const {
    std::erase(arguments, "--quiet");
    struct Width {
      unsigned short told;
      const char* columns;
      int expected;
    };
    for (const Width& width :
         {Width{40, "500", 40}, Width{60, "", 60}, Width{200, "", 200}, Width{0, "50", 50}}) {
      SCOPED_TRACE(arguments[0] + " on " + std::to_string(width.expected) + " columns");
      std::filesystem::remove_all(path(made));
      const ProcessResult result = ekgine(
          arguments, {.directory = {},
                      .environment = {{"PATH", ""}, {"TERM", "xterm"}, {"COLUMNS", width.columns}},
                      .terminal_columns = width.told});
      expect_success(result);
      const std::vector<std::string> lines = drawn_lines(result.err);
      EXPECT_FALSE(lines.empty()) << result.err;
      EXPECT_THAT(result.err, HasSubstr("\r\x1b[K" + progress));
      for (const std::string& line : lines) EXPECT_LT(display_width(line), width.expected) << line;
    }
  }
};

TEST_F(Terminal, OfWorkOnRecords) {
  expect_lines_that_fit({"preprocess", "--database", database_, "--output", path("s")}, "s",
                        "preprocess");
  write_bytes(database_ + "/RECORDS", "901\n902\n903\n");
  std::string sums;
  for (const std::string& name : content_of(database_)) {
    sums += sha256_of_file(database_ + "/" + name) + " " + name + "\n";
  }
  write_bytes(database_ + "/SHA256SUMS.txt", sums);
  expect_lines_that_fit(
      {"download", "mitdb", "--mirror", "file://" + database_, "--output", path("d")}, "d",
      "download");
}

TEST_F(Terminal, OfTraining) {
  expect_lines_that_fit(training(path("r")) + Arguments{"--validation-records", "903"}, "r",
                        "epoch 1/1");
}

TEST_F(Terminal, OfStudies) {
  Arguments kfold = training(path("k"));
  kfold[0] = "kfold";
  expect_lines_that_fit(kfold + Arguments{"--k", "2", "--allow-absent-classes"}, "k", "epoch 1/1");
  write_bytes(path("space.toml"), "embed-dim = [2, 4]\n");
  Arguments tune = training(path("t"));
  tune[0] = "tune";
  expect_lines_that_fit(
      tune + Arguments{"--validation-records", "903", "--space", path("space.toml")}, "t",
      "epoch 1/1");
}

}  // namespace
}  // namespace ekgine::testing
