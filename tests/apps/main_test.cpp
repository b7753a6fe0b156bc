#include <gtest/gtest.h>

#include "tests/apps/program.h"

namespace ekgine::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Program, HelpExplainsEverySubcommand) {
  const ProcessResult all = ekgine({"--help"});
  EXPECT_EQ(all.status, 0);
  EXPECT_EQ(all.err, "");
  const std::pair<const char*, std::vector<const char*>> subcommands[] = {
      {"download", {"NAME", "--output", "--mirror", "--records", "--all-files"}},
      {"preprocess", {"--database", "--output", "--records", "--label-map", "--scalograms"}},
      {"train",
       {"--data", "--splits", "--train-records", "--validation-records", "--test-records",
        "--model", "--embed-dim", "--dropout", "--epochs", "--batch-size", "--learning-rate",
        "--schedule", "--class-weights", "--shuffle", "--precision", "--seed", "--output",
        "--resume", "--tensorboard"}},
      {"evaluate",
       {"--weights", "--data", "--database", "--marks", "--lead", "--invert", "--records",
        "--splits", "--protocol", "--normalise-on", "--output"}},
      {"convert", {"IN", "OUT", ".keras", ".onnx", "--data", "--normalise-on"}},
      {"devices", {}}};
  for (const auto& [name, words] : subcommands) {
    EXPECT_THAT(all.out, HasSubstr(std::string("\n  ") + name + " "));
    const ProcessResult one = ekgine({name, "--help"});
    EXPECT_EQ(one.status, 0) << name;
    EXPECT_EQ(one.err, "") << name;
    for (const char* word : words) EXPECT_THAT(one.out, HasSubstr(word)) << name;
    for (const char* word : {"--json", "--quiet", "--threads", "--device"}) {
      EXPECT_THAT(one.out, HasSubstr(word)) << name;
    }
  }
}

TEST(Program, TellsItsVersion) {
  const ProcessResult result = ekgine({"--version"});
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.out,
              ::testing::MatchesRegex(
                  "ekgine [0-9]+\\.[0-9]+\\.[0-9]+( \\(commit [0-9a-f]{12}[+]?\\))?\n"));
}

TEST(Program, WrongUsageIsOneLineAndStatus2) {
  expect_one_line(ekgine({}), 2, "a subcommand is required (see ekgine --help)");
  expect_one_line(ekgine({"trian"}), 2, "The following argument was not expected: trian");
  expect_one_line(ekgine({"--fast"}), 2, "The following argument was not expected: --fast");
  expect_one_line(ekgine({"devices", "--fast"}), 2,
                  AllOf(HasSubstr("The following argument was not expected: --fast"),
                        HasSubstr("(see ekgine devices --help)")));
  expect_one_line(ekgine({"preprocess", "--output", "x"}), 2, "--database is required");
  expect_one_line(ekgine({"devices", "--threads", "many"}), 2, "--threads");
  expect_one_line(ekgine({"devices", "--threads", "-1"}), 2, "--threads");
  expect_one_line(ekgine({"devices", "--device", "tpu"}), 2, "--device");
}

TEST(Program, SuggestsWhatMayHaveBeenMeant) {
  expect_one_line(ekgine({"evalute", "--weights", "w"}), 2,
                  "not expected: evalute; did you mean evaluate? (see ekgine --help)");
  expect_one_line(ekgine({"train", "--epoch", "3"}), 2,
                  "not expected: --epoch; did you mean --epochs? (see ekgine train --help)");
  expect_one_line(ekgine({"train", "--epoch=3"}), 2, "--epoch; did you mean --epochs?");
  expect_one_line(ekgine({"evaluate", "--weigths", "w", "--data", "d"}), 2,
                  "not expected: --weigths; did you mean --weights?");
  expect_one_line(
      ekgine({"devices", "--device", "cuad"}), 2,
      "--device: 'cuad' is none of auto, cpu, cuda, cuda:0, cuda:1, cuda:2, cuda:3, cuda:4, "
      "cuda:5, cuda:6, cuda:7; did you mean cuda?");
  expect_one_line(ekgine({"train", "--data", "d", "--model", "Main_Modl"}), 2,
                  "did you mean Main_Model?");
  expect_one_line(ekgine({"train", "--data", "d", "--train-records", "1", "--shuffle", "steam"}), 2,
                  "did you mean stream?");
  expect_one_line(
      ekgine({"preprocess", "--database", "d", "--output", "o", "--label-map", "refrence"}), 1,
      "did you mean reference?");
}

TEST(Program, ShowsNoAddressThatItDoesNotExpect) {
  expect_one_line(ekgine({"download", "--mirorr=http://me:word@host/"}), 2,
                  AllOf(HasSubstr("--mirorr; did you mean --mirror?"), Not(HasSubstr("word"))));
  expect_one_line(ekgine({"evaluate", "http://me:word@host/"}), 2, Not(HasSubstr("word")));
}

#if !EKGINE_HAS_CUDA
TEST(Program, SaysThatThereIsNoCuda) {
  expect_one_line(ekgine({"devices", "--device", "cuda"}), 1,
                  "--device cuda: this build has no CUDA back end; use --device cpu");
}
#endif

}  // namespace
}  // namespace ekgine::testing
