// The program as a user runs it, and small recordings for it to work on.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/json.h"
#include "model/safetensors.h"
#include "tests/cases/random.h"
#include "tests/support/lock_holder.h"
#include "tests/support/process.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/wfdb_writer.h"

namespace ekgine::testing {

using Arguments = std::vector<std::string>;

inline Arguments operator+(Arguments a, const Arguments& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

inline ProcessResult ekgine(const Arguments& arguments, const ProcessOptions& options = {}) {
  Process process(EKGINE_PROGRAM, arguments, options);
  ProcessResult result = process.wait();
  EXPECT_FALSE(result.timed_out) << "ekgine " << ::testing::PrintToString(arguments);
  return result;
}

inline void expect_success(const ProcessResult& result) {
  EXPECT_EQ(result.status, 0) << "signal " << result.signal << "\n" << result.err;
}

// The program ended with this status and nothing but one line on stderr, which begins with
// "ekgine: " and contains (or matches) `text`.
template <class Text>
void expect_one_line(const ProcessResult& result, int status, const Text& text) {
  EXPECT_EQ(result.status, status) << "signal " << result.signal;
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, ::testing::StartsWith("ekgine: "));
  EXPECT_EQ(result.err.find('\n'), result.err.size() - 1) << "not one line: " << result.err;
  if constexpr (std::is_convertible_v<Text, std::string>) {
    EXPECT_THAT(result.err, ::testing::HasSubstr(text));
  } else {
    EXPECT_THAT(result.err, text);
  }
}

// Names of all files and folders below `folder`, sorted.
inline std::vector<std::string> content_of(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    names.push_back(std::filesystem::relative(entry.path(), folder).string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// The same names below both folders, and the same bytes, but of those in `but`.
inline void expect_same_files(const std::filesystem::path& made,
                              const std::filesystem::path& expected,
                              const std::vector<std::string>& but = {}) {
  EXPECT_EQ(content_of(made), content_of(expected));
  for (const std::string& name : content_of(expected)) {
    if (std::filesystem::is_directory(expected / name)) continue;
    if (std::find(but.begin(), but.end(), name) != but.end()) continue;
    EXPECT_TRUE(read_file(made / name) == read_file(expected / name)) << name;
  }
}

// The objects of --json-lines.
inline std::vector<Json> lines_of(const std::string& out) {
  std::istringstream text(out);
  std::vector<Json> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(parse_json(line));
  return lines;
}

// What the parts of this command, all done at once, tell of their records.
inline std::vector<Json> lines_of_parts(const Arguments& arguments, int count) {
  std::vector<std::unique_ptr<Process>> parts;
  for (int part = 1; part <= count; ++part) {
    const std::string shard = std::to_string(part) + "/" + std::to_string(count);
    parts.push_back(std::make_unique<Process>(
        EKGINE_PROGRAM, arguments + Arguments{"--shard", shard, "--json-lines"}));
  }
  std::vector<Json> lines;
  for (const auto& part : parts) {
    const ProcessResult result = part->wait();
    expect_success(result);
    EXPECT_EQ(result.err, "");
    for (Json& line : lines_of(result.out)) lines.push_back(std::move(line));
  }
  return lines;
}

// That parts are done by several at once, but merged, from `folder`, by one alone.
inline void expect_merged_alone(const Arguments& part, const Arguments& merge,
                                const std::filesystem::path& folder) {
  const std::string in_use = folder.filename().string() + ": another process is at work there";
  expect_success(ekgine(part));
  {
    LockHolder other(folder, DirectoryLock::Kind::shared);
    expect_success(ekgine(part));
    expect_one_line(ekgine(merge), 1, in_use);
  }
  {
    LockHolder other(folder);
    expect_one_line(ekgine(part), 1, in_use);
  }
}

// Kills the program at random moments, seeded, again and again until it has ended undisturbed:
// each time it is given a little longer.
inline void expect_done_in_spite_of_kills(const Arguments& arguments, std::int64_t seed) {
  Random random(seed);
  int kills = 0;
  for (std::int64_t longest = 2'000;; longest = longest * 5 / 4) {
    Process process(EKGINE_PROGRAM, arguments);
    std::this_thread::sleep_for(std::chrono::microseconds(random.integer(0, longest)));
    process.send(SIGKILL);
    const ProcessResult result = process.wait();
    if (result.signal == 0) {
      expect_success(result);
      break;
    }
    ++kills;
  }
  EXPECT_GT(kills, 0);
}

// Weights in the folder of a run or a study, and what is said of them, but for what made them:
// other commands may make the same.
inline std::string weights_of(const std::filesystem::path& run) {
  WeightsFile file = read_safetensors(run / "model.safetensors");
  file.metadata.erase("made");
  std::string text;
  for (const auto& [key, value] : file.metadata) text += key + "=" + value + "\n";
  for (const auto& [array, values] : file.arrays) {
    text += array + shape_text(values.shape);
    text.append(reinterpret_cast<const char*>(values.values.data()),
                values.values.size() * sizeof(float));
  }
  return text;
}

// A folder with `database`, three short records whose beats are of all five classes, and `store`,
// what `ekgine preprocess` made of it.
class SmallStore : public ::testing::Test {
 protected:
  SmallStore() {
    std::filesystem::create_directory(database_);
    write_wfdb_record(database_, random_record("901", 22, "NAVF/N", 1));
    write_wfdb_record(database_, random_record("902", 18, "NNV/FA", 2));
    write_wfdb_record(database_, random_record("903", 14, "VNAF/N", 3));
    expect_success(ekgine({"preprocess", "--database", database_, "--output", store_, "--quiet"}));
  }

  // A training run of a fraction of a second.
  Arguments training(const std::string& output) const {
    return {"train",    "--data",      store_, "--train-records", "901,902", "--embed-dim",
            "4",        "--num-heads", "1",    "--kernel-size",   "3",       "--batch-size",
            "16",       "--epochs",    "1",    "--threads",       "1",       "--quiet",
            "--output", output};
  }

  // Three records more, and splits.json, whose training and validation records make five folds of
  // one: KFold deals 901, 904, 905, 903, 902.
  void write_records_for_folds() const {
    for (const char* name : {"904", "905", "906"}) {
      write_wfdb_record(database_, random_record(name, 12, "NAVF/N", 4));
    }
    expect_success(ekgine({"preprocess", "--database", database_, "--output", store_, "--quiet"}));
    write_bytes(path("splits.json"), R"({"train_records": ["903", "901", "905", "902"],
                    "validation_records": ["904"], "test_records": ["906"]})");
  }

  std::string weights_of(const std::string& name) const {
    return testing::weights_of(folder_ / name);
  }
  // The options in a file for --config.
  std::string options_of(const std::string& name) const {
    std::istringstream lines(read(name));
    std::string options;
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with('#')) options += line + '\n';
    }
    return options;
  }

  std::string path(const std::string& name) const { return folder_ / name; }
  std::string read(const std::string& name) const { return read_file(folder_ / name); }

  TemporaryDirectory folder_;
  const std::string database_ = folder_ / "database", store_ = folder_ / "store";
};

}  // namespace ekgine::testing
