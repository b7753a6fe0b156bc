// For words that were mistyped: commands, options, names of a list.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace ekgine {

// "; did you mean WORD?" with the one of `words` that is nearest to `word`: it begins with it, or a
// third of its letters, at most, are wrong, missing, too many or swapped with the next, case aside.
// "" where none is so near.
std::string did_you_mean(std::string_view word, std::span<const std::string> words);

}  // namespace ekgine
