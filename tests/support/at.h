#pragma once

#include <cstddef>
#include <cstdint>

namespace ekgine {

// A computed index, as containers take it.
inline std::size_t at(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

}  // namespace ekgine
