// A KernelCase on a CUDA device, checked against the CPU.
#pragma once

#include <string>
#include <vector>

#include "tests/support/kernel_case.h"

namespace ekgine::testing {

// Why no CUDA device can be used; empty when one can.
std::string no_cuda_device();

// Runs the case with activations stored as `type` (f32 or bf16) and returns what is wrong, one line
// each; empty when all of this holds:
// - f32: outputs and gradients differ from the CPU's in double by at most 4 times what the CPU's in
//   float do, plus a few units of rounding of a sum;
// - bf16: they differ from the CPU's in double, on the same rounded inputs, by at most a few units
//   of rounding of a bfloat16;
// - the gradient of one input is the same whether or not the others are wanted, and gradients
//   accumulate;
// - a second run, and a replay of the memory plan, give the same bits;
// - nothing is written past the end of an array, and the emulated device, if it is one, reports
//   nothing, with its threads in two different orders.
std::vector<std::string> cuda_faults(const KernelCase& c, DType type);

}  // namespace ekgine::testing
