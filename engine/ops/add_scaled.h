// The node of a residual sum: for the ops whose kernels compute one.
#pragma once

#include "engine/tape.h"

namespace ekgine {

// Records y, which holds a + alpha·b.
Tensor record_add_scaled(Tape& tape, const Tensor& y, const Tensor& a, double alpha,
                         const Tensor& b);

}  // namespace ekgine
