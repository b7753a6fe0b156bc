// The files of --config: options by name, in TOML.
//
//   [train]                              a section per subcommand
//   data = "store"                       keys: its long options without the dashes
//   train-records = ["100", "101"]       the same as "100,101"
//   epochs = 3
//   encode-each = true
//
// Those that ekgine wrote begin with their seal (base/seal.h): one that is damaged is an error.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>

namespace ekgine {

// For CLI::App::config_formatter of the program, which must outlive it. What is no TOML, names a
// section or key that the program does not have, or has a value that no option takes, is a
// CLI::ConfigError: "FILE:3: 'epoch' is no option of ekgine train".
std::shared_ptr<CLI::Config> config_file(const CLI::App& program);

}  // namespace ekgine
