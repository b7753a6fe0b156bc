// Exponential moving average of the weights over the steps of a run, which predicts better than the
// weights of the last step: Polyak, Juditsky: "Acceleration of stochastic approximation by
// averaging", SIAM J. Control and Optimization 30, 1992.
//
//   weight, average (n)
//
// With t the step's number, 1, 2, ...:
//   average += (weight − average)·max(1 − decay, 9/(10 + t))
//
// average is updated in place and starts as the initial weights. Early on it spans the last ninth
// of the steps and forgets the beginning; later the last 1/(1 − decay) of them, as TensorFlow's
// ExponentialMovingAverage does where it is given the number of updates. Where `stop` is given and
// *stop is not 0, nothing is changed (see running_loss).
// Deterministic: the same bits at any thread count.
#pragma once

#include <cstdint>

#include "kernels/runtime/cpu.h"

namespace ekgine::kernels {

constexpr Cost moving_average_cost(std::int64_t n, double element) {
  return {3 * static_cast<double>(n), 3 * static_cast<double>(n) * element};
}

template <class T>
void moving_average(const Cpu& cpu, std::int64_t n, double decay, const T* weight, T* average,
                    const std::uint32_t* stop = nullptr);

// *stop is in device memory.
void moving_average(const Cuda& cuda, std::int64_t n, double decay, const float* weight,
                    float* average, const std::uint32_t* stop = nullptr);

}  // namespace ekgine::kernels
