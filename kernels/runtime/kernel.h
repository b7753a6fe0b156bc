// What every kernel's contract speaks of, whatever it runs on.
//
// A kernel is a function whose first argument says where it runs: `const Cpu&`
// (kernels/runtime/cpu.h) or `const Cuda&` (kernels/runtime/cuda.h). Arrays are plain pointers to
// that device's memory, densely packed unless the contract says otherwise.
//
// On the CPU, T is float or double and everything is a T, but images (and their gradients) where a
// contract calls them I: with T = float these may be stored as bfloat16. On CUDA, T is float or
// bfloat16 and names what activations and their gradients are stored as; parameters of norms,
// biases, statistics, losses and the gradients of all parameters are float, and so is every sum.
// Calls on CUDA return when the work is queued on the stream.
//
// What changes from step to step (seed, number, learning rate: kernels/runtime/step.h) is no
// argument: a kernel reads it from its context when it runs.
#pragma once

#include <cstdint>

#include "kernels/runtime/bfloat16.h"

namespace ekgine {

struct Cuda;

// Where a kernel puts a gradient: `data` null when nobody asked for it; `accumulate` says whether
// the kernel adds to what is there or assigns (then what was there is never read).
template <class T>
struct Gradient {
  T* data = nullptr;
  bool accumulate = false;

  explicit operator bool() const { return data != nullptr; }
  // Assigns or adds one element.
  void put(std::int64_t i, T value) const { data[i] = accumulate ? data[i] + value : value; }
};

// Calls body(put), where put(i, value) assigns or adds element i of the gradient, rounded to its
// type if the value is of a wider one. The choice is made once, outside of body's loops: inside it
// would keep many of them from being vectorised.
template <class T, class Body>
void assign_or_add(Gradient<T> gradient, const Body& body) {
  T* const data = gradient.data;
  if (gradient.accumulate) {
    body([data]<class V>(std::int64_t i, V value) {
      store(data[i], static_cast<V>(data[i]) + value);
    });
  } else {
    body([data](std::int64_t i, auto value) { store(data[i], value); });
  }
}

// What a kernel must do at least, for rooflines: floating-point operations (a fused multiply-add is
// two) and bytes moved to and from memory if every operand crosses once.
struct Cost {
  double flops = 0;
  double bytes = 0;

  // Without a part of the work that is counted elsewhere.
  constexpr Cost operator-(const Cost& part) const {
    return {flops - part.flops, bytes - part.bytes};
  }
};

}  // namespace ekgine
