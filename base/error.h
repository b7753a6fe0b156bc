// The one exception of ekgine.
//
// Everything a user can get wrong, and everything the machine can refuse, ends in an `Error` whose
// text is one complete line: which file or option, where in it, what was found and what was
// expected. The program prints it after "ekgine: " and exits with status 1.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace ekgine {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// fail() with its arguments packed: one function for all of its calls, which are many.
[[noreturn]] void fail_formatted(fmt::string_view text, fmt::format_args args);

// Throws an Error with a formatted text: fail("{}:2: format {} is not supported", path, format).
template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> text, Args&&... args) {
  fail_formatted(text, fmt::make_format_args(args...));
}

}  // namespace ekgine
