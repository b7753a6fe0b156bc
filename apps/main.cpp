// The program `ekgine`: subcommands, and what becomes of their errors.

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <string>

#include "apps/command.h"
#include "apps/config_file.h"
#include "base/error.h"
#include "base/interrupt.h"

namespace {

constexpr int status_failed = 1;
constexpr int status_usage = 2;
constexpr int status_interrupted = 130;  // as shells report SIGINT

// Every error is one line, whatever the text of a library held.
int report(const char* text, int status) {
  std::string line = text;
  for (char& c : line) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  // A progress bar may stand in the current line of a terminal.
  fmt::print(stderr, "{}ekgine: {}\n", isatty(STDERR_FILENO) ? "\r\x1b[K" : "", line);
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace ekgine;
  install_interrupt_handlers();
  // A file-size limit (ulimit -f) then shows as a failed write, like a full disk.
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);

  CLI::App program(
      "Trains and evaluates neural networks that classify the heartbeats of ECG recordings.");
  program.name("ekgine");
  program.set_version_flag("--version", std::string("ekgine ") + program_version);
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
  add_convert(program);
  add_export(program);
  add_devices(program);
  try {
    program.parse(argc, argv);
    // Not left to CLI11, which would hide a misspelt subcommand behind this.
    if (program.get_subcommands().empty()) throw CLI::RequiredError("a subcommand");
    return 0;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return program.exit(error);  // --help, --version
    const auto chosen = program.get_subcommands();
    const std::string command = chosen.empty() ? "" : " " + chosen.front()->get_name();
    return report(fmt::format("{} (see ekgine{} --help)", error.what(), command).c_str(),
                  status_usage);
  } catch (const Interrupted& interrupt) {
    return report(interrupt.what(), status_interrupted);
  } catch (const std::bad_alloc&) {
    return report("out of memory; use a smaller --batch-size or fewer records", status_failed);
  } catch (const std::exception& error) {
    return report(error.what(), status_failed);
  }
}
