// What ops that normalise over batches share.
#pragma once

#include <string>

#include "engine/ops.h"

namespace ekgine {

// That all of the norm's tensors have the shape `channels`; `context` ends the error's text.
void check_norm(const char* op, const Shape& channels, const BatchNorm& norm,
                const std::string& context);

// (C): what normalises in inference mode.
Tensor running_rstd(Tape& tape, const BatchNorm& norm);

}  // namespace ekgine
