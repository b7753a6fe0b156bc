// Numbers as the report and the plots print them.
#pragma once

#include <cstdint>
#include <string>

namespace ekgine {

// 15573 → "15,573"; count must not be negative.
std::string grouped(std::int64_t count);

// part of whole, one decimal: (1, 3) → "33.3 %"; whole must not be 0.
std::string percent(std::int64_t part, std::int64_t whole);

}  // namespace ekgine
