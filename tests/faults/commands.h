// Every command that writes, on inputs so small that each is done in a moment: for tests that
// disturb it.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/support/process.h"
#include "tests/support/temporary_directory.h"

namespace ekgine::testing {

struct Command {
  std::string name;
  std::vector<std::string> arguments;  // paths are relative to the Workbench; it writes to out/
  std::string begins_with;             // what is copied to out/x before it starts; empty: nothing
  // Once it has begun, it is this one that goes on; empty: the same.
  std::vector<std::string> goes_on = {};
  // Several processes share the work.
  bool shared = false;

  // Tests print it.
  friend std::ostream& operator<<(std::ostream& out, const Command& c) { return out << c.name; }
};

const std::vector<Command>& writing_commands();

// The files below a folder by name, whole.
using Tree = std::map<std::string, std::string>;

// A folder with what the command reads, and `out`, where it writes.
class Workbench {
 public:
  explicit Workbench(Command command);

  // Puts `out` into the state from which the command starts.
  void reset() const;
  Tree written() const;
  // Starts the command, or how it goes on after it was cut short.
  Process start(const std::vector<std::pair<std::string, std::string>>& environment = {}) const;
  Process start_again() const;

  std::filesystem::path path(const std::string& name) const { return folder_ / name; }
  // What the command writes undisturbed.
  const Tree& expected() const { return expected_; }

  // All is as expected. Files that are different each time (they tell seconds) need only be there.
  void expect_all_written() const;
  // Nothing is half-written: each file is the one from before, or as expected.
  void expect_nothing_damaged() const;

 private:
  Process run(const std::vector<std::string>& arguments,
              const std::vector<std::pair<std::string, std::string>>& environment = {}) const;
  void make_inputs() const;

  Command command_;
  TemporaryDirectory folder_;
  Tree before_, expected_;
  std::set<std::string> varying_;  // those of expected_ that differ from run to run
};

}  // namespace ekgine::testing
