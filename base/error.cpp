#include "base/error.h"

namespace ekgine {

void fail_formatted(fmt::string_view text, fmt::format_args args) {
  throw Error(fmt::vformat(text, args));
}

}  // namespace ekgine
