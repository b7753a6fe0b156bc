// Whether this build can run on a GPU.
#pragma once

namespace ekgine {

// True where the kernels were compiled for GPU `ordinal`, or can be by its driver (from PTX). Makes
// it the current device. Errors: there is no such device.
bool has_device_code(int ordinal);

}  // namespace ekgine
