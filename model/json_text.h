// JSON values in error messages.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace ekgine {

// A value on one short line, however large and deep it is: "same", [3,3], an object.
std::string brief(const nlohmann::json& value);

}  // namespace ekgine
