// Mean over all positions of an image or a sequence.
//
//   x, dx   (N,P,C)     P = all axes between the first and the last
//   y, dy   (N,C)
//
//   y = Σ_P x / P;  dx = dy/P
//
// y is assigned; dx is assigned or accumulated as it says. Backward needs nothing. Memory-bound,
// deterministic.
#pragma once

#include "kernels/runtime/cpu.h"

namespace ekgine::kernels {

struct GlobalAvgPoolShape {
  std::int64_t n, positions, c;  // N, P ≥ 1, C

  constexpr double in() const { return static_cast<double>(n * positions * c); }
  constexpr double out() const { return static_cast<double>(n * c); }
};

constexpr Cost global_avg_pool_cost(GlobalAvgPoolShape s, double element) {
  return {s.in(), (s.in() + s.out()) * element};
}

template <class T>
void global_avg_pool_forward(const Cpu& cpu, GlobalAvgPoolShape s, const T* x, T* y);
template <class T>
void global_avg_pool_forward(const Cuda& cuda, GlobalAvgPoolShape s, const T* x, T* y);

template <class T>
void global_avg_pool_backward(const Cpu& cpu, GlobalAvgPoolShape s, const T* dy, Gradient<T> dx);
template <class T>
void global_avg_pool_backward(const Cuda& cuda, GlobalAvgPoolShape s, const T* dy, Gradient<T> dx);

}  // namespace ekgine::kernels
