// A room's line in CMakeLists.txt says which rooms its files may include; the compiler holds it.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "base/atomic_file.h"
#include "base/json_file.h"
#include "tests/support/process.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

namespace fs = std::filesystem;

using testing::Process;
using testing::ProcessResult;
using testing::TemporaryDirectory;
using testing::write_bytes;

// Rooms by name, with those that their lines name; and what no room may include.
std::map<std::string, std::set<std::string>> rooms() {
  std::map<std::string, std::set<std::string>> found;
  std::istringstream lines(EKGINE_ROOMS);  // "base= kernels=base engine=kernels,base"
  for (std::string line; lines >> line;) {
    const std::size_t equals = line.find('=');
    std::set<std::string>& may_include = found[line.substr(0, equals)];
    std::istringstream names(line.substr(equals + 1));
    for (std::string name; std::getline(names, name, ',');) may_include.insert(name);
  }
  return found;
}

// What the room's own files are compiled with, the first of them; of the preprocessor only.
std::string preprocessor_of(const std::string& room) {
  const std::string objects = "/ekgine_" + fs::path(room).filename().string() + ".dir/";
  for (const auto& entry : parse_json(read_file(EKGINE_COMPILE_COMMANDS), "commands")) {
    const auto command = entry["command"].get<std::string>();
    const std::size_t output = command.find(" -o ");
    if (command.find(objects, output) == std::string::npos) continue;
    if (entry["file"].get<std::string>().ends_with(".cu")) continue;
    return "cd '" + entry["directory"].get<std::string>() + "' && " + command.substr(0, output) +
           " -E -o /dev/null -x c++ ";
  }
  ADD_FAILURE() << "no file of " << room << " is compiled";
  return "false ";
}

// A header of the folder, as it is included.
std::string header_of(const std::string& folder) {
  std::set<std::string> headers;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(EKGINE_SOURCE_DIR) / folder)) {
    if (entry.path().extension() != ".h") continue;
    headers.insert(fs::relative(entry.path(), EKGINE_SOURCE_DIR).string());
  }
  EXPECT_FALSE(headers.empty()) << folder;
  return headers.empty() ? folder : *headers.begin();
}

TEST(Walls, AnIncludeOutsideARoomsLineDoesNotCompile) {
  const auto all = rooms();
  ASSERT_GE(all.size(), 8U);
  std::set<std::string> folders = {"apps", "bench", "emulation", "python", "tests"};
  for (const auto& [room, may_include] : all) folders.insert(room);
  // In an emulated build it comes with the kernels, to all: there only its own includes are held.
  const bool emulated = all.contains("emulation");
  const TemporaryDirectory directory;
  const fs::path source = directory.path() / "probe.cpp";
  int refused = 0;
  for (const auto& [room, may_include] : all) {
    const std::string preprocess = preprocessor_of(room) + source.string();
    for (const std::string& folder : folders) {
      if (emulated && folder == "emulation" && room != folder) continue;
      const std::string header = header_of(folder);
      write_bytes(source, "#include \"" + header + "\"\n");
      const ProcessResult result = Process("/bin/sh", {"-c", preprocess}).wait();
      if (folder == room || may_include.contains(folder)) {
        EXPECT_EQ(result.status, 0) << room << " may include " << header << '\n' << result.err;
      } else {
        ++refused;
        EXPECT_NE(result.status, 0) << room << " may not include " << header;
        EXPECT_NE(result.err.find(header + ": No such file"), std::string::npos)
            << room << " including " << header << ":\n"
            << result.err;
      }
    }
  }
  EXPECT_GE(refused, 60);
}

}  // namespace
}  // namespace ekgine
