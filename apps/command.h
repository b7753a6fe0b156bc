// What the subcommands of the program share.
#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/choice.h"
#include "base/error.h"
#include "base/json.h"
#include "base/shard.h"
#include "data/beats.h"
#include "engine/device.h"

namespace ekgine {

// Options that every subcommand takes.
struct CommonOptions {
  std::string command;  // whose they are
  bool json = false;
  bool quiet = false;
  std::int64_t threads = 0;  // 0: all cores this process may use
  DeviceChoice device = DeviceChoice::automatic;
};

// Adds the common options to a subcommand.
void add_common_options(CLI::App& command, CommonOptions& common);

// Adds an option that takes record names separated by commas. An empty name and one named twice are
// wrong usage.
CLI::Option* add_records_option(CLI::App& command, const std::string& name,
                                std::vector<std::string>& records, const std::string& description);

// Adds --records to a subcommand: the same, or "-" for names on standard input, one or several
// separated by commas on a line. Errors also: none there, more than 16 MiB of them.
CLI::Option* add_listed_records_option(CLI::App& command, std::vector<std::string>& records,
                                       const std::string& description);

// Adds --shard K/N to a subcommand. Other text is wrong usage.
CLI::Option* add_shard_option(CLI::App& command, std::optional<Shard>& shard,
                              const std::string& description);

// Adds the options that say what is read of a database's records, and returns them.
std::vector<CLI::Option*> add_beat_options(CLI::App& command, BeatOptions& beats);

// The names of the subcommands of `program`.
std::vector<std::string> subcommand_names(const CLI::App& program);

// For Option::check(): the value must be one of these. What is near to one is told which.
CLI::Validator one_of(const std::vector<std::string>& values);

// Adds an option that takes the name of a choice.
template <NamedChoice E>
CLI::Option* add_choice(CLI::App& command, const std::string& flag, E& value,
                        const std::string& description) {
  const auto take = [&value](const std::string& name) { value = *choice_named<E>(name); };
  // A name from before is taken, too, but not among those that help and errors list.
  CLI::Validator known = one_of(choice_names<E>());
  const auto check = [known](std::string& name) {
    return choice_named<E>(name) ? std::string() : known(name);
  };
  return command.add_option_function<std::string>(flag, take, description)
      ->check(CLI::Validator(check, known.get_description()))
      ->default_str(choice_name(value));
}

// The error's text, and the flags that would mend it where it knows some: "batch size must be 1 to
// 65536, got 0 (--batch-size)".
std::string text_with_flags(const Error& error);

// Ends the program with status 2 and this line.
template <class... Args>
[[noreturn]] void fail_usage(fmt::format_string<Args...> text, Args&&... args) {
  throw CLI::ValidationError(fmt::format(text, std::forward<Args>(args)...));
}

// What a command does where mpirun or srun has started it several times.
enum class Processes {
  one,    // it is wrong usage
  apart,  // each does a part of its own, and speaks for itself
  ranks   // they do one work together
};

// Applies --quiet and --threads: sets the thread budget and returns it. Errors: --device cuda in a
// build without CUDA. Whether a device is there is found out by who opens it.
std::int64_t apply(const CommonOptions& common, Processes processes = Processes::one);

// Prints one JSON object and a newline on stdout: all that --json prints there.
void print_json(const Json& json);

// Prints a line on stderr, unless --quiet.
void say(const CommonOptions& common, const std::string& text);

// The subcommands, each in the file of its name. Each declares its options in `program` and a
// callback that does the work; what that throws becomes one line on stderr and the exit status.
void add_download(CLI::App& program);
void add_preprocess(CLI::App& program);
void add_train(CLI::App& program);
void add_tune(CLI::App& program);
void add_kfold(CLI::App& program);
void add_final(CLI::App& program);
void add_pipeline(CLI::App& program);
void add_evaluate(CLI::App& program);
void add_classify(CLI::App& program);
void add_score(CLI::App& program);
void add_convert(CLI::App& program);
void add_export(CLI::App& program);
void add_devices(CLI::App& program);

}  // namespace ekgine
