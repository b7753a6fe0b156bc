#include "kernels/morlet_cwt.h"

#include <array>
#include <cmath>
#include <map>
#include <mutex>
#include <numbers>
#include <vector>

#include "kernels/runtime/channels.h"
#include "kernels/runtime/onednn.h"

namespace ekgine::kernels {

namespace {

constexpr int table_size = 1024;
constexpr double support = 8;

// The integrated wavelet Ψ and the distance h of its points. Every operation is the one PyWavelets
// does, in its order: whether ⌊i/(s·h)⌋ lands on one side of a whole number hangs on the last bit.
struct IntegratedWavelet {
  std::array<double, table_size> values;
  double step;
};

IntegratedWavelet integrate_wavelet() {
  const double spacing = 2 * support / (table_size - 1);
  const auto point = [&](int i) { return i == table_size - 1 ? support : i * spacing + -support; };
  IntegratedWavelet wavelet;
  wavelet.step = point(1) - point(0);
  double sum = 0;
  for (int i = 0; i < table_size; ++i) {
    const double t = point(i);
    sum += std::exp(-t * t / 2) * std::cos(5 * t);
    wavelet.values[static_cast<std::size_t>(i)] = sum * wavelet.step;
  }
  return wavelet;
}

// f_s: the integrated wavelet stretched to scale s, reversed.
std::vector<double> filter(const IntegratedWavelet& wavelet, std::int64_t scale) {
  const double s = static_cast<double>(scale);
  const auto points = static_cast<std::int64_t>(std::ceil(s * (2 * support) + 1));
  std::vector<double> taps;
  for (std::int64_t i = 0; i < points; ++i) {
    const auto index = static_cast<std::size_t>(static_cast<double>(i) / (s * wavelet.step));
    if (index < table_size) taps.push_back(wavelet.values[index]);
  }
  return {taps.rbegin(), taps.rend()};
}

// The response at this scale vanishes at all lags of this size and above.
constexpr std::int64_t reach(std::int64_t scale) {
  return 8 * scale + 2;
}

// c_s[t] = Σ_m x[m]·response(t − m)
class Response {
 public:
  Response(const IntegratedWavelet& wavelet, std::int64_t scale)
      : taps_(filter(wavelet, scale)),
        count_(static_cast<std::int64_t>(taps_.size())),
        factor_(-std::sqrt(static_cast<double>(scale))) {}

  double operator()(std::int64_t lag) const {
    // The front of the differences of the convolution is cropped.
    const std::int64_t i = lag + (count_ - 2) / 2;
    return factor_ * (tap(i + 1) - tap(i));
  }

 private:
  double tap(std::int64_t i) const {
    return i < 0 || i >= count_ ? 0.0 : taps_[static_cast<std::size_t>(i)];
  }
  std::vector<double> taps_;
  std::int64_t count_;
  double factor_;
};

std::vector<double> compute_matrix(std::int64_t length, const MorletScales& scales) {
  const IntegratedWavelet wavelet = integrate_wavelet();
  std::vector<double> matrix(static_cast<std::size_t>(length * length * scales.count()));
  std::int64_t number = 0;
  for (const std::int64_t s : scales) {
    const Response response(wavelet, s);
    for (std::int64_t m = 0; m < length; ++m) {
      for (std::int64_t t = 0; t < length; ++t) {
        matrix[static_cast<std::size_t>((m * scales.count() + number) * length + t)] =
            response(t - m);
      }
    }
    ++number;
  }
  return matrix;
}

using Size = std::pair<std::int64_t, MorletScales>;  // L, the scales

void coefficients(const Cpu&, const MorletCwtShape& s, const double* x, double* c) {
  const double* matrix = morlet_cwt_matrix(s.length, s.scales).data();
  const std::int64_t columns = s.scales.count() * s.length;
  // Tiles of columns whose part of the matrix stays in cache for all signals.
  for_channel_tiles(columns, [&](std::int64_t first, auto width) {
    const auto products = [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t u = begin; u < end; ++u) {
        double sum[channel_tile] = {};
        for (std::int64_t m = 0; m < s.length; ++m) {
          const double* row = matrix + m * columns + first;
#pragma omp simd
          for (std::int64_t k = 0; k < width; ++k) sum[k] += x[u * s.length + m] * row[k];
        }
        std::copy_n(sum, width, c + u * columns + first);
      }
    };
    parallel_for(s.signals, grain_of(s.length * width), products);
  });
}

// The product in float, and the matrix in the layout that it wants.
struct Product {
  onednn::Primitive primitive;
  onednn::Desc x, matrix, c;
};

Product make_product(const MorletCwtShape& s) {
  const std::int64_t columns = s.scales.count() * s.length;
  Product product;
  product.x = onednn::floats({s.signals, s.length}, onednn::Layout::ab);
  product.matrix = onednn::floats({s.length, columns}, onednn::Layout::ab);
  product.c = onednn::floats({s.signals, columns}, onednn::Layout::ab);
  product.primitive =
      onednn::Primitive::product(product.x, product.matrix, {}, product.c, onednn::attributes());
  return product;
}

std::span<const float> float_matrix(std::int64_t length, const MorletScales& scales) {
  static std::mutex mutex;
  static std::map<Size, std::vector<float>> matrices;
  const std::lock_guard lock(mutex);
  std::vector<float>& matrix = matrices[{length, scales}];
  if (matrix.empty()) {
    const std::span<const double> exact = morlet_cwt_matrix(length, scales);
    matrix.assign(exact.begin(), exact.end());
  }
  return matrix;
}

void coefficients(const Cpu& cpu, const MorletCwtShape& s, const float* x, float* c) {
  if (s.signals == 0) return;
  static thread_local onednn::PerShape<std::array<std::int64_t, 3>, Product> products;
  const Product& product =
      products.get({s.signals, s.length, s.scales.count()}, [&] { return make_product(s); });
  product.primitive.run(
      cpu,
      {{DNNL_ARG_SRC, onednn::wrap(product.x, x)},
       {DNNL_ARG_WEIGHTS, onednn::wrap(product.matrix, float_matrix(s.length, s.scales).data())},
       {DNNL_ARG_DST, onednn::wrap(product.c, c)}});
}

// One scale's row of y, of the coefficients or their moduli.
template <class T, class I, class Value>
void write_row(std::int64_t length, const T* c, const T* mean, const T* std, I* y,
               const Value& value) {
  if (mean == nullptr) {
#pragma omp simd
    for (std::int64_t t = 0; t < length; ++t) store(y[t], value(c[t]));
  } else {
#pragma omp simd
    for (std::int64_t t = 0; t < length; ++t) store(y[t], (value(c[t]) - mean[t]) / std[t]);
  }
}

}  // namespace

