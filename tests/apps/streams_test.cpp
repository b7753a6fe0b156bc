// Streams that are closed, full or read by nobody: messages are lost, work never, and a result that
// could not be written is an error.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "base/sha256.h"
#include "tests/apps/program.h"

namespace ekgine::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// The program, run by a shell with these redirections.
ProcessResult with_streams(const std::string& redirections, const Arguments& arguments,
                           const ProcessOptions& options = {}) {
  Process process("/bin/sh",
                  Arguments{"-c", "exec \"$0\" \"$@\" " + redirections, EKGINE_PROGRAM} + arguments,
                  options);
  ProcessResult result = process.wait();
  EXPECT_FALSE(result.timed_out) << redirections << ::testing::PrintToString(arguments);
  return result;
}

class Streams : public SmallStore {
 protected:
  // Without --quiet, so that there is something to print.
  Arguments tiny_training(const std::string& output) const {
    return {"train",
            "--data",
            store_,
            "--train-records",
            "901,902",
            "--model",
            "Baseline_Model",
            "--embed-dim",
            "8",
            "--epochs",
            "1",
            "--threads",
            "1",
            "--allow-absent-classes",
            "--validation-records",
            "903",
            "--output",
            output};
  }
  std::string weights() {
    const std::string run = path("weights-run");
    expect_success(ekgine(tiny_training(run) + Arguments{"--quiet"}));
    return run + "/model.safetensors";
  }

  // Commands that run for long and write much, here small; each ends by writing a file.
  struct Long {
    Arguments arguments;
    std::string last;
  };
  std::vector<Long> long_commands() const {
    std::string sums;
    for (const std::string& name : content_of(database_)) {
      sums += sha256_of_file(fs::path(database_) / name) + " " + name + "\n";
    }
    write_bytes(path("SHA256SUMS.txt"), sums);
    fs::rename(path("SHA256SUMS.txt"), database_ + "/SHA256SUMS.txt");
    write_bytes(path("space.toml"), "embed-dim = [2, 4]\n");
    const Arguments tiny = {"--embed-dim", "4", "--batch-size", "16",        "--epochs", "1",
                            "--threads",   "1", "--output",     path("long")};
    const Arguments model = Arguments{"--data", store_, "--model", "Baseline_Model"} + tiny;
    return {
        {Arguments{"kfold", "--k", "2", "--train-records", "901,903"} + model, "metrics.json"},
        {Arguments{"tune", "--space", path("space.toml"), "--train-records", "901,902",
                   "--validation-records", "903", "--factor", "2"} +
             model,
         "trials.json"},
        {Arguments{"final", "--train-records", "901,902", "--test-records", "903"} + model,
         "result.json"},
        {Arguments{"pipeline", "--database", database_, "--models", "Baseline_Model", "--k", "0",
                   "--tune-epochs", "0", "--train-records", "901,902", "--test-records", "903"} +
             tiny,
         "index.html"},
        {{"download", "--mirror", "file://" + database_, "--output", path("long"), "--json"},
         "903.atr"}};
  }
  // Without gnuplot, which would take most of the time.
  ProcessResult run_long(const std::string& redirections, const Arguments& arguments) const {
    fs::remove_all(path("long"));
    return with_streams(redirections, arguments, {.environment = {{"PATH", ""}}});
  }
};

TEST_F(Streams, ClosedOrFullStderrCostsNoWork) {
  for (const char* redirection : {"2>&-", "2>/dev/full", "2>&- <&- >/dev/null"}) {
    SCOPED_TRACE(redirection);
    for (const char* made : {"store2", "run"}) fs::remove_all(path(made));
    EXPECT_EQ(with_streams(redirection,
                           {"preprocess", "--database", database_, "--output", path("store2")})
                  .status,
              0);
    EXPECT_EQ(with_streams(redirection, tiny_training(path("run"))).status, 0);
    EXPECT_TRUE(fs::exists(path("run/report.txt")));
    EXPECT_EQ(with_streams(redirection,
                           {"convert", path("run/model.safetensors"), path("copy.safetensors")})
                  .status,
              0);
    EXPECT_EQ(
        with_streams(redirection, {"evaluate", "--weights", path("run/model.safetensors"), "--data",
                                   store_, "--records", "903", "--output", path("evaluation")})
            .status,
        0);
    EXPECT_EQ(with_streams(redirection, {"export", "--predictions", path("run/predictions.h5"),
                                         "--npz", path("p.npz")})
                  .status,
              0);
    EXPECT_EQ(with_streams(redirection, {"devices"}).status, 0);
    EXPECT_EQ(
        with_streams(redirection, {"preprocess", "--database", "nope", "--output", path("store3")})
            .status,
        1);
    EXPECT_EQ(with_streams(redirection, {"devices", "--fast"}).status, 2);
  }
}

