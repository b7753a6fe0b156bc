// Scalograms: modulus of the continuous wavelet transform with the real Morlet wavelet.
//
// The definition is that of PyWavelets 1.6, cwt(x, [1...S], 'morl'), to the last digit that double
// precision gives (Lee, Gommers, Waselewski, Wohlfahrt, O'Leary: "PyWavelets", JOSS 4(36), 2019).
//
//   x            (U,L)     U signals (beats, mV) of L samples
//   mean, std    (L)       of the modulus, per time column; both null: no normalisation
//   y            (U,S,L)   scales s = 1...S
//
// Wavelet ψ(t) = exp(−t²/2)·cos 5t, sampled at 2¹⁰ points t_i of [−8,8] with distance h;
// Ψ_i = h·Σ_{k≤i} ψ(t_k). For scale s: f_s = Ψ at the indices ⌊i/(s·h)⌋, i = 0...16s, reversed
// (16s+1 taps, of which 2¹⁰ at most differ). With the full convolution x∗f_s,
//
//   coefficient c_s[t] = −√s·((x∗f_s)[t+8s] − (x∗f_s)[t+8s−1]),  t = 0...L−1
//   y_s[t] = |c_s[t]|                      without normalisation
//   y_s[t] = (|c_s[t]| − mean[t])/std[t]   with it
//
// The coefficients are linear in x: c = x·M with a matrix M (L,S·L) that is computed once per
// (L,S), in double, and kept. Not differentiable: signals are data.
//
// y is assigned. Deterministic. Float differs from double by less than 1e-5 of the largest modulus.
#pragma once

#include <span>

#include "kernels/runtime/cpu.h"

namespace ekgine::kernels {

struct MorletCwtShape {
  std::int64_t signals, length, scales;  // U, L, S; U ≥ 0, L ≥ 1, S ≥ 1
};

constexpr Cost morlet_cwt_cost(MorletCwtShape s, double element) {
  const double in = static_cast<double>(s.signals * s.length);
  const double columns = static_cast<double>(s.scales * s.length);
  const double matrix = static_cast<double>(s.length) * columns;
  const double out = static_cast<double>(s.signals) * columns;
  return {2 * static_cast<double>(s.signals) * matrix + 3 * out, (in + matrix + out) * element};
}

// M (L,S·L), row-major; valid until the program ends. Any thread may call.
std::span<const double> morlet_cwt_matrix(std::int64_t length, std::int64_t scales);

// Signed coefficients: c (U,S,L) assigned.
template <class T>
void morlet_cwt_coefficients(const Cpu& cpu, MorletCwtShape s, const T* x, T* c);

template <class T>
void morlet_cwt(const Cpu& cpu, MorletCwtShape s, const T* x, const T* mean, const T* std, T* y);

}  // namespace ekgine::kernels
