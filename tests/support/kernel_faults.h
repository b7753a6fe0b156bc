// A KernelCase checked as every op must be checked on the CPU.
#pragma once

#include <string>
#include <vector>

#include "tests/cases/kernel_case.h"

namespace ekgine::testing {

// Runs the case and returns what is wrong, one line each; empty when all of this holds:
// - gradients of double agree with central differences of random cotangents within 1e-7;
// - the gradient of one input is the same whether or not the others are wanted;
// - used twice on a tape, gradients accumulate; outputs never depend on what memory held before
//   (outputs and gradients are poisoned with NaN) and nothing is written out of bounds;
// - float agrees with double within float_tolerance, and two runs are equal bit for bit;
// - replaying the memory plan gives the same bits, with no fault in the arena.
std::vector<std::string> kernel_faults(const KernelCase& c);

// Runs the case on the CPU with images in bfloat16 and returns what is wrong, as device_faults()
// says.
std::vector<std::string> bfloat16_faults(const KernelCase& c);

// The output of the case in float, then the gradient of each input (empty where there is none):
// equal bits give equal values.
std::vector<std::vector<double>> kernel_results(const KernelCase& c);

}  // namespace ekgine::testing