TEST_F(Streams, ClosedOrFullStderrCostsNoWorkOfLongCommands) {
  for (const auto& [arguments, last] : long_commands()) {
    for (const char* redirection : {"2>&-", "2>/dev/full", "2>&- <&- >/dev/null"}) {
      SCOPED_TRACE(arguments.front() + " " + redirection);
      const ProcessResult result = run_long(redirection, arguments);
      EXPECT_EQ(result.status, 0) << "signal " << result.signal;
      EXPECT_TRUE(fs::exists(path("long/" + last)));
    }
  }
}

TEST_F(Streams, AResultOfALongCommandThatCannotBeWrittenIsAnErrorAfterTheWork) {
  for (const auto& [arguments, last] : long_commands()) {
    for (const auto& [redirection, reason] :
         {std::pair{">/dev/full", "No space left on device"}, {">&-", "Bad file descriptor"}}) {
      SCOPED_TRACE(arguments.front() + " " + redirection);
      expect_one_line(
          run_long(redirection, arguments + Arguments{"--quiet"}), 1,
          AllOf(StartsWith("ekgine: stdout: cannot write the result: "), HasSubstr(reason)));
      EXPECT_TRUE(fs::exists(path("long/" + last)));
    }
  }
}

// Descriptors that a program is started without are those that its files would get.
TEST_F(Streams, MessagesAreNeverWrittenIntoFiles) {
  ASSERT_EQ(with_streams("<&- >&- 2>&-",
                         {"preprocess", "--database", database_, "--output", path("store2")})
                .status,
            0);
  for (const char* record : {"901.h5", "902.h5", "903.h5"}) {
    EXPECT_EQ(read(std::string("store2/") + record), read(std::string("store/") + record));
  }
}

TEST_F(Streams, APipeThatNobodyReadsCostsNoWork) {
  Process process("/bin/sh",
                  Arguments{"-c", "(\"$0\" \"$@\"; echo $? > " + path("status") + ") 2>&1 | true",
                            EKGINE_PROGRAM} +
                      (tiny_training(path("run")) + Arguments{"--json"}));
  EXPECT_FALSE(process.wait().timed_out);
  EXPECT_TRUE(fs::exists(path("run/report.txt")));
  EXPECT_EQ(read("status"), "1\n") << "the result was for the pipe";
  EXPECT_EQ(with_streams("2>&1 >/dev/null | true", tiny_training(path("run2"))).status, 0);
  EXPECT_TRUE(fs::exists(path("run2/report.txt")));
}

TEST_F(Streams, AResultThatCannotBeWrittenIsAnErrorAfterTheWork) {
  const std::string model = weights();
  for (const auto& [redirection, reason] :
       {std::pair{">/dev/full", "No space left on device"}, {">&-", "Bad file descriptor"}}) {
    SCOPED_TRACE(redirection);
    for (const char* made : {"run", "x.keras"}) fs::remove_all(path(made));
    const auto refuses = [&, &to = redirection, &why = reason](const Arguments& arguments) {
      SCOPED_TRACE(::testing::PrintToString(arguments));
      expect_one_line(
          with_streams(to, arguments), 1,
          AllOf(StartsWith("ekgine: stdout: cannot write the result: "), HasSubstr(why)));
    };
    refuses({"--help"});
    refuses({"train", "--help"});
    refuses({"--version"});
    refuses({"devices"});
    refuses({"devices", "--json"});
    refuses({"convert", model, path("x.keras"), "--quiet"});
    EXPECT_TRUE(fs::exists(path("x.keras")));
    refuses({"evaluate", "--weights", model, "--data", store_, "--records", "903", "--quiet"});
    refuses(tiny_training(path("run")) + Arguments{"--quiet"});
    EXPECT_TRUE(fs::exists(path("run/report.txt")));
    refuses(
        {"preprocess", "--database", database_, "--output", path("store2"), "--quiet", "--json"});
    refuses({"export", "--predictions", path("weights-run/predictions.h5"), "--npz", path("p.npz"),
             "--quiet", "--json"});
  }
}

