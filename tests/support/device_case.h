// A KernelCase on a device that rounds otherwise than the CPU in float does, checked against the
// CPU in double.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/cases/kernel_case.h"
#include "tests/support/kernel_runs.h"

namespace ekgine::testing {

struct DeviceHooks {
  // What the device has found since the last call.
  std::function<std::vector<std::string>()> take_faults = {};
  // The order of threads, blocks and streams from now on.
  std::function<void(std::uint64_t)> set_schedule = {};
};

// Runs the case on `device`, whose activations or images are stored as `type` (f32 or bf16), and
// returns what is wrong, one line each; empty when all of this holds:
// - f32: outputs and gradients differ from the CPU's in double by at most 4 times what the CPU's in
//   float do, plus a few units of rounding of a sum;
// - bf16: they differ from the CPU's in double, on the same rounded inputs, by at most a few units
//   of rounding of a bfloat16;
// - f32 with `tf32`, on a device that may round factors to TF32: they differ by at most a quarter
//   of what bf16 may, since TF32 keeps two bits more (a rounding is 2⁻¹¹, not 2⁻⁹) and the same
//   numbers are rounded: the inputs, if later, and what is made of them between two products. And
//   they do differ by more than f32 may: it was TF32;
// - the gradient of one input is the same whether or not the others are wanted, and gradients
//   accumulate (not tested of images in another type than other activations: there is no op that
//   adds them);
// - a second run, and a replay of the memory plan, give the same bits, in two schedules;
// - nothing is written past the end of an array, and the device found nothing.
std::vector<std::string> device_faults(const KernelCase& c, TestDevice& device, DType type,
                                       const DeviceHooks& hooks = {}, bool tf32 = false);

}  // namespace ekgine::testing
