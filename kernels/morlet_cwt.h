// Scalograms: modulus of the continuous wavelet transform with the real Morlet wavelet.
//
// The definition is that of PyWavelets 1.6, cwt(x, [1...S], 'morl'), to the last digit that double
// precision gives (Lee, Gommers, Waselewski, Wohlfahrt, O'Leary: "PyWavelets", JOSS 4(36), 2019).
//
//   x            (U,L)     U signals (beats, in any unit) of L samples
//   mean, std    (L)       of the modulus, per time column; both null: no normalisation
//   y            (U,S,L)   of S scales s, by default s = 1...S; in the unit of x
//
// Wavelet ψ(t) = exp(−t²/2)·cos 5t, sampled at 2¹⁰ points t_i of [−8,8] with distance h;
// Ψ_i = h·Σ_{k≤i} ψ(t_k). For scale s: f_s = Ψ at the indices ⌊i/(s·h)⌋, i = 0...16s, reversed
// (16s+1 taps, of which 2¹⁰ at most differ). With the full convolution x∗f_s,
//
//   coefficient c_s[t] = −√s·((x∗f_s)[t+8s] − (x∗f_s)[t+8s−1]),  t = 0...L−1
//   y_s[t] = |c_s[t]|                      without normalisation
//   y_s[t] = (|c_s[t]| − mean[t])/std[t]   with it
// and where signs are kept, the same with c_s[t] for |c_s[t]|.
//
// The coefficients are linear in x: c = x·M with a matrix M (L,S·L) that is computed once per
// length and list of scales, in double, and kept. Not differentiable: signals are data.
//
// y is assigned. Deterministic. Float differs from double by less than 1e-5 of the largest modulus.
//
// On CUDA x, mean and std are float, y is T. There are two ways to the coefficients: the product
// with M, and convolution by way of the spectra of signals and filters; see morlet_cwt_path.
#pragma once

#include <complex>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "kernels/runtime/cpu.h"

namespace ekgine::kernels {

// Scales, each 1 or more, in the order of their coefficients. In samples: at a rate of f the
// wavelet of scale s is about one of frequency 0.81·f/s.
class MorletScales {
 public:
  MorletScales(std::int64_t count);  // 1 ... count
  MorletScales(std::initializer_list<std::int64_t> scales) : scales_(scales) {}

  std::int64_t count() const { return std::ssize(scales_); }
  std::int64_t largest() const;
  auto begin() const { return scales_.begin(); }
  auto end() const { return scales_.end(); }
  auto operator<=>(const MorletScales&) const = default;

 private:
  std::vector<std::int64_t> scales_;
};

enum class MorletSigns { dropped, kept };

struct MorletCwtShape {
  std::int64_t signals, length;  // U ≥ 0, L ≥ 1
  MorletScales scales;           // S ≥ 1 of them
  MorletSigns signs = MorletSigns::dropped;
};

inline Cost morlet_cwt_cost(const MorletCwtShape& s, double element) {
  const double in = static_cast<double>(s.signals * s.length);
  const double columns = static_cast<double>(s.scales.count() * s.length);
  const double matrix = static_cast<double>(s.length) * columns;
  const double out = static_cast<double>(s.signals) * columns;
  return {2 * static_cast<double>(s.signals) * matrix + 3 * out, (in + matrix + out) * element};
}

// M (L,S·L), row-major; valid until the program ends. Any thread may call.
std::span<const double> morlet_cwt_matrix(std::int64_t length, const MorletScales& scales);

// Coefficients with their signs: c (U,S,L) assigned.
template <class T>
void morlet_cwt_coefficients(const Cpu& cpu, const MorletCwtShape& s, const T* x, T* c);

template <class T, class I>
void morlet_cwt(const Cpu& cpu, const MorletCwtShape& s, const T* x, const T* mean, const T* std,
                I* y);

// Makes ready what morlet_cwt of these sizes keeps between calls. On CUDA that has to happen before
// the first call, and cannot while the stream is captured: it takes device memory.
void morlet_cwt_prepare(const Cpu& cpu, const MorletCwtShape& s);
void morlet_cwt_prepare(const Cuda& cuda, const MorletCwtShape& s);

// By morlet_cwt_path(s). Errors: not prepared.
template <class T>
void morlet_cwt(const Cuda& cuda, const MorletCwtShape& s, const float* x, const float* mean,
                const float* std, T* y);

enum class MorletCwtPath { matrix, fft };

// Which way is faster on a GPU: reckoned, yet to be measured. Per coefficient, the product takes 2L
// operations and moves 8 bytes (its result, written and read). Transforms of length N ≈ 2L take
// some 50 operations, but move 28 bytes (spectra times filters, written and read; the transformed,
// of which half is dropped, written and read). A GPU does about 20 operations in float in the time
// of a byte, so the product wins up to 2L ≈ 20·20 + 50.
inline MorletCwtPath morlet_cwt_path(const MorletCwtShape& s) {
  return s.length <= 225 ? MorletCwtPath::matrix : MorletCwtPath::fft;
}

// The same by a given path, for tests and measurements.
void morlet_cwt_prepare(const Cuda& cuda, const MorletCwtShape& s, MorletCwtPath path);
template <class T>
void morlet_cwt(const Cuda& cuda, const MorletCwtShape& s, MorletCwtPath path, const float* x,
                const float* mean, const float* std, T* y);

// Length N of the transforms: the least even number without prime factors above 5 in which the
// convolution with the longest filter fits. Coefficients t = 0...L−1 of a signal of L samples see
// the filter at lags |t−m| ≤ L−1 only, so 2L−1 always do.
std::int64_t morlet_cwt_fft_length(std::int64_t length, const MorletScales& scales);

// Spectra (S,N/2+1) of the filters that turn a signal into its coefficients, divided by N, as
// transforms there and back multiply by it. With X the spectrum of a signal and N−L zeros,
// c_s[t] = Σ_f X[f]·spectra[s,f]·exp(2πi·f·t/N) over all N frequencies.
std::vector<std::complex<double>> morlet_cwt_spectra(std::int64_t length,
                                                     const MorletScales& scales);

}  // namespace ekgine::kernels
