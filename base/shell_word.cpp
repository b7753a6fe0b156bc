#include "base/shell_word.h"

namespace ekgine {

std::string shell_word(std::string_view name) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=@%+,-";
  if (!name.empty() && name.find_first_not_of(plain) == std::string_view::npos) {
    return std::string(name);
  }
  std::string word = "'";
  for (const char c : name) word += c == '\'' ? std::string("'\\''") : std::string{c};
  return word + "'";
}

}  // namespace ekgine
