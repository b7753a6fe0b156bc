#include "base/beat.h"

#include <cstddef>
#include <iterator>

#include "base/error.h"

namespace ekgine {

namespace {

constexpr const char* names[] = {"mV", "centred", "record", "deviation"};  // in BeatUnit's order

}  // namespace

const char* beat_unit_name(BeatUnit unit) {
  return names[static_cast<std::size_t>(unit)];
}

BeatUnit beat_unit_from_name(std::string_view name) {
  for (std::size_t i = 0; i < std::size(names); ++i) {
    if (name == names[i]) return static_cast<BeatUnit>(i);
  }
  fail("amplitude must be mV, centred, record or deviation, got '{}'", name);
}

}  // namespace ekgine
