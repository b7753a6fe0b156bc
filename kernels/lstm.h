// Long short-term memory over the positions of a sequence; only its last state is given.
//
// Hochreiter, Schmidhuber: "Long short-term memory", Neural Computation 9, 1997; forget gate: Gers,
// Schmidhuber, Cummins: "Learning to forget", Neural Computation 12, 2000. Gates and their order
// are those of Keras' LSTM: input i, forget f, candidate g, output o; no peepholes.
//
//   projected, dprojected    (N, T, 4H)   x·W + b of all positions, a linear map of their inputs
//   recurrent, drecurrent    (H, 4H)
//   y, dy                    (N, H)
//   gates, cell, hidden      (T, N, 4H), (T, N, H), (T−1, N, H)     saved by forward for backward
//
// any N ≥ 0, T ≥ 1, H ≥ 1. A row of 4H numbers is (i, f, g, o), H of each.
//
// Forward, per sequence, from h_{−1} = c_{−1} = 0:
//   (zi, zf, zg, zo)_t = projected_t + h_{t−1}·recurrent
//   i = σ(zi);  f = σ(zf);  g = tanh(zg);  o = σ(zo)
//   c_t = f⊙c_{t−1} + i⊙g;  h_t = o⊙tanh(c_t);  y = h_{T−1}
//
// Backward, from t = T−1 down, with dh_{T−1} = dy and dc_{T−1} = 0 from above:
//   dc_t += dh_t⊙o⊙(1 − tanh²(c_t))
//   dzi = dc_t⊙g⊙i⊙(1−i);  dzf = dc_t⊙c_{t−1}⊙f⊙(1−f);  dzg = dc_t⊙i⊙(1−g²)
//   dzo = dh_t⊙tanh(c_t)⊙o⊙(1−o)
//   dprojected_t = dz_t;  dc_{t−1} = dc_t⊙f;  dh_{t−1} = dz_t·recurrentᵀ
//   drecurrent = Σ_t h_{t−1}ᵀ·dz_t
//
// What is saved lies by position, not by sequence: the products of a position with `recurrent` are
// then dense, and drecurrent is one product over all positions. They are kernels/linear.h's; all
// else of a position is one pass over memory.
//
// y and what is saved are assigned; each gradient is assigned or accumulated as it says.
// Deterministic as the linear kernel is: at a given thread count.
#pragma once

#include "kernels/runtime/cpu.h"

namespace ekgine::kernels {

struct LstmShape {
  std::int64_t sequences, positions, units;  // N, T, H

  // Elements of the state of all sequences.
  constexpr std::int64_t state() const { return sequences * units; }
};

// An exponential is counted as ten operations: three sigmoids of 12 and two tanh of 13, then the
// products and sums of the formulas.
constexpr Cost lstm_forward_cost(LstmShape s, double element) {
  const double state = static_cast<double>(s.state()), h = static_cast<double>(s.units);
  const double t = static_cast<double>(s.positions);
  return {(t - 1) * state * (8 * h + 4) + t * state * 66, ((10 * t) * state + 4 * h * h) * element};
}
constexpr Cost lstm_backward_cost(LstmShape s, double element) {
  const double state = static_cast<double>(s.state()), h = static_cast<double>(s.units);
  const double t = static_cast<double>(s.positions);
  return {(t - 1) * state * 16 * h + t * state * 36, ((10 * t) * state + 8 * h * h) * element};
}

template <class T>
void lstm_forward(const Cpu& cpu, LstmShape s, const T* projected, const T* recurrent, T* y,
                  T* gates, T* cell, T* hidden);

template <class T>
void lstm_backward(const Cpu& cpu, LstmShape s, const T* recurrent, const T* gates, const T* cell,
                   const T* hidden, const T* dy, Gradient<T> dprojected, Gradient<T> drecurrent);

// On CUDA the cell, which is summed over all positions, is float, and so is the dc that is carried
// from one position to the one before.
template <class T>
void lstm_forward(const Cuda& cuda, LstmShape s, const T* projected, const T* recurrent, T* y,
                  T* gates, float* cell, T* hidden);

template <class T>
void lstm_backward(const Cuda& cuda, LstmShape s, const T* recurrent, const T* gates,
                   const float* cell, const T* hidden, const T* dy, Gradient<T> dprojected,
                   Gradient<float> drecurrent);

}  // namespace ekgine::kernels
