#include "kernels/layer_norm.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace ekgine::kernels {

namespace {

constexpr std::int64_t row_grain = 32;

// Normalises rows of x, each made by make_row(r) just before it is read.
template <class T, class MakeRow>
void normalise_rows(LayerNormShape s, T epsilon, const T* x, const T* weight, const T* bias, T* y,
                    T* mean, T* rstd, const MakeRow& make_row) {
  const std::int64_t channels = s.channels;
  const T scale = T(1) / static_cast<T>(channels);
  parallel_for(s.rows, row_grain, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t r = begin; r < end; ++r) {
      make_row(r);
      const T* xr = x + r * channels;
      T* yr = y + r * channels;
      T sum = 0;
#pragma omp simd reduction(+ : sum)
      for (std::int64_t c = 0; c < channels; ++c) sum += xr[c];
      const T m = sum * scale;
      T squares = 0;
#pragma omp simd reduction(+ : squares)
      for (std::int64_t c = 0; c < channels; ++c) squares += (xr[c] - m) * (xr[c] - m);
      const T r_std = T(1) / std::sqrt(squares * scale + epsilon);
#pragma omp simd
      for (std::int64_t c = 0; c < channels; ++c) yr[c] = (xr[c] - m) * r_std * weight[c] + bias[c];
      mean[r] = m;
      rstd[r] = r_std;
    }
  });
}

}  // namespace

template <class T>
void layer_norm_forward(const Cpu&, LayerNormShape s, T epsilon, const T* x, const T* weight,
                        const T* bias, T* y, T* mean, T* rstd) {
  normalise_rows(s, epsilon, x, weight, bias, y, mean, rstd, [](std::int64_t) {});
}

template <class T>
void add_layer_norm_forward(const Cpu& cpu, LayerNormShape s, T epsilon, const T* a, T alpha,
                            const T* b, const Dropout& dropout, const T* weight, const T* bias,
                            T* sum, T* y, T* mean, T* rstd) {
  normalise_rows(s, epsilon, sum, weight, bias, y, mean, rstd, [&](std::int64_t r) {
    const std::int64_t begin = r * s.channels, end = begin + s.channels;
    if (dropout.rate == 0) {
#pragma omp simd
      for (std::int64_t i = begin; i < end; ++i) sum[i] = a[i] + alpha * b[i];
      return;
    }
    constexpr std::int64_t chunk = 256;  // elements whose factors are drawn together
    std::array<T, chunk> factor;
    for (std::int64_t first = begin; first < end; first += chunk) {
      const std::int64_t m = std::min(end - first, chunk);
      dropout_factors(cpu.step, dropout, static_cast<std::uint64_t>(first), m, factor.data());
      const T* const of_a = a + first;
      const T* const of_b = b + first;
      T* const of_sum = sum + first;
#pragma omp simd
      for (std::int64_t k = 0; k < m; ++k) {
        const T kept = factor[k] != 0 ? of_b[k] * factor[k] : T(0);
        of_sum[k] = of_a[k] + alpha * kept;
      }
    }
  });
}

template <class T>
void layer_norm_backward(const Cpu& cpu, LayerNormShape s, const T* x, const T* weight,
                         const T* mean, const T* rstd, const T* dy, Gradient<T> dx,
                         Gradient<T> dweight, Gradient<T> dbias) {
  const std::int64_t channels = s.channels;
  const T scale = T(1) / static_cast<T>(channels);
  Workspace::Scope scratch(cpu.workspace);
  // Sums of dy·x̂ and dy per part: (parts, 2, C).
  T* partial = scratch.take<T>(static_cast<std::size_t>(thread_count() * 2 * channels));
  const int parts =
      parallel_for(s.rows, row_grain, [&](std::int64_t begin, std::int64_t end, int part) {
        T* weight_sum = partial + part * 2 * channels;
        T* bias_sum = weight_sum + channels;
        std::fill_n(weight_sum, 2 * channels, T(0));
        for (std::int64_t r = begin; r < end; ++r) {
          const T* xr = x + r * channels;
          const T* dyr = dy + r * channels;
          const T m = mean[r], r_std = rstd[r];
          T sum_g = 0, sum_gx = 0;
#pragma omp simd reduction(+ : sum_g, sum_gx)
          for (std::int64_t c = 0; c < channels; ++c) {
            const T normalised = (xr[c] - m) * r_std;
            const T g = dyr[c] * weight[c];
            sum_g += g;
            sum_gx += g * normalised;
            weight_sum[c] += dyr[c] * normalised;
            bias_sum[c] += dyr[c];
          }
          if (!dx) continue;
          const T mean_g = sum_g * scale, mean_gx = sum_gx * scale;
          T* dxr = dx.data + r * channels;
#pragma omp simd
          for (std::int64_t c = 0; c < channels; ++c) {
            const T value = r_std * (dyr[c] * weight[c] - mean_g - (xr[c] - m) * r_std * mean_gx);
            dxr[c] = dx.accumulate ? dxr[c] + value : value;
          }
        }
      });
  for (std::int64_t c = 0; c < channels; ++c) {
    T weight_sum = 0, bias_sum = 0;
    for (int part = 0; part < parts; ++part) {
      weight_sum += partial[part * 2 * channels + c];
      bias_sum += partial[(part * 2 + 1) * channels + c];
    }
    if (dweight) dweight.put(c, weight_sum);
    if (dbias) dbias.put(c, bias_sum);
  }
}

template void layer_norm_forward(const Cpu&, LayerNormShape, float, const float*, const float*,
                                 const float*, float*, float*, float*);
template void layer_norm_forward(const Cpu&, LayerNormShape, double, const double*, const double*,
                                 const double*, double*, double*, double*);
template void add_layer_norm_forward(const Cpu&, LayerNormShape, float, const float*, float,
                                     const float*, const Dropout&, const float*, const float*,
                                     float*, float*, float*, float*);
template void add_layer_norm_forward(const Cpu&, LayerNormShape, double, const double*, double,
                                     const double*, const Dropout&, const double*, const double*,
                                     double*, double*, double*, double*);
template void layer_norm_backward(const Cpu&, LayerNormShape, const float*, const float*,
                                  const float*, const float*, const float*, Gradient<float>,
                                  Gradient<float>, Gradient<float>);
template void layer_norm_backward(const Cpu&, LayerNormShape, const double*, const double*,
                                  const double*, const double*, const double*, Gradient<double>,
                                  Gradient<double>, Gradient<double>);

}  // namespace ekgine::kernels
