// The instruction set that kernels were compiled for, asked of the kernels themselves.
//
// Compiled and chosen as all of them: the answer is that of the code that runs.
#pragma once

#include "kernels/runtime/instruction_set.h"

namespace ekgine::kernels {

InstructionSet compiled_for();

}  // namespace ekgine::kernels
