// An Error that other options would mend. Its text names quantities ("batch size must be 1 to
// 65536, got 0"); how each is set where the program was started is known to apps/ alone, which adds
// it: "(--batch-size)".
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace ekgine {

class OptionError : public Error {
 public:
  OptionError(std::vector<std::string> options, const std::string& text)
      : Error(text), options_(std::move(options)) {}

  // Their names, as in TOML: "batch-size".
  const std::vector<std::string>& options() const { return options_; }

 private:
  std::vector<std::string> options_;
};

// fail_option({"output"}, "{}: holds a run already; choose another folder", folder)
template <class... Args>
[[noreturn]] void fail_option(std::vector<std::string> options, fmt::format_string<Args...> text,
                              Args&&... args) {
  throw OptionError(std::move(options), fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace ekgine
