// The program `ekgine`: subcommands, and what becomes of their errors.

#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <new>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "apps/command.h"
#include "apps/config_file.h"
#include "apps/manual.h"
#include "base/atomic_file.h"
#include "base/console.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/library_crash.h"
#include "base/provenance.h"
#include "base/shell_word.h"
#include "base/suggestion.h"
#include "data/transfer.h"
#include "engine/ranks.h"
#include "ranks/launch.h"
#include "ranks/mpi_ranks.h"

namespace ekgine {
namespace {

constexpr int status_failed = 1;
constexpr int status_usage = 2;
constexpr int status_interrupted = 130;  // as shells report SIGINT

// How the program ends: its status, and whether all ranks of a training end so, in the same place.
struct End {
  int status = 0;
  bool together = true;
};

void print_line(std::string_view from, std::string_view text) noexcept {
  try {
    while (!text.empty() && text.find_last_of(" \r\n") == text.size() - 1) text.remove_suffix(1);
    print_error(fmt::format("ekgine: {}{}{}", from, from.empty() ? "" : ": ", text));
  } catch (...) {
    print_error("ekgine: out of memory");
  }
}

// Every error is one line, whatever the text of a library held. Of several ranks it says which.
End report(std::string_view text, int status) noexcept {
  try {
    print_line(this_rank(), text);
  } catch (...) {
    print_line("", text);
  }
  return {status, false};
}

// What all ranks find, of which one tells it.
End report_together(std::string_view text, int status) noexcept {
  if (!another_speaks()) print_line("", text);
  return {status, true};
}

// Reports the exception that is being handled.
End report_exception() noexcept {
  try {
    throw;
  } catch (const Interrupted& interrupt) {
    return report_together(interrupt.what(), status_interrupted);
  } catch (const CLI::ParseError& error) {
    return report_together(error.what(), status_usage);
  } catch (const AgreedError& error) {
    return report_together(error.what(), status_failed);
  } catch (const std::bad_alloc&) {
    return report("out of memory; use a smaller --batch-size or fewer records", status_failed);
  } catch (const std::filesystem::filesystem_error& error) {
    return report(error.path1().string() + ": " + error.code().message(), status_failed);
  } catch (const JsonError& error) {
    return report(fmt::format("JSON: {}", error.what()), status_failed);
  } catch (const Error& error) {
    return report(text_with_flags(error), status_failed);
  } catch (const std::exception& error) {
    return report(error.what(), status_failed);
  } catch (...) {
    return report("an unknown error", status_failed);
  }
}

bool main_ended = false;

// For exceptions that nobody can catch: of a thread, before main(), out of a destructor.
[[noreturn]] void end_in_one_line() noexcept {
  remove_temporary_files();
  const End end =
      std::current_exception() ? report_exception() : report("an internal error", status_failed);
  main_ended = true;
  leave_ranks(end.status, false);
  std::_Exit(end.status);
}

// Libraries end the program by themselves when they get no memory: OpenMP's run time says so, with
// status 1; libhdf5 says nothing.
void on_end(int status, void*) {
  remove_temporary_files();
  if (main_ended || status == status_failed) return;
  main_ended = true;
  const End end = report("a library ended the program: out of memory?", status_failed);
  leave_ranks(end.status, false);
  std::_Exit(end.status);
}

// Ahead of every other initialisation of the program, which may run out of memory, too.
[[gnu::constructor(101)]] void catch_what_nobody_catches() {
  std::set_terminate(end_in_one_line);
  report_library_crashes();
  ::on_exit(on_end, nullptr);
}

// Names end up in JSON, TOML and HDF5, which hold UTF-8 alone: better refused now than after work.
void check_arguments(std::span<char* const> arguments) {
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i], before = arguments[i - 1];
    if (is_utf8(argument)) continue;
    const bool value = i > 1 && before.starts_with("--");
    // An address may hold a password.
    const bool secret = argument.find("://") != std::string_view::npos;
    fail("argument {}{}{}: is not UTF-8, which names and values of options have to be", i,
         value ? fmt::format(", after {}", before) : "",
         secret ? "" : fmt::format(", '{}'", argument));
  }
}

