// Options on the command line, from their rows (base/option.h).
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>
#include <type_traits>
#include <vector>

#include "apps/command.h"
#include "training/option_table.h"

namespace ekgine {

// Adds the flag of an option, which sets `value`. `help`: another than its own.
template <class Options, class T>
CLI::Option* add_option(CLI::App& command, const Option<Options, T>& option, T& value,
                        const char* help = nullptr) {
  std::string flag = std::string("--") + option.name;
  if (option.older != nullptr) flag += std::string(",--") + option.older;
  if (help == nullptr) help = option.help;
  if constexpr (NamedChoice<T>) {
    return add_choice(command, flag, value, help);
  } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
    return add_records_option(command, flag, value, help);
  } else if constexpr (is_list<T>) {
    return command.add_option(flag, value, help)->delimiter(',')->allow_extra_args(false);
  } else if constexpr (std::is_same_v<T, bool>) {
    return command.add_flag(flag, value, help);
  } else if constexpr (std::is_same_v<T, std::filesystem::path>) {
    return command.add_option(flag, value, help);
  } else {
    return command.add_option(flag, value, help)->capture_default_str();
  }
}

}  // namespace ekgine
