// Ops as one would do them without a kernel of our own, for comparison with it: what libraries
// multiply, and passes over whole arrays, each written to memory. They keep the contracts of
// engine/ops.h. In float on the CPU, and on CUDA; gradients of all inputs have to be wanted.
#pragma once

#include <memory>

#include "tests/cases/kernel_case.h"

namespace ekgine {

class ComposedOps {
 public:
  ComposedOps();
  ComposedOps(const ComposedOps&) = delete;
  ComposedOps& operator=(const ComposedOps&) = delete;
  ~ComposedOps();

  // Products of all heads at once (oneDNN, cuBLASLt), with all T×T probabilities in memory, which
  // are saved, as are those that dropout has left.
  Tensor attention(Tape& tape, const Tensor& query, const Tensor& key, const Tensor& value,
                   double rate);
  // A pass over x and y per tap; backward one over dy and dx, and one over x and dy.
  Tensor depthwise_conv1d(Tape& tape, const Tensor& x, const Tensor& weight, const Tensor& bias);

 private:
  struct State;
  // Shared with what the tapes record.
  std::shared_ptr<State> state_;
};

// The case with the composition among its rivals that it names, if any.
testing::KernelCase with_composition(testing::KernelCase c,
                                     const std::shared_ptr<ComposedOps>& composed);

}  // namespace ekgine