// The command as files tell what made them: not where they lie themselves, which makes no other
// file, and no passwords.
std::string command_text(std::span<char* const> arguments) {
  std::string text = "ekgine";
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    if (word == "--output") {
      ++i;
    } else if (!word.starts_with("--output=")) {
      const bool address = word.find("://") != std::string_view::npos;
      text += ' ' + shell_word(address ? without_secrets(word) : std::string(word));
    }
  }
  return text;
}

// Of the words that the command line has no place for, the one that is most likely mistyped, and
// what may have been meant; "" where there are none.
std::string unexpected(const CLI::App& program) {
  const std::vector<std::string> words = program.remaining(true);
  if (words.empty()) return "";
  std::vector<std::string> candidates;
  std::string word = words.front();
  const auto parsed = program.get_subcommands();
  if (parsed.empty() && !word.starts_with('-')) {
    candidates = subcommand_names(program);
  } else {
    for (const std::string& other : words) {
      if (!word.starts_with('-')) word = other;
    }
    word = word.substr(0, word.find('='));
    const CLI::App& command = parsed.empty() ? program : *parsed.front();
    for (const CLI::App* app : {&command, &program}) {
      for (const CLI::Option* option : app->get_options()) {
        for (const std::string& name : option->get_lnames()) candidates.push_back("--" + name);
      }
    }
  }
  // An address may hold a password.
  const bool secret = word.find("://") != std::string::npos;
  return fmt::format("The following argument was not expected: {}{}", secret ? "an address" : word,
                     did_you_mean(word, candidates));
}

// The text of what is wrong with the command line.
std::string usage_error(const CLI::App& program, const CLI::ParseError& error) {
  const auto chosen = program.get_subcommands();
  const std::string command = chosen.empty() ? "" : " " + chosen.front()->get_name();
  std::string text = error.what();
  const std::string word = unexpected(program);
  // "--weights is required" is no help to who wrote --weigths.
  if (error.get_name() == "ExtrasError" || word.ends_with('?')) text = word;
  return fmt::format("{} (see ekgine{} --help)", text, command);
}

End run(int argc, char** argv) {
  const std::span<char* const> arguments(argv, static_cast<std::size_t>(argc));
  check_arguments(arguments);
  set_command(command_text(arguments));
  CLI::App program(
      "Trains and evaluates neural networks that classify the heartbeats of ECG recordings.");
  program.name("ekgine");
  program.set_version_flag("--version", program_name());
  bool manual = false, completion = false;
  program.add_flag("--manual", manual, "Print this help of all commands as a manual page");
  program.add_flag("--completion", completion, "Print a script that completes commands in bash");
  program.set_config(
      "--config", "",
      "Read options from a TOML file: a section [SUBCOMMAND] of its options by name");
  program.config_formatter(config_file(program));
  program.fallthrough();
  // An option given twice: the last one counts, so that scripts can append to a command.
  program.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  program.footer("Start with: ekgine download --help");
  add_download(program);
  add_preprocess(program);
  add_train(program);
  add_tune(program);
  add_kfold(program);
  add_final(program);
  add_pipeline(program);
  add_evaluate(program);
  add_classify(program);
  add_score(program);
  add_convert(program);
  add_export(program);
  add_devices(program);
  try {
    program.parse(argc, argv);
    if (manual) print_result(manual_page(program, program_name()));
    if (completion) print_result(completion_script(program));
    if (manual || completion) return {};
    // Not left to CLI11, which would hide a misspelt subcommand behind this.
    if (program.get_subcommands().empty()) throw CLI::RequiredError("a subcommand");
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) {
      // What a file holds, or whether it is there, one rank may find alone.
      const bool of_file = error.get_name() == "FileError" || error.get_name() == "ConfigError";
      return (of_file ? report : report_together)(usage_error(program, error), status_usage);
    }
    std::ostringstream text;
    program.exit(error, text, text);  // --help, --version
    print_result(text.str());
  }
  return {};
}

}  // namespace
}  // namespace ekgine

int main(int argc, char** argv) {
  using namespace ekgine;
  reserve_standard_streams();
  install_interrupt_handlers();
  // A file-size limit (ulimit -f) then shows as a failed write, like a full disk.
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
  End end;
  try {
    set_another_speaks(launch() && launch()->rank > 0);
    end = run(argc, argv);
  } catch (...) {
    end = report_exception();
  }
  main_ended = true;
  // The launcher kills all once one has failed: not before the one that speaks has spoken.
  if (end.status == status_usage && another_speaks()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
  leave_ranks(end.status, end.together);
  return end.status;
}
