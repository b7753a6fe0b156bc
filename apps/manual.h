// What a shell and man(1) know of the program, made from its options.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace ekgine {

// A manual page in roff, of all commands and options of `program`.
std::string manual_page(const CLI::App& program, const std::string& version);

// A script for bash (zsh takes it after bashcompinit) that completes commands, options, and the
// values of options that have choices; where it knows nothing better, names of files.
std::string completion_script(const CLI::App& program);

}  // namespace ekgine
