#include "base/beat.h"

#include "base/error.h"

namespace ekgine {

Amplitude amplitude_from_name(std::string_view name) {
  if (name == "mV") return Amplitude::millivolts;
  if (name == "centred") return Amplitude::centred;
  if (name == "record") return Amplitude::record;
  if (name == "deviation") return Amplitude::deviation;
  fail("amplitude must be mV, centred, record or deviation, got '{}'", name);
}

}  // namespace ekgine
