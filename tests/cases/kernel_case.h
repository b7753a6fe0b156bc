// One op at one shape: tests/support check it as every op must be checked, bench/ times it.
//
// tests/cases/ops/NAME.h lists the cases of an op (tests/cases/op_cases.h).
#pragma once

#include <cstdint>
#include <functional>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "engine/ops.h"
#include "tests/cases/random.h"

namespace ekgine::testing {

// The inputs of an op to its output.
using OpFunction = std::function<Tensor(Tape&, std::span<const Tensor>)>;

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

// Another way to the same output from the same inputs; where bits are random, from the same ones.
struct Rival {
  std::string by;  // "composition: swish, dropout"
  OpFunction op;
  bool on_cpu = true;  // beside CUDA
};

// The same of cuDNN's, which bench/cuda/cudnn_ops.h has.
enum class CudnnRival {
  none,
  relu,
  swish,
  max_pool2d,
  global_avg_pool,
  batch_norm,
  batch_norm_relu_max_pool2d,
  batch_norm_relu_global_avg_pool
};

// What the op replaces, where that is no composition of our ops: bench/composed_ops.h has it.
enum class ComposedRival { none, attention, depthwise_conv1d };

struct KernelCase {
  std::string name;  // op and shape: "layer_norm (8,3,65)"
  std::vector<KernelInput> inputs;
  OpFunction op;
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

  // For the benchmark on CUDA: whose kernels run there, and whether they multiply matrices as TF32
  // lets them.
  std::string cuda_by = "ekgine";
  bool products = false;
  // What is timed beside the op.
  std::vector<Rival> rivals = {};
  CudnnRival cudnn = CudnnRival::none;
  ComposedRival composed = ComposedRival::none;
  double dropout = 0;  // of the composition

  // The op whose case it is: the name's first word.
  std::string op_name() const { return name.substr(0, name.find(' ')); }
};

inline std::ostream& operator<<(std::ostream& out, const KernelCase& c) {
  return out << c.name;
}

// Whether a gradient is asked for, per input.
std::vector<bool> differentiable_inputs(const KernelCase& c);

}  // namespace ekgine::testing