// A name is only ever a name: for gnuplot, for its shell, and for the terminal.
TEST_F(Streams, NamesAreNeverCommandsNorControl) {
  const std::string model = weights();
  ProcessOptions there;
  there.directory = path("");
  const auto inside = [&](const Arguments& arguments) { return ekgine(arguments, there); };
  for (const char* name :
       {"|touch X;#", "|touch X", "$(touch X)", "`touch X`", "it's; touch X", "a'\n!touch X\n'",
        "a\"b", "<script>alert(1)</script>", "two words", "größe", "\x1b]0;title\x07", "%s%n"}) {
    SCOPED_TRACE(name);
    const ProcessResult result = inside(
        {"evaluate", "--weights", model, "--data", store_, "--records", "903", "--output", name});
    expect_success(result);
    EXPECT_THAT(result.out + result.err, ::testing::Not(HasSubstr("\x1b")));
    EXPECT_FALSE(fs::exists(path("X")));
    EXPECT_TRUE(fs::exists(fs::path(path("")) / name / "roc.svg"));
    EXPECT_THAT(read_file(fs::path(path("")) / name / "report.txt"),
                ::testing::Not(HasSubstr("Not drawn")));
  }
  const std::string run = "|touch X;#run\x1b[31m";
  expect_success(inside(tiny_training(run)));
  EXPECT_TRUE(fs::exists(fs::path(path("")) / run / "history.svg"));
  EXPECT_FALSE(fs::exists(path("X")));
}

TEST_F(Streams, NamesThatAreNoUtf8AreRefusedBeforeAnyWork) {
  const std::string bad = path("OUT\xff");
  const auto refuses = [&](const Arguments& arguments, const char* where) {
    expect_one_line(ekgine(arguments), 1,
                    AllOf(HasSubstr(where), HasSubstr("OUT\\xff'"), HasSubstr("is not UTF-8")));
  };
  refuses({"preprocess", "--database", database_, "--output", bad, "--json"},
          "argument 5, after --output, ");
  refuses({"train", "--data", bad}, "argument 3, after --data, ");
  refuses({"train", "--output=" + bad}, "argument 2, '--output=");
  refuses({"convert", bad, "x.keras"}, "argument 2, '");
  for (const char* command : {"tune", "kfold", "final", "pipeline", "evaluate", "export"}) {
    refuses({command, "--output", bad}, "argument 3, after --output, ");
  }
  expect_one_line(ekgine({"download", "x", "--mirror", "http://me:word@host/\xff"}), 1,
                  AllOf(HasSubstr("after --mirror"), ::testing::Not(HasSubstr("word"))));
  EXPECT_FALSE(fs::exists(bad));
}

