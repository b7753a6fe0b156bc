// A KernelCase on a CUDA device, checked against the CPU.
#pragma once

#include <string>
#include <vector>

#include "tests/cases/kernel_case.h"

namespace ekgine::testing {

// Why no CUDA device can be used; empty when one can.
std::string no_cuda_device();

// Runs the case with activations stored as `type` (f32 or bf16), and products of f32 in TF32 where
// asked, and returns what is wrong, as device_faults() says; nor must the emulated device, if it is
// one, report anything.
std::vector<std::string> cuda_faults(const KernelCase& c, DType type, bool tf32 = false);

}  // namespace ekgine::testing
