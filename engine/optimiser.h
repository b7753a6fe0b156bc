// The optimiser's step over all parameters of a model.
#pragma once

#include <cstdint>

#include "engine/device.h"
#include "engine/parameter.h"
#include "kernels/adamw.h"

namespace ekgine {

// Keeps what the buffers (running statistics) are now. At the beginning of a step that may be held
// back.
void keep_buffers(const Device& device, ParameterSet& parameters);

// Updates every trainable parameter, padding included, from its gradient in one launch, by the
// device's step (Device::set_step), and marks the gradients as used. Errors: a parameter that no
// backward pass has reached since the last step, by name.
// Where `stop` is given and *stop, in the device's memory, is not 0, the step is held back: weights
// and moments stay as they are (kernels/adamw.h), and buffers become again what keep_buffers() has
// kept (kernels/put_back.h).
void adamw_step(Device& device, ParameterSet& parameters, const kernels::AdamWSettings& settings,
                const std::uint32_t* stop = nullptr);

// Moves the average of the parameters, which keep one, towards their values, by the device's step
// (kernels/moving_average.h); held back by *stop as adamw_step is.
void average_step(Device& device, ParameterSet& parameters, double decay,
                  const std::uint32_t* stop = nullptr);

}  // namespace ekgine
