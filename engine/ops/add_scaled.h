// The node of a residual sum: for the ops whose kernels compute one.
#pragma once

#include "engine/tape.h"
#include "kernels/dropout.h"

namespace ekgine {

// Records y, which holds a + alpha·dropout(b); `dropout` is of rate 0 for none, its `times` 1.
Tensor record_add_scaled(Tape& tape, const Tensor& y, const Tensor& a, double alpha,
                         const Tensor& b, kernels::Dropout dropout = {});

}  // namespace ekgine