// Names on the disk are no arguments: what has them is refused, or works.
TEST_F(Streams, NamesOnTheDiskThatAreNoUtf8) {
  // A record, which is left out by naming others.
  for (const char* suffix : {".hea", ".dat", ".atr"}) {
    fs::copy(fs::path(database_) / (std::string("901") + suffix),
             fs::path(database_) / (std::string("9\xff") + suffix));
  }
  const Arguments preprocess = {"preprocess", "--database", database_,
                                "--output",   path("new"),  "--quiet"};
  expect_one_line(ekgine(preprocess), 1, database_ + ": '9\\xff' is no name of a record");
  EXPECT_FALSE(fs::exists(path("new")));
  expect_success(ekgine(preprocess + Arguments{"--records", "901,902"}));
  // Something in a store's place.
  write_bytes(path("new/\xff"), "mine");
  expect_one_line(ekgine(preprocess + Arguments{"--records", "901"}), 1, path("new"));
  EXPECT_EQ(read("new/\xff"), "mine");

  // A folder that all happens in, and one that a link leads to.
  const std::string there = path("folder\xff");
  fs::create_directory(there);
  for (const char* suffix : {".hea", ".dat", ".atr"}) {
    for (const char* record : {"901", "902", "903"}) {
      const std::string file = std::string(record) + suffix;
      fs::copy(fs::path(database_) / file, fs::path(there) / file);
    }
  }
  fs::create_directory_symlink(there, path("link"));
  for (const std::string& database : {std::string("."), path("link")}) {
    SCOPED_TRACE(database);
    ProcessOptions inside;
    inside.directory = there;
    for (const char* made : {"store", "run", "evaluation"}) fs::remove_all(fs::path(there) / made);
    expect_success(
        ekgine({"preprocess", "--database", database, "--output", "store", "--json"}, inside));
    Arguments train = tiny_training("run") + Arguments{"--json"};
    train[2] = "store";
    expect_success(ekgine(train, inside));
    expect_success(ekgine({"evaluate", "--weights", "run/model.safetensors", "--data", "store",
                           "--records", "903", "--output", "evaluation", "--json"},
                          inside));
    EXPECT_TRUE(fs::exists(fs::path(there) / "evaluation/roc.svg"));
  }
}

// What a run is at work in is left to it.
TEST_F(Streams, NothingIsWrittenIntoARunThatIsGoingOn) {
  const std::string model = weights();
  Process training(EKGINE_PROGRAM, tiny_training(path("run")) + Arguments{"--epochs", "100000"});
  for (int i = 0; i < 30000 && !fs::exists(path("run/checkpoint.safetensors")); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ASSERT_TRUE(fs::exists(path("run/checkpoint.safetensors")));
  const Arguments evaluate = {"evaluate",  "--weights", model,      "--data",    store_,
                              "--records", "903",       "--output", path("run"), "--quiet"};
  const auto refused = HasSubstr(path("run") + ": another process is at work there");
  expect_one_line(ekgine(evaluate), 1, refused);
  expect_one_line(ekgine({"export", "--data", store_, "--tfrecord", path("run"), "--quiet"}), 1,
                  refused);
  for (const char* file : {"report.txt", "metrics.json", "predictions.h5", "901.tfrecord"}) {
    EXPECT_FALSE(fs::exists(path("run/") + file)) << file;
  }
  training.send(SIGTERM);
  EXPECT_EQ(training.wait().status, 130);
  expect_success(ekgine(evaluate));
}

// The terminal and the shell both send the signal.
TEST_F(Streams, ATerminalThatIsClosedLeavesACheckpoint) {
  // Until the history has grown.
  const auto wait_for_epoch = [&] {
    const std::string history = path("run/history.jsonl");
    const std::uintmax_t before = fs::exists(history) ? fs::file_size(history) : 0;
    for (int i = 0; i < 30000; ++i) {
      if (fs::exists(history) && fs::file_size(history) > before) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  };
  const Arguments endless = tiny_training(path("run")) + Arguments{"--epochs", "100000"};
  // Both come from several sides: the second is as the first.
  for (const int signal : {SIGHUP, SIGUSR1}) {
    {
      Process process(EKGINE_PROGRAM, endless);
      ASSERT_TRUE(wait_for_epoch());
      process.send(signal);
      process.send(signal);
      const ProcessResult result = process.wait();
      EXPECT_EQ(result.status, 130) << "signal " << result.signal;
      EXPECT_THAT(result.err, HasSubstr("ekgine: interrupted after step "));
      EXPECT_TRUE(fs::exists(path("run/checkpoint.safetensors")));
    }
    fs::remove_all(path("run"));
  }
  // As nohup starts programs: it goes on.
  Process process("/bin/sh",
                  Arguments{"-c", "trap '' HUP; exec \"$0\" \"$@\"", EKGINE_PROGRAM} + endless);
  ASSERT_TRUE(wait_for_epoch());
  process.send(SIGHUP);
  ASSERT_TRUE(wait_for_epoch());
  ASSERT_TRUE(wait_for_epoch());
  process.send(SIGTERM);
  EXPECT_EQ(process.wait().status, 130);
}

}  // namespace
}  // namespace ekgine::testing
