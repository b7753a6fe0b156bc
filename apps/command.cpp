#include "apps/command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "apps/option_flags.h"
#include "base/console.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/option_error.h"
#include "base/suggestion.h"
#include "data/splits.h"
#include "data/text_lines.h"
#include "kernels/runtime/cpu.h"
#include "kernels/runtime/instruction_set.h"
#include "kernels/runtime/threads.h"
#include "ranks/launch.h"

namespace ekgine {

namespace {

// All of standard input, which ends.
std::string read_stdin() {
  constexpr std::size_t most = std::size_t{1} << 24;
  std::string text;
  std::array<char, 4096> piece{};
  for (;;) {
    const ssize_t n = ::read(STDIN_FILENO, piece.data(), piece.size());
    if (n == 0) return text;
    if (n < 0 && errno != EINTR) fail("stdin: cannot read names: {}", std::strerror(errno));
    throw_if_interrupted();
    if (n > 0) text.append(piece.data(), static_cast<std::size_t>(n));
    if (text.size() > most) fail("stdin: has more than {} bytes, expected names", most);
  }
}

// What `parse` gives; what it refuses is wrong usage.
template <class Parse>
auto or_wrong_usage(const Parse& parse) {
  try {
    return parse();
  } catch (const Error& error) {
    fail_usage("{}", error.what());
  }
}

// Separated by commas. Lines without a name are left out.
std::string names_on_stdin() {
  const std::string text = read_stdin();
  std::string names;
  for (const TextLine& line : text_lines(text)) {
    names += names.empty() ? "" : ",";
    names += line.text;
  }
  if (names.empty()) fail("stdin: has no names of records (--records -)");
  return names;
}

}  // namespace

void add_common_options(CLI::App& command, CommonOptions& common) {
  common.command = command.get_name();
  command.add_flag("--json", common.json, "Print the result as one JSON object on stdout");
  command.add_flag("--quiet", common.quiet, "No progress and no messages but errors");
  command.add_option("--threads", common.threads, threads_option.help)
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  add_option(command, device_option, common.device);
}

CLI::Option* add_records_option(CLI::App& command, const std::string& name,
                                std::vector<std::string>& records, const std::string& description) {
  return command.add_option_function<std::string>(
      name,
      [&records, name](const std::string& list) {
        records = or_wrong_usage([&] { return parse_records(list, name); });
      },
      description);
}

CLI::Option* add_listed_records_option(CLI::App& command, std::vector<std::string>& records,
                                       const std::string& description) {
  const char* name = "--records";
  return command.add_option_function<std::string>(
      name,
      [&records, name](const std::string& list) {
        // What cannot be read is an error, not wrong usage.
        const std::string names = list == "-" ? names_on_stdin() : list;
        records = or_wrong_usage([&] { return parse_records(names, name); });
      },
      description + "; - reads names from standard input, one a line");
}

CLI::Option* add_shard_option(CLI::App& command, std::optional<Shard>& shard,
                              const std::string& description) {
  const char* name = "--shard";
  return command.add_option_function<std::string>(
      name,
      [&shard, name](const std::string& text) {
        shard = or_wrong_usage([&] { return parse_shard(text, name); });
      },
      description);
}

std::vector<CLI::Option*> add_beat_options(CLI::App& command, BeatOptions& beats) {
  return {
      add_choice(command, "--marks", beats.marks,
                 "Where beats are: where they are annotated, or where the detector finds them"),
      command.add_option("--lead", beats.lead,
                         "Lead to read, by name or number from 0 (default: MLII, else II, else the "
                         "first)"),
      command.add_flag("--invert", beats.invert, "Turn the lead upside down"),
      command.add_option("--annotator", beats.annotator, "Ending of the files with annotations")
          ->capture_default_str()};
}

std::vector<std::string> subcommand_names(const CLI::App& program) {
  std::vector<std::string> names;
  for (const CLI::App* command : program.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

CLI::Validator one_of(const std::vector<std::string>& values) {
  const std::string list = fmt::format("{}", fmt::join(values, ", "));
  CLI::Validator validator(
      [values, list](std::string& text) {
        if (std::ranges::find(values, text) != values.end()) return std::string();
        return fmt::format("'{}' is none of {}{}", text, list, did_you_mean(text, values));
      },
      "{" + fmt::format("{}", fmt::join(values, ",")) + "}");
  return validator;
}

std::string text_with_flags(const Error& error) {
  const auto* about = dynamic_cast<const OptionError*>(&error);
  if (about == nullptr) return error.what();
  return fmt::format("{} (--{})", error.what(), fmt::join(about->options(), ", --"));
}

std::int64_t apply(const CommonOptions& common, Processes processes) {
  if (processes == Processes::apart) {
    set_another_speaks(false);
    if (launch() && launch()->several()) set_process_number(local_rank());
  }
  if (processes == Processes::one && launch() && launch()->several()) {
    fail_usage("{}: runs in one process; start it without mpirun, and by srun as one task",
               common.command);
  }
  set_quiet(common.quiet);
#if !EKGINE_HAS_CUDA
  if (asks_for_cuda(common.device)) {
    fail("--device {}: this build has no CUDA back end; use --device cpu",
         choice_name(common.device));
  }
#endif
  const std::int64_t threads = common.threads > 0 ? common.threads : available_cores();
  check_instruction_set();
  start_threads(static_cast<int>(threads));
  set_thread_count(static_cast<int>(threads));
  return threads;
}

void print_json(const Json& json) {
  // ASCII alone: a terminal obeys some characters that JSON would leave as they are.
  print_result(json.dump(-1, JsonText::ascii) + "\n");
}

void say(const CommonOptions& common, const std::string& text) {
  if (!common.quiet) print_message(text);
}

}  // namespace ekgine
