// Where tensors live and kernels run: the back end and its memory.
#pragma once

#include <cstddef>
#include <string>
#include <variant>

#include "engine/tensor.h"
#include "kernels/runtime/cpu.h"

namespace ekgine {

// A back end is the element type of real tensors and the first argument of its kernels. The float
// CPU is a product; the double CPU is the reference for gradient checks. CUDA joins here.
template <class T>
struct CpuBackEnd {
  using Scalar = T;
  Cpu context;
};
using BackEnd = std::variant<CpuBackEnd<float>, CpuBackEnd<double>>;

class Device {
 public:
  struct Options {
    // Address space for activations; memory is used as far as a step needs it.
    std::size_t activation_reserve = std::size_t{64} << 30;
    std::size_t workspace_reserve = std::size_t{4} << 30;
    // Activations are NaN-filled and followed by guard words (for tests; slow).
    bool guarded = false;
  };

  static Device cpu(DType type) { return Device(type, Options()); }
  static Device cpu(DType type, const Options& options) { return Device(type, options); }
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  DType dtype() const { return type_; }  // of real tensors
  Arena& activations() { return activations_; }
  const Workspace& workspace() const { return workspace_; }

  // Calls kernel(back_end) for the back end this device has. The one place where the choice is
  // made; a kernel without an overload for one of them does not compile.
  template <class Kernel>
  void run(const Kernel& kernel) {
    std::visit(kernel, back_end_);
  }

 private:
  Device(DType type, const Options& options);

  DType type_;
  Arena activations_;
  Workspace workspace_;
  BackEnd back_end_;
};

}  // namespace ekgine
