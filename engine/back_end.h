// The back ends that kernels are called on: for ops and other callers of Device::run and Tape::run.
#pragma once

#include <variant>

#include "engine/device.h"
#include "kernels/runtime/cpu.h"

namespace ekgine {

// A back end is the first argument of its kernels and three element types: Scalar, which
// activations and their gradients are stored as; Image, the same for images, from the scalograms to
// the last pooling; and Real, for parameters, their gradients, statistics and losses. Where
// step_on_device, kernels read the step and the learning rate from the device's memory
// (Device::set_step), elsewhere they are told. The float CPU is a product; the double CPU is the
// reference for gradient checks.
template <class T, class I = T>
struct CpuBackEnd {
  using Scalar = T;
  using Image = I;
  using Real = T;
  static constexpr bool step_on_device = false;
  Cpu context;
};
#if EKGINE_HAS_CUDA
template <class T>
struct CudaBackEnd {
  using Scalar = T;
  using Image = T;
  using Real = float;
  static constexpr bool step_on_device = true;
  const Cuda& context;
};
using AnyBackEnd = std::variant<CpuBackEnd<float>, CpuBackEnd<double>, CpuBackEnd<float, bfloat16>,
                                CudaBackEnd<float>, CudaBackEnd<bfloat16>>;
#else
using AnyBackEnd = std::variant<CpuBackEnd<float>, CpuBackEnd<double>, CpuBackEnd<float, bfloat16>>;
#endif

// The one that a device has.
struct BackEnd {
  AnyBackEnd any;
};

// The one place where the choice is made; a kernel without an overload for one of the back ends
// does not compile.
template <class Kernel>
void Device::run(const Kernel& kernel) {
  std::visit(kernel, back_end_->any);
}

}  // namespace ekgine
