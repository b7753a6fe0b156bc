// One op at one shape, checked as every op must be checked, and timed by the benchmark.
//
// tests/cases/NAME.h lists the cases of an op; tests/kernels/NAME_test.cpp runs kernel_faults()
// over them, bench/ times them.
#pragma once

#include <functional>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "engine/ops.h"
#include "tests/support/random.h"

namespace ekgine::testing {

struct KernelInput {
  Shape shape;
  bool differentiable = true;
  // Draws one value; by default normal with mean 0 and standard deviation 1. Values are rounded to
  // float, so that float and double runs start from equal numbers.
  std::function<double(Random&)> draw = {};
  // Stored as Real even where activations are bfloat16: a weight, a bias, beats.
  bool parameter = false;
  // Stored as Image.
  bool image = false;
  // An integer input (labels, indices) instead: its values.
  std::vector<std::int32_t> integers = {};
};

// normal(offset, scale): draws around a large offset reveal E[x²]−E[x]² and the like.
inline std::function<double(Random&)> normal(double mean, double deviation) {
  return [=](Random& random) { return mean + deviation * random.normal(); };
}

struct KernelCase {
  std::string name;  // op and shape: "layer_norm (8,3,65)"
  std::vector<KernelInput> inputs;
  std::function<Tensor(Tape&, std::span<const Tensor>)> op;
  // Largest error of float against double, of outputs and gradients, relative to the largest
  // magnitude in the array. State why where it is above the default.
  double float_tolerance = 4e-6;
  // The same of bfloat16 against double on the same rounded inputs. By default one
  // rounding of the result and a few of what it is made of, at 2⁻⁹ each.
  double bfloat16_tolerance = 0x1p-7;
  // On CUDA the op refuses the case, with this text.
  std::string cuda_error = {};
  // The op draws random bits: recording it twice gives different values.
  bool random = false;
  // For the benchmark.
  Cost forward = {}, backward = {};
};

inline std::ostream& operator<<(std::ostream& out, const KernelCase& c) {
  return out << c.name;
}

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
