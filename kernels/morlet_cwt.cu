#include "kernels/morlet_cwt.h"

#include <algorithm>
#include <bit>

#include "kernels/device/storage.cuh"
#include "kernels/runtime/cuda_libraries.h"
#include "kernels/runtime/launch.cuh"

namespace ekgine::kernels {

namespace {

constexpr int threads = 256;

// Signals are worked through in chunks, so that what lies between the kernels stays in cache, and
// because transforms are planned for a number of signals: chunks are powers of two, so that few
// plans do for any number.
constexpr std::int64_t most_signals = 256;

std::int64_t chunk_of(std::int64_t signals, std::int64_t bytes_per_signal) {
  const auto fitting = static_cast<std::uint64_t>(std::max<std::int64_t>(
      1, static_cast<std::int64_t>(CudaLibraries::workspace_limit) / bytes_per_signal));
  return static_cast<std::int64_t>(
      std::min({std::bit_ceil(static_cast<std::uint64_t>(signals)), std::bit_floor(fitting),
                static_cast<std::uint64_t>(most_signals)}));
}

// A row of blocks for each of the rows: block b is piece b % pieces of row b / pieces.
Grid rows_of(std::int64_t rows, std::int64_t row) {
  return {.blocks = dim3(static_cast<unsigned>(rows * blocks_of(row, threads))),
          .threads = dim3(threads)};
}
struct Element2d {
  unsigned row, column;
};
__device__ __forceinline__ Element2d element_of_thread(unsigned row) {
  const unsigned pieces = (row + threads - 1) / threads;
  return {blockIdx.x / pieces, blockIdx.x % pieces * threads + threadIdx.x};
}

// x (signals,L) → padded (chunk,N): zeros behind each signal, and instead of absent ones.
__global__ void __launch_bounds__(threads)
    pad(unsigned signals, unsigned length, unsigned n, const float* x, float* padded) {
  const auto [u, t] = element_of_thread(n);
  if (t >= n) return;
  const bool inside = u < signals && t < length;
  padded[static_cast<std::int64_t>(u) * n + t] =
      inside ? x[static_cast<std::int64_t>(u) * length + t] : 0.0F;
}

// spectrum (chunk,F), filters (S,F) → products (chunk,S,F). A thread takes one frequency of a
// signal through all scales, so the spectrum is read once, and the filters come from cache.
__global__ void __launch_bounds__(threads)
    apply_filters(unsigned scales, unsigned frequencies, const float2* spectrum,
                  const float2* filters, float2* products) {
  const auto [u, f] = element_of_thread(frequencies);
  if (f >= frequencies) return;
  const float2 a = spectrum[static_cast<std::int64_t>(u) * frequencies + f];
  const float2* filter = filters + f;
  float2* product = products + static_cast<std::int64_t>(u) * scales * frequencies + f;
#pragma unroll 4
  for (unsigned s = 0; s < scales; ++s) {
    const float2 b = *filter;
    *product = make_float2(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
    filter += frequencies;
    product += frequencies;
  }
}

// c (rows,pitch), of each row the first L → y (rows,L): the modulus, or the coefficient itself,
// normalised where mean is given.
// Single elements, neighbouring ones by neighbouring threads: rows are of any length (187), so
// wider accesses would straddle them.
template <class T>
__global__ void __launch_bounds__(threads)
    normalise_coefficients(unsigned length, unsigned pitch, bool keep_signs, const float* c,
                           const float* mean, const float* std, T* y) {
  const auto [row, t] = element_of_thread(length);
  if (t >= length) return;
  float value = c[static_cast<std::int64_t>(row) * pitch + t];
  if (!keep_signs) value = fabsf(value);
  if (mean != nullptr) value = (value - mean[t]) / std[t];
  y[static_cast<std::int64_t>(row) * length + t] = device::from_float<T>(value);
}

template <class T>
void normalise(const Cuda& cuda, const MorletCwtShape& s, std::int64_t signals, std::int64_t pitch,
               const float* c, const float* mean, const float* std, T* y) {
  const std::int64_t rows = signals * s.scales.count();
  launch(cuda, "morlet_cwt_normalise", normalise_coefficients<T>, rows_of(rows, s.length),
         static_cast<unsigned>(s.length), static_cast<unsigned>(pitch),
         s.signs == MorletSigns::kept, c, mean, std, y);
}

CudaLibraries::Constant matrix_key(const MorletCwtShape& s) {
  return {"morlet_cwt: the matrix of (L,S)=",
          s.length,
          s.scales.count(),
          {s.scales.begin(), s.scales.end()}};
}

template <class T>
void by_matrix(const Cuda& cuda, const MorletCwtShape& s, const float* x, const float* mean,
               const float* std, T* y) {
  const std::int64_t columns = s.scales.count() * s.length;
  const float* matrix = cuda.libraries.constant(matrix_key(s));
  const std::int64_t chunk =
      chunk_of(s.signals, columns * static_cast<std::int64_t>(sizeof(float)));
  Workspace::Scope scratch(cuda.workspace);
  float* c = scratch.take<float>(static_cast<std::size_t>(std::min(chunk, s.signals) * columns));
  for (std::int64_t first = 0; first < s.signals; first += chunk) {
    const std::int64_t signals = std::min(chunk, s.signals - first);
    // TF32 would cost three of the digits that are promised.
    cuda.libraries.multiply(cuda, "morlet_cwt",
                            {.m = signals, .n = columns, .k = s.length, .full_precision = true},
                            x + first * s.length, matrix, static_cast<const float*>(nullptr),
                            Gradient<float>{c, false});
    normalise(cuda, s, signals, s.length, c, mean, std, y + first * columns);
  }
}

CudaLibraries::Constant spectra_key(const MorletCwtShape& s) {
  return {"morlet_cwt: the filters' spectra of (L,S)=",
          s.length,
          s.scales.count(),
          {s.scales.begin(), s.scales.end()}};
}

// Transforms of a chunk: lengths, and the number of signals.
struct Transforms {
  std::int64_t n, frequencies, chunk;
};
Transforms transforms_of(const MorletCwtShape& s) {
  Transforms t{};
  t.n = morlet_cwt_fft_length(s.length, s.scales);
  t.frequencies = t.n / 2 + 1;
  // Products of spectra and coefficients, of all scales.
  t.chunk = chunk_of(s.signals, s.scales.count() * (8 * t.frequencies + 4 * t.n));
  return t;
}

template <class T>
void by_fft(const Cuda& cuda, const MorletCwtShape& s, const float* x, const float* mean,
            const float* std, T* y) {
  const auto* spectra = reinterpret_cast<const float2*>(cuda.libraries.constant(spectra_key(s)));
  const Transforms t = transforms_of(s);
  const auto signal_count = static_cast<std::size_t>(t.chunk);
  const auto row_count = static_cast<std::size_t>(t.chunk * s.scales.count());
  Workspace::Scope scratch(cuda.workspace);
  auto* padded = scratch.take<float>(signal_count * static_cast<std::size_t>(t.n));
  auto* spectrum = scratch.take<float2>(signal_count * static_cast<std::size_t>(t.frequencies));
  auto* products = scratch.take<float2>(row_count * static_cast<std::size_t>(t.frequencies));
  auto* c = scratch.take<float>(row_count * static_cast<std::size_t>(t.n));
  const auto n = static_cast<unsigned>(t.n), frequencies = static_cast<unsigned>(t.frequencies);
  for (std::int64_t first = 0; first < s.signals; first += t.chunk) {
    const std::int64_t signals = std::min(t.chunk, s.signals - first);
    launch(cuda, "morlet_cwt_pad", pad, rows_of(t.chunk, t.n), static_cast<unsigned>(signals),
           static_cast<unsigned>(s.length), n, x + first * s.length, padded);
    cuda.libraries.fft(cuda, "morlet_cwt", static_cast<int>(t.n), static_cast<int>(t.chunk), padded,
                       spectrum);
    launch(cuda, "morlet_cwt_filters", apply_filters, rows_of(t.chunk, t.frequencies),
           static_cast<unsigned>(s.scales.count()), frequencies,
           static_cast<const float2*>(spectrum), spectra, products);
    cuda.libraries.inverse_fft(cuda, "morlet_cwt", static_cast<int>(t.n),
                               static_cast<int>(t.chunk * s.scales.count()), products, c);
    normalise(cuda, s, signals, t.n, c, mean, std, y + first * s.scales.count() * s.length);
  }
}

}  // namespace

void morlet_cwt_prepare(const Cuda& cuda, const MorletCwtShape& s, MorletCwtPath path) {
  if (path == MorletCwtPath::matrix) {
    if (cuda.libraries.kept(matrix_key(s))) return;
    const std::span<const double> exact = morlet_cwt_matrix(s.length, s.scales);
    const std::vector<float> matrix(exact.begin(), exact.end());
    cuda.libraries.keep(matrix_key(s), matrix);
    return;
  }
  if (!cuda.libraries.kept(spectra_key(s))) {
    std::vector<float> spectra;
    for (const std::complex<double>& value : morlet_cwt_spectra(s.length, s.scales)) {
      spectra.push_back(static_cast<float>(value.real()));
      spectra.push_back(static_cast<float>(value.imag()));
    }
    cuda.libraries.keep(spectra_key(s), spectra);
  }
  if (s.signals == 0) return;
  const Transforms t = transforms_of(s);
  const auto n = static_cast<int>(t.n);
  cuda.libraries.prepare_fft("morlet_cwt", n, static_cast<int>(t.chunk));
  cuda.libraries.prepare_inverse_fft("morlet_cwt", n, static_cast<int>(t.chunk * s.scales.count()));
}

void morlet_cwt_prepare(const Cuda& cuda, const MorletCwtShape& s) {
  morlet_cwt_prepare(cuda, s, morlet_cwt_path(s));
}

template <class T>
void morlet_cwt(const Cuda& cuda, const MorletCwtShape& s, MorletCwtPath path, const float* x,
                const float* mean, const float* std, T* y) {
  if (s.signals == 0) return;
  if (path == MorletCwtPath::matrix) {
    by_matrix(cuda, s, x, mean, std, y);
  } else {
    by_fft(cuda, s, x, mean, std, y);
  }
}

template <class T>
void morlet_cwt(const Cuda& cuda, const MorletCwtShape& s, const float* x, const float* mean,
                const float* std, T* y) {
  morlet_cwt(cuda, s, morlet_cwt_path(s), x, mean, std, y);
}

template void morlet_cwt(const Cuda&, const MorletCwtShape&, MorletCwtPath, const float*,
                         const float*, const float*, float*);
template void morlet_cwt(const Cuda&, const MorletCwtShape&, MorletCwtPath, const float*,
                         const float*, const float*, bfloat16*);
template void morlet_cwt(const Cuda&, const MorletCwtShape&, const float*, const float*,
                         const float*, float*);
template void morlet_cwt(const Cuda&, const MorletCwtShape&, const float*, const float*,
                         const float*, bfloat16*);

}  // namespace ekgine::kernels
