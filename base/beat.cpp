#include "base/beat.h"

#include <cstddef>

#include "base/error.h"

namespace ekgine {

namespace {

// In BeatUnit's order.
constexpr const char* names[] = {"mV", "centred", "record", "deviation", "features", "waves"};

}  // namespace

const char* beat_unit_name(BeatUnit unit) {
  return names[static_cast<std::size_t>(unit)];
}

BeatUnit beat_unit_from_name(std::string_view name) {
  for (const auto& [unit, known] : choices_of(BeatUnit())) {
    if (name == known) return unit;
  }
  fail("amplitude must be mV, centred, record or deviation, got '{}'", name);
}

}  // namespace ekgine
