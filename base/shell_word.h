// Names in commands that a message proposes, for a reader to copy.
#pragma once

#include <string>
#include <string_view>

namespace ekgine {

// `name` as one word of a POSIX shell: between single quotes where it has letters that a shell may
// take for more than a name.
std::string shell_word(std::string_view name);

}  // namespace ekgine
