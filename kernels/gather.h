// Picks rows of a matrix, any number of times each: sequences of beats from encoded beats.
//
//   x, dx   (U, C)
//   index   (P)        P picks, each in [0, U)
//   y, dy   (P, C)
//
// Forward:  y[p] = x[index[p]]
// Backward: dx[u] = Σ_{p: index[p] = u} dy[p]; 0 where no pick names u
//
// Saved for backward: index. Each row of dx is summed by one thread, over its picks in ascending
// order, instead of scattered into: by the index's inverse, or on CUDA, where picks are few, by
// looking at all of them.
//
// y is assigned; dx is assigned or accumulated as it says. Deterministic: the same bits at any
// thread count.
#pragma once

#include "kernels/runtime/cpu.h"

namespace ekgine::kernels {

struct GatherShape {
  std::int64_t rows, channels, picks;  // U, C, P
};

constexpr Cost gather_forward_cost(GatherShape s, double element) {
  const double n = static_cast<double>(s.picks) * static_cast<double>(s.channels);
  return {0, 2 * n * element + 4 * static_cast<double>(s.picks)};
}
constexpr Cost gather_backward_cost(GatherShape s, double element) {
  const double c = static_cast<double>(s.channels), p = static_cast<double>(s.picks);
  const double u = static_cast<double>(s.rows);
  return {p * c, (p + u) * c * element + 4 * (p + u)};
}

// Errors: an index outside [0, U), before anything is written.
template <class T>
void gather_forward(const Cpu& cpu, GatherShape s, const T* x, const std::int32_t* index, T* y);

// Errors: as gather_forward.
template <class T>
void gather_backward(const Cpu& cpu, GatherShape s, const std::int32_t* index, const T* dy,
                     Gradient<T> dx);

// On CUDA, forward also takes rows of std::int32_t (labels). The indices are in device memory, so
// nobody has seen a wrong one when the call returns: its row of y is NaN (−1 in integers), and it
// adds to no row of dx.
template <class T>
void gather_forward(const Cuda& cuda, GatherShape s, const T* x, const std::int32_t* index, T* y);

template <class T>
void gather_backward(const Cuda& cuda, GatherShape s, const std::int32_t* index, const T* dy,
                     Gradient<T> dx);

}  // namespace ekgine::kernels
