// scripts/new_op: what it makes of its template is an op that compiles, and that tests and
// benchmarks find without being told.
//
// The op is added to a copy of the sources, made of links. Its files are compiled as files of this
// build are, and linked with what this build has; so is the list of ops, which the build would
// write anew.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "base/json_file.h"
#include "base/shell_word.h"
#include "tests/support/process.h"
#include "tests/support/temporary_directory.h"

namespace ekgine::testing {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string word(const fs::path& path) {
  return shell_word(path.string());
}

ProcessResult shell(const std::string& command) {
  return Process("/bin/sh", {"-c", command}).wait(std::chrono::minutes(5));
}

void run(const std::string& command) {
  const ProcessResult result = shell(command);
  ASSERT_EQ(result.status, 0) << command << '\n' << result.out << result.err;
}

// A copy of the sources that can be added to.
class Copy {
 public:
  Copy() {
    for (const char* folder : {"base", "kernels", "engine", "tests", "scripts"}) {
      run("cp -rs " + word(fs::path(EKGINE_SOURCE_DIR) / folder) + " " + word(path()));
    }
    for (const char* file : {"engine/ops.h", ".clang-format"}) {
      fs::remove(path() / file);
      fs::copy_file(fs::path(EKGINE_SOURCE_DIR) / file, path() / file);
    }
  }

  const fs::path& path() const { return directory_.path(); }
  ProcessResult new_op(const std::string& name) const {
    return shell(word(path() / "scripts/new_op") + " '" + name + "'");
  }
  // Files that are no links: those that are there already, and those that were added.
  std::set<std::string> files() const {
    std::set<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(path())) {
      if (entry.is_directory() || entry.is_symlink()) continue;
      found.insert(fs::relative(entry.path(), path()).string());
    }
    return found;
  }
  std::string ops() const { return read_file(path() / "engine/ops.h"); }

 private:
  TemporaryDirectory directory_;
};

// Compiles files of the copy as this build compiles others, and links them into its programs.
class Build {
 public:
  explicit Build(const Copy& copy) : copy_(copy) {
    commands_ = parse_json(read_file(EKGINE_BUILD_DIR "/compile_commands.json"), "commands");
  }

  // `source` is compiled like the files of a target of this build that end as it does.
  void compile(const fs::path& source, const std::string& target) {
    for (const auto& entry : commands_) {
      auto command = entry["command"].get<std::string>();
      const bool cuda = entry["file"].get<std::string>().ends_with(".cu");
      const std::size_t output = command.find(" -o ");
      if (command.find("/" + target + ".dir/", output) == std::string::npos) continue;
      if (cuda != (source.extension() == ".cu")) continue;
      command.resize(output);
      // Before the folders of the build, whose engine/ops.h does not know the op.
      command.insert(command.find(" -I"), " -I" + word(copy_.path()));
      objects_ += " " + word(source.string() + ".o");
      script_ += "(cd " + word(entry["directory"].get<std::string>()) + " && " + command + " -o " +
                 word(source.string() + ".o") + " -c " + word(source) + ") || touch " +
                 word(failed()) + " &\n";
      return;
    }
    FAIL() << "no command compiles " << source.extension() << " of " << target;
  }
  // All that were given, at once.
  void finish() { run(script_ + "wait; test ! -e " + word(failed())); }

  // The program of this build, with the files: the list of ops among them takes the place of the
  // library's.
  fs::path link(const std::string& program) const {
    fs::path linked = copy_.path() / program;
    const ProcessResult all = shell("ninja -C '" EKGINE_BUILD_DIR "' -t commands " + program);
    std::string command = all.out.substr(all.out.rfind('\n', all.out.size() - 2) + 1);
    const std::string output = " -o " + program + " ";
    const std::size_t place = command.find(output);
    if (place == std::string::npos) {
      ADD_FAILURE() << "no command links " << program << ": " << command << all.err;
      return linked;
    }
    command.replace(place, output.size(), objects_ + " -o " + word(linked) + " ");
    run("cd '" EKGINE_BUILD_DIR "' && " + command);
    return linked;
  }

 private:
  fs::path failed() const { return copy_.path() / "failed"; }

  const Copy& copy_;
  Json commands_;
  std::string objects_, script_;
};

