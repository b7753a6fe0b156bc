// The back ends that kernels are called on: for ops and other callers of Device::run and Tape::run.
#pragma once

#include <variant>

#include "engine/device.h"
#include "engine/tape.h"
#include "kernels/runtime/cpu.h"

namespace ekgine {

// A back end is the first argument of its kernels, `context`, and three element types: Scalar,
// which activations and their gradients are stored as; Image, the same for images, from the
// scalograms to the last pooling; and Real, for parameters, their gradients, statistics and losses.
// Its accessors give tensors, gradients and numbers as its kernels take them.
template <class S, class I, class R>
struct ElementTypes {
  using Scalar = S;
  using Image = I;
  using Real = R;

  static S* data(const Tensor& tensor) { return tensor.data<S>(); }
  static I* image(const Tensor& tensor) { return tensor.data<I>(); }
  static R* real(const Tensor& tensor) { return tensor.data<R>(); }
  static R real(double number) { return static_cast<R>(number); }
  static Gradient<S> gradient(const GradientPlace& place) { return place.as<S>(); }
  static Gradient<I> image_gradient(const GradientPlace& place) { return place.as<I>(); }
  static Gradient<R> real_gradient(const GradientPlace& place) { return place.as<R>(); }
};

// The float CPU is a product; the double CPU is the reference for gradient checks.
template <class T, class I = T>
struct CpuBackEnd : ElementTypes<T, I, T> {
  static constexpr bool is_cuda = false;
  using Sum = double;  // what ranks add up of their rows
  explicit CpuBackEnd(Workspace& workspace) : context{workspace} {}
  Cpu context;
};
#if EKGINE_HAS_CUDA
template <class T>
struct CudaBackEnd : ElementTypes<T, T, float> {
  static constexpr bool is_cuda = true;
  using Sum = float;
  explicit CudaBackEnd(const Cuda& cuda) : context(cuda) {}
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
