#include "kernels/layer_norm.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace ekgine::kernels {

namespace {

constexpr std::int64_t row_grain = 32;
constexpr std::int64_t chunk = 256;  // elements whose factors are drawn together

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

// Backward of rows of x. put_row(r, part, dx_of), which has threads' parts numbered, is to take the
// gradient dx_of(c) of every channel c of row r; called where `wanted`.
template <class T, class PutRow>
void backward_rows(const Cpu& cpu, LayerNormShape s, const T* x, const T* weight, const T* mean,
                   const T* rstd, const T* dy, Gradient<T> dweight, Gradient<T> dbias, bool wanted,
                   const PutRow& put_row) {
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
          if (!wanted) continue;
          const T mean_g = sum_g * scale, mean_gx = sum_gx * scale;
          put_row(r, part, [=](std::int64_t c) {
            return r_std * (dyr[c] * weight[c] - mean_g - (xr[c] - m) * r_std * mean_gx);
          });
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
  backward_rows(cpu, s, x, weight, mean, rstd, dy, dweight, dbias, static_cast<bool>(dx),
                [&](std::int64_t r, int, const auto& dx_of) {
                  T* const dxr = dx.data + r * s.channels;
#pragma omp simd
                  for (std::int64_t c = 0; c < s.channels; ++c) {
                    const T value = dx_of(c);
                    dxr[c] = dx.accumulate ? dxr[c] + value : value;
                  }
                });
}

template <class T>
void add_layer_norm_backward(const Cpu& cpu, LayerNormShape s, const T* sum, const T* weight,
                             const T* mean, const T* rstd, const T* dsum, const T* dy,
                             const Dropout& dropout, Gradient<T> da, Gradient<T> db,
                             Gradient<T> dweight, Gradient<T> dbias) {
  const std::int64_t channels = s.channels;
  const bool own = !da || da.accumulate;  // rows of the total need memory
  Workspace::Scope scratch(cpu.workspace);
  T* const totals =
      own ? scratch.take<T>(static_cast<std::size_t>(thread_count() * channels)) : nullptr;
  const auto put_row = [&](std::int64_t r, int part, const auto& dx_of) {
    const std::int64_t begin = r * channels;
    T* const total = own ? totals + part * channels : da.data + begin;
    const bool adds = dsum != nullptr;
    const T* const before = adds ? dsum + begin : total;
#pragma omp simd
    for (std::int64_t c = 0; c < channels; ++c) {
      const T value = dx_of(c);
      total[c] = adds ? before[c] + value : value;
    }
    if (da && own) {
#pragma omp simd
      for (std::int64_t c = 0; c < channels; ++c) da.data[begin + c] += total[c];
    }
    if (!db) return;
    if (dropout.rate == 0) {
      const T alpha = static_cast<T>(dropout.times);
#pragma omp simd
      for (std::int64_t c = 0; c < channels; ++c) db.put(begin + c, alpha * total[c]);
      return;
    }
    for (std::int64_t first = 0; first < channels; first += chunk) {
      const std::int64_t m = std::min(channels - first, chunk);
      std::array<T, chunk> factor;
      dropout_factors(cpu.step, dropout, static_cast<std::uint64_t>(begin + first), m,
                      factor.data());
#pragma omp simd
      for (std::int64_t k = 0; k < m; ++k) {
        db.put(begin + first + k, factor[k] != 0 ? total[first + k] * factor[k] : T(0));
      }
    }
  };
  backward_rows(cpu, s, sum, weight, mean, rstd, dy, dweight, dbias, da || db, put_row);
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
template void add_layer_norm_backward(const Cpu&, LayerNormShape, const float*, const float*,
                                      const float*, const float*, const float*, const float*,
                                      const Dropout&, Gradient<float>, Gradient<float>,
                                      Gradient<float>, Gradient<float>);
template void add_layer_norm_backward(const Cpu&, LayerNormShape, const double*, const double*,
                                      const double*, const double*, const double*, const double*,
                                      const Dropout&, Gradient<double>, Gradient<double>,
                                      Gradient<double>, Gradient<double>);

}  // namespace ekgine::kernels
