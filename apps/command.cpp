#include "apps/command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "apps/option_flags.h"
#include "base/console.h"
#include "base/error.h"
#include "base/option_error.h"
#include "base/suggestion.h"
#include "data/splits.h"
#include "kernels/runtime/cpu.h"
#include "kernels/runtime/instruction_set.h"
#include "kernels/runtime/threads.h"

namespace ekgine {

void add_common_options(CLI::App& command, CommonOptions& common) {
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
        try {
          records = parse_records(list, name);
        } catch (const Error& error) {
          fail_usage("{}", error.what());
        }
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

std::int64_t apply(const CommonOptions& common) {
  set_quiet(common.quiet);
#if !EKGINE_HAS_CUDA
  if (common.device == DeviceChoice::cuda) {
    fail("--device cuda: this build has no CUDA back end; use --device cpu");
  }
#endif
  const std::int64_t threads = common.threads > 0 ? common.threads : available_cores();
  check_instruction_set();
  start_threads(static_cast<int>(threads));
  set_thread_count(static_cast<int>(threads));
  return threads;
}

void print_json(const nlohmann::ordered_json& json) {
  // ASCII alone: a terminal obeys some characters that JSON would leave as they are.
  print_result(json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + "\n");
}

void say(const CommonOptions& common, const std::string& text) {
  if (!common.quiet) print_message(text);
}

}  // namespace ekgine