MorletScales::MorletScales(std::int64_t count) {
  for (std::int64_t s = 1; s <= count; ++s) scales_.push_back(s);
}

std::int64_t MorletScales::largest() const {
  return *std::max_element(begin(), end());
}

std::span<const double> morlet_cwt_matrix(std::int64_t length, const MorletScales& scales) {
  static std::mutex mutex;
  static std::map<Size, std::vector<double>> matrices;
  const std::lock_guard lock(mutex);
  std::vector<double>& matrix = matrices[{length, scales}];
  if (matrix.empty()) matrix = compute_matrix(length, scales);
  return matrix;
}

void morlet_cwt_prepare(const Cpu&, const MorletCwtShape& s) {
  morlet_cwt_matrix(s.length, s.scales);
}

std::int64_t morlet_cwt_fft_length(std::int64_t length, const MorletScales& scales) {
  const std::int64_t least = length - 1 + std::min(length, reach(scales.largest()));
  for (std::int64_t n = std::max<std::int64_t>(2, least + least % 2);; n += 2) {
    std::int64_t rest = n;
    for (const std::int64_t prime : {2, 3, 5}) {
      while (rest % prime == 0) rest /= prime;
    }
    if (rest == 1) return n;
  }
}

std::vector<std::complex<double>> morlet_cwt_spectra(std::int64_t length,
                                                     const MorletScales& scales) {
  const std::int64_t n = morlet_cwt_fft_length(length, scales), frequencies = n / 2 + 1;
  std::vector<std::complex<double>> turn;  // exp(−2πi·k/N)
  for (std::int64_t k = 0; k < n; ++k) {
    turn.push_back(
        std::polar(1.0, -2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n)));
  }
  const IntegratedWavelet wavelet = integrate_wavelet();
  std::vector<std::complex<double>> spectra;
  for (const std::int64_t s : scales) {
    const Response response(wavelet, s);
    const std::int64_t last = std::min(length, reach(s)) - 1;
    for (std::int64_t f = 0; f < frequencies; ++f) {
      std::complex<double> sum = 0;
      for (std::int64_t lag = -last; lag <= last; ++lag) {
        const std::int64_t k = (f * lag % n + n) % n;
        sum += response(lag) * turn[static_cast<std::size_t>(k)];
      }
      spectra.push_back(sum / static_cast<double>(n));
    }
  }
  return spectra;
}

template <class T>
void morlet_cwt_coefficients(const Cpu& cpu, const MorletCwtShape& s, const T* x, T* c) {
  coefficients(cpu, s, x, c);
}

template <class T, class I>
void morlet_cwt(const Cpu& cpu, const MorletCwtShape& s, const T* x, const T* mean, const T* std,
                I* y) {
  // Blocks of signals whose coefficients stay in cache until their modulus is taken.
  constexpr std::int64_t block = 128;
  Workspace::Scope scratch(cpu.workspace);
  const std::int64_t signal = s.scales.count() * s.length;
  constexpr bool in_place = std::is_same_v<I, T>;
  T* const rounded_later = scratch.take<T>(in_place ? 0 : static_cast<std::size_t>(block * signal));
  for (std::int64_t first = 0; first < s.signals; first += block) {
    const std::int64_t signals = std::min(block, s.signals - first);
    I* y0 = y + first * signal;
    T* c = rounded_later;
    if constexpr (in_place) c = y0;
    coefficients(cpu, {signals, s.length, s.scales}, x + first * s.length, c);
    parallel_for(signals * s.scales.count(), grain_of(s.length),
                 [&](std::int64_t begin, std::int64_t end, int) {
                   for (std::int64_t r = begin; r < end; ++r) {
                     const T* const cr = c + r * s.length;
                     I* const yr = y0 + r * s.length;
                     if (s.signs == MorletSigns::kept) {
                       write_row(s.length, cr, mean, std, yr, [](T value) { return value; });
                     } else {
                       write_row(s.length, cr, mean, std, yr,
                                 [](T value) { return std::abs(value); });
                     }
                   }
                 });
  }
}

template void morlet_cwt_coefficients(const Cpu&, const MorletCwtShape&, const float*, float*);
template void morlet_cwt_coefficients(const Cpu&, const MorletCwtShape&, const double*, double*);
#define EKGINE_INSTANTIATE(I, T) \
  template void morlet_cwt(const Cpu&, const MorletCwtShape&, const T*, const T*, const T*, I*);
EKGINE_INSTANTIATE(float, float)
EKGINE_INSTANTIATE(double, double)
EKGINE_INSTANTIATE(bfloat16, float)
#undef EKGINE_INSTANTIATE

}  // namespace ekgine::kernels