// Compiles what every program needs that has the op.
void compile_op(const Copy& copy, const std::string& name, Build& build) {
  const fs::path source = EKGINE_SOURCE_DIR;
  build.compile(copy.path() / "kernels" / (name + ".cpp"), "ekgine_kernels");
  build.compile(copy.path() / "engine/ops" / (name + ".cpp"), "ekgine_engine");
  const fs::path list = copy.path() / "all_ops.cpp";
  run("cmake -D FOLDER=" + word(copy.path() / "tests/cases/ops") + " -D LIST=" + word(list) +
      " -P " + word(source / "tests/cases/list_ops.cmake"));
  build.compile(list, "ekgine_cases");
}

// Runs the tests of the op, of which there are so many.
void expect_passes(const fs::path& program, const std::string& filter, int tests) {
  const ProcessResult result = shell(word(program) + " --gtest_filter='" + filter + "'");
  EXPECT_EQ(result.status, 0) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("[  PASSED  ] " + std::to_string(tests) + " tests.\n"));
}

TEST(NewOp, IsSixFilesAndTwoLines) {
  const Copy copy;
  const std::set<std::string> before = copy.files();
  const std::string ops = copy.ops();
  const ProcessResult result = copy.new_op("scaled_square");
  ASSERT_EQ(result.status, 0) << result.err;

  std::set<std::string> expected = before;
  expected.insert({"kernels/scaled_square.h", "kernels/scaled_square.cpp",
                   "kernels/scaled_square.cu", "engine/ops/scaled_square.cpp",
                   "tests/cases/ops/scaled_square.h", "tests/kernels/scaled_square_test.cpp"});
  EXPECT_EQ(copy.files(), expected);
  const std::string lines =
      "// factor·x², element by element\n"
      "Tensor scaled_square(Tape& tape, const Tensor& x, double factor);\n";
  std::string added = copy.ops();
  const std::size_t place = added.find(lines);
  ASSERT_NE(place, std::string::npos) << added;
  EXPECT_EQ(added.erase(place, lines.size()), ops);
  for (const std::string& file : expected) {
    EXPECT_EQ(read_file(copy.path() / file).find("new_op"), std::string::npos) << file;
  }
}

TEST(NewOp, RefusesNamesThatCannotBeTaken) {
  const Copy copy;
  const std::set<std::string> before = copy.files();
  const std::string ops = copy.ops();
  const std::string form =
      "a name has lower-case letters, digits and single underscores, and begins with a letter";
  const std::vector<std::pair<std::string, std::string>> refused = {
      {"Gelu", form},
      {"2d", form},
      {"a__b", form},
      {"../gelu", form},
      {"", form},
      {"double", "C++ has another use for that word"},
      {"swish_dropout", "engine/ops.h has an op of that name"},
      {"adamw", " exists"}};
  for (const auto& [name, why] : refused) {
    const ProcessResult result = copy.new_op(name);
    EXPECT_EQ(result.status, 1) << name;
    EXPECT_THAT(result.err, StartsWith("new_op: " + name + ": "));
    EXPECT_THAT(result.err, HasSubstr(why + "\n"));
  }
  EXPECT_EQ(copy.files(), before);
  EXPECT_EQ(copy.ops(), ops);
}

#if EKGINE_CUDA_EMULATED
TEST(NewOp, IsFoundByTheTestsAndBenchmarksOfCuda) {
  const Copy copy;
  ASSERT_EQ(copy.new_op("scaled_square").status, 0);
  Build build(copy);
  compile_op(copy, "scaled_square", build);
  build.compile(copy.path() / "kernels/scaled_square.cu", "ekgine_kernels");
  build.finish();
  if (HasFatalFailure()) return;
  expect_passes(build.link("cuda_tests"), "*/scaled_square_*", 4);

  const fs::path bench = build.link("ekgine_bench");
  const ProcessResult result = shell(word(bench) + " --device cuda --filter scaled_square");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("\n| scaled_square (6,16) factor 0.5 backward "));
  EXPECT_THAT(result.out, HasSubstr("\n| **scaled_square (65536) factor 0.5 backward** "));
}
#else
TEST(NewOp, IsFoundByTheTests) {
  const Copy copy;
  ASSERT_EQ(copy.new_op("scaled_square").status, 0);
  Build build(copy);
  compile_op(copy, "scaled_square", build);
  build.compile(copy.path() / "tests/kernels/scaled_square_test.cpp", "kernels_tests");
  build.finish();
  if (HasFatalFailure()) return;
  expect_passes(build.link("kernels_tests"), "ScaledSquare.*:*/scaled_square", 7);
}
#endif

}  // namespace
}  // namespace ekgine::testing
