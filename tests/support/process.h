// Runs a program as a user would: arguments, working directory, signals; what it printed and how it
// ended.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ekgine::testing {

struct ProcessResult {
  int status = -1;  // of exit; −1 when a signal ended the process
  int signal = 0;   // that ended it, or 0
  bool timed_out = false;
  std::string out, err;
  // Of it and of its children, whichever has most; at least as much as we have.
  std::int64_t peak_memory = 0;  // bytes
};

struct ProcessOptions {
  std::filesystem::path directory = {};                          // working directory; empty: ours
  std::vector<std::pair<std::string, std::string>> environment;  // set on top of ours
  // No file may grow past this many bytes (a multiple of 512): writes then fail as on a full disk.
  // 0: no limit.
  std::int64_t file_size_limit = 0;
  // Standard error is a terminal, so many columns wide (0: it does not tell); none: a pipe.
  std::optional<unsigned short> terminal_columns = {};
};

// A running program. Its standard input is empty.
class Process {
 public:
  Process(const std::string& program, const std::vector<std::string>& arguments,
          const ProcessOptions& options = {});
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  // Kills the program if it still runs.
  ~Process();

  void send(int signal) const;
  // Collects output until the program ends; kills it (timed_out) when that takes longer.
  ProcessResult wait(std::chrono::milliseconds timeout = std::chrono::seconds(60));

 private:
  pid_t pid_ = -1;
  int out_ = -1, err_ = -1;  // our ends of its pipes, or of its terminal
};

}  // namespace ekgine::testing
