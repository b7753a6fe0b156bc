// One step of AdamW over flat arrays: Adam with decoupled weight decay.
//
// Kingma, Ba: "Adam: a method for stochastic optimization", ICLR 2015 (the efficient form that ends
// section 2); Loshchilov, Hutter: "Decoupled weight decay regularization", ICLR 2019. Order,
// constants and the place of ε are those of Keras 3.8's AdamW.
//
//   weight, m, v, gradient (n)
//
// With t the step's number, 1, 2, ..., and lr its learning rate:
//   weight −= lr·weight_decay·weight
//   m += (gradient − m)·(1 − β₁);  v += (gradient² − v)·(1 − β₂)
//   weight −= lr·√(1 − β₂ᵗ)/(1 − β₁ᵗ)·m / (√v + ε)
//
// weight, m, v are updated in place; m and v start at 0. The decay applies to every element. Where
// `stop` is given and *stop is not 0, nothing is changed (see running_loss).
// Deterministic: the same bits at any thread count.
#pragma once

#include "kernels/runtime/cpu.h"

namespace ekgine::kernels {

struct AdamWSettings {
  double beta1 = 0.9, beta2 = 0.999;
  double epsilon = 1e-7;
  double weight_decay = 0.004;
};

constexpr Cost adamw_cost(std::int64_t n, double element) {
  return {14 * static_cast<double>(n), 7 * static_cast<double>(n) * element};
}

template <class T>
void adamw(const Cpu& cpu, std::int64_t n, const AdamWSettings& settings, const T* gradient,
           T* weight, T* m, T* v, const std::uint32_t* stop = nullptr);

// *stop is in device memory.
void adamw(const Cuda& cuda, std::int64_t n, const AdamWSettings& settings, const float* gradient,
           float* weight, float* m, float* v, const std::uint32_t* stop = nullptr);

}  // namespace ekgine::kernels
