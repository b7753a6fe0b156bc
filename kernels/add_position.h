// Adds a learned vector per position.
//
// Gehring, Auli, Grangier, Yarats, Dauphin: "Convolutional sequence to sequence learning", ICML
// 2017 (learned absolute positions).
//
//   x, y, dx, dy   (N, T, C)
//   table, dtable  (R, C)     R ≥ T; rows from T on are not used
//
// Forward:  y[n,t] = x[n,t] + table[t]
// Backward: dx = dy;  dtable[t] = Σ_n dy[n,t] for t < T, 0 for t ≥ T
//
// y is assigned; gradients are assigned or accumulated as they say; dx may not be dy: then the
// caller passes it on, and none is made. Each sum is taken in a fixed order, on the CPU that of n:
// the same bits at any thread count.
#pragma once

#include "kernels/runtime/cpu.h"

namespace ekgine::kernels {

struct AddPositionShape {
  std::int64_t sequences, positions, channels, rows;  // N, T, C, R
};

constexpr Cost add_position_forward_cost(AddPositionShape s, double element) {
  const double tc = static_cast<double>(s.positions) * static_cast<double>(s.channels);
  const double n = static_cast<double>(s.sequences) * tc;
  return {n, (2 * n + tc) * element};
}
constexpr Cost add_position_backward_cost(AddPositionShape s, double element, bool makes_dx) {
  const double n = static_cast<double>(s.sequences) * static_cast<double>(s.positions) *
                   static_cast<double>(s.channels);
  return {n,
          ((makes_dx ? 2 : 1) * n + static_cast<double>(s.rows) * static_cast<double>(s.channels)) *
              element};
}

template <class T>
void add_position_forward(const Cpu& cpu, AddPositionShape s, const T* x, const T* table, T* y);

template <class T>
void add_position_backward(const Cpu& cpu, AddPositionShape s, const T* dy, Gradient<T> dx,
                           Gradient<T> dtable);

template <class T>
void add_position_forward(const Cuda& cuda, AddPositionShape s, const T* x, const float* table,
                          T* y);

template <class T>
void add_position_backward(const Cuda& cuda, AddPositionShape s, const T* dy, Gradient<T> dx,
                           Gradient<float> dtable);

}  // namespace ekgine::kernels
