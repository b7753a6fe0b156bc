#pragma once

#include "engine/device.h"

namespace ekgine::testing {

// For models of a few values: a device with the usual reserves takes longer to make than the test.
inline constexpr Device::Options small_device{.activation_reserve = 1 << 21,
                                              .workspace_reserve = 1 << 21};

}  // namespace ekgine::testing
