// JSON values in error messages.
#pragma once

#include <string>

#include "base/json.h"

namespace ekgine {

// A value on one short line, however large and deep it is: "same", [3,3], an object.
std::string brief(const Json& value);

}  // namespace ekgine
