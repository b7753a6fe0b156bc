// The optimiser's step over all parameters of a model.
#pragma once

#include <cstdint>

#include "engine/device.h"
#include "engine/parameter.h"
#include "kernels/adamw.h"

namespace ekgine {

// Updates every trainable parameter, padding included, from its gradient in one launch, as step
// `step` (1, 2, ...), and marks the gradients as used. Errors: a parameter that no backward pass
// has reached since the last step, by name. `stop`: see kernels/adamw.h.
void adamw_step(Device& device, ParameterSet& parameters, const kernels::AdamWSettings& settings,
                std::int64_t step, const std::uint32_t* stop = nullptr);

}  // namespace ekgine
