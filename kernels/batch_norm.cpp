#include "kernels/batch_norm.h"

#include <cmath>

#include "kernels/runtime/channels.h"

namespace ekgine::kernels {

namespace {

// Rows of a block: few enough for sums in float, and for the block to be in the second-level cache
// when its second pass comes.
std::int64_t block_rows(std::int64_t channels) {
  return std::clamp<std::int64_t>(16384 / channels, 1, 256);
}

// Mean and sum of squared deviations of some rows, per channel.
struct Moments {
  double* mean;     // (C)
  double* squares;  // (C)
  double count;
};

// Chan, Golub, LeVeque: adds `count` rows, whose moments are given by functions of the channel.
template <class Mean, class Squares>
void merge(Moments& into, std::int64_t first, std::int64_t channels, double count, const Mean& mean,
           const Squares& squares) {
  const double total = into.count + count;
  const double share = count / total, weight = into.count * share;
  for (std::int64_t c = first; c < first + channels; ++c) {
    const double delta = mean(c) - into.mean[c];
    into.mean[c] += delta * share;
    into.squares[c] += squares(c) + delta * delta * weight;
  }
}

// Adds `rows` rows of x to the moments. The mean of the first pass serves as the origin of the
// second, whose sum of deviations then removes the rounding error that it has: with an offset of
// 1e5 that would be as large as the deviations.
template <class T, class I>
void add_block(Moments& moments, std::int64_t rows, std::int64_t channels, const I* x) {
  const T scale = T(1) / static_cast<T>(rows);
  const double count = static_cast<double>(rows);
  for_channel_tiles(channels, [&](std::int64_t first, auto width) {
    T origin[channel_tile] = {}, sum[channel_tile] = {}, squares[channel_tile] = {};
    for (std::int64_t r = 0; r < rows; ++r) {
      const I* xr = x + r * channels + first;
#pragma omp simd
      for (std::int64_t k = 0; k < width; ++k) origin[k] += static_cast<T>(xr[k]);
    }
    for (std::int64_t k = 0; k < width; ++k) origin[k] *= scale;
    for (std::int64_t r = 0; r < rows; ++r) {
      const I* xr = x + r * channels + first;
#pragma omp simd
      for (std::int64_t k = 0; k < width; ++k) {
        const T deviation = static_cast<T>(xr[k]) - origin[k];
        sum[k] += deviation;
        squares[k] += deviation * deviation;
      }
    }
    const auto rest = [&](std::int64_t c) { return static_cast<double>(sum[c - first]) / count; };
    merge(
        moments, first, width, count,
        [&](std::int64_t c) { return static_cast<double>(origin[c - first]) + rest(c); },
        [&](std::int64_t c) {
          return static_cast<double>(squares[c - first]) - count * rest(c) * rest(c);
        });
  });
  moments.count += count;
}

// Adds `count` rows with the moments `more`, (2, C).
void add(Moments& total, std::int64_t channels, double count, const double* more) {
  merge(
      total, 0, channels, count, [&](std::int64_t c) { return more[c]; },
      [&](std::int64_t c) { return more[channels + c]; });
  total.count += count;
}

}  // namespace

template <class T, class I>
void batch_norm_moments(const Cpu& cpu, BatchNormShape s, const I* x, double* moments) {
  const std::int64_t channels = s.channels;
  const std::int64_t block = block_rows(channels);
  Workspace::Scope scratch(cpu.workspace);
  const int threads = thread_count();
  double* sums = scratch.take<double>(static_cast<std::size_t>(threads * 2 * channels));
  auto* counts = scratch.take<double>(static_cast<std::size_t>(threads));
  std::fill_n(sums, threads * 2 * channels, 0.0);
  const auto part_moments = [&](int part, double count) {
    double* mine = sums + part * 2 * channels;
    return Moments{mine, mine + channels, count};
  };
  const int parts = parallel_for(
      s.rows, grain_of(2 * channels), [&](std::int64_t begin, std::int64_t end, int part) {
        Moments of_part = part_moments(part, 0);
        for (std::int64_t r = begin; r < end; r += block) {
          add_block<T>(of_part, std::min(block, end - r), channels, x + r * channels);
        }
        counts[part] = of_part.count;
      });
  Moments total = part_moments(0, counts[0]);
  for (int part = 1; part < parts; ++part) {
    add(total, channels, counts[part], sums + part * 2 * channels);
  }
  std::copy_n(sums, 2 * channels, moments);
  moments[2 * channels] = static_cast<double>(s.rows);
}

template <class T>
void batch_norm_merge(const Cpu& cpu, std::int64_t channels, std::int64_t parts,
                      const double* moments, T epsilon, T momentum, T* mean, T* rstd,
                      T* running_mean, T* running_variance) {
  Workspace::Scope scratch(cpu.workspace);
  double* sums = scratch.take<double>(static_cast<std::size_t>(2 * channels));
  std::copy_n(moments, 2 * channels, sums);
  Moments total{sums, sums + channels, moments[2 * channels]};
  for (std::int64_t part = 1; part < parts; ++part) {
    moments += batch_norm_moments_size(channels);
    add(total, channels, moments[2 * channels], moments);
  }
  const T kept = kept_of(momentum, cpu.step);
  for (std::int64_t c = 0; c < channels; ++c) {
    const double variance = total.squares[c] / total.count;
    mean[c] = static_cast<T>(total.mean[c]);
    rstd[c] = static_cast<T>(1 / std::sqrt(variance + static_cast<double>(epsilon)));
    if (!std::isfinite(mean[c]) || !std::isfinite(static_cast<T>(variance))) continue;
    running_mean[c] = kept * running_mean[c] + (1 - kept) * mean[c];
    running_variance[c] = kept * running_variance[c] + (1 - kept) * static_cast<T>(variance);
  }
}

template <class I, class T>
void batch_norm_statistics(const Cpu& cpu, BatchNormShape s, T epsilon, T momentum, const I* x,
                           T* mean, T* rstd, T* running_mean, T* running_variance) {
  Workspace::Scope scratch(cpu.workspace);
  double* moments =
      scratch.take<double>(static_cast<std::size_t>(batch_norm_moments_size(s.channels)));
  batch_norm_moments<T>(cpu, s, x, moments);
  batch_norm_merge(cpu, s.channels, 1, moments, epsilon, momentum, mean, rstd, running_mean,
                   running_variance);
}

template <class T>
void batch_norm_rstd(const Cpu&, std::int64_t channels, T epsilon, const T* variance, T* rstd) {
  for (std::int64_t c = 0; c < channels; ++c) rstd[c] = 1 / std::sqrt(variance[c] + epsilon);
}

template <class T>
void batch_norm_forward(const Cpu& cpu, BatchNormShape s, const T* x, const T* mean, const T* rstd,
                        const T* weight, const T* bias, T* y) {
  const std::int64_t channels = s.channels;
  Workspace::Scope scratch(cpu.workspace);
  T* factor = scratch.take<T>(static_cast<std::size_t>(channels));
  for (std::int64_t c = 0; c < channels; ++c) factor[c] = weight[c] * rstd[c];
  parallel_for(s.rows, grain_of(2 * channels), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t r = begin; r < end; ++r) {
      const T* xr = x + r * channels;
      T* yr = y + r * channels;
#pragma omp simd
      for (std::int64_t c = 0; c < channels; ++c) yr[c] = (xr[c] - mean[c]) * factor[c] + bias[c];
    }
  });
}

template <class T>
void batch_norm_backward_sums(const Cpu& cpu, BatchNormShape s, const T* x, const T* mean,
                              const T* rstd, const T* dy, double* sums) {
  const std::int64_t channels = s.channels;
  Workspace::Scope scratch(cpu.workspace);
  const int threads = thread_count();
  // Σ dy·x̂ and Σ dy per part: (parts, 2, C).
  T* partial = scratch.take<T>(static_cast<std::size_t>(threads * 2 * channels));
  const int parts = parallel_for(s.rows, grain_of(2 * channels),
                                 [&](std::int64_t begin, std::int64_t end, int part) {
                                   T* mine = partial + part * 2 * channels;
                                   for_channel_tiles(channels, [&](std::int64_t first, auto width) {
                                     T sum_gx[channel_tile] = {}, sum_g[channel_tile] = {};
                                     const T* m = mean + first;
                                     for (std::int64_t r = begin; r < end; ++r) {
                                       const T* xr = x + r * channels + first;
                                       const T* g = dy + r * channels + first;
#pragma omp simd
                                       for (std::int64_t k = 0; k < width; ++k) {
                                         sum_gx[k] += g[k] * (xr[k] - m[k]);
                                         sum_g[k] += g[k];
                                       }
                                     }
                                     for (std::int64_t k = 0; k < width; ++k) {
                                       mine[first + k] = sum_gx[k] * rstd[first + k];
                                       mine[channels + first + k] = sum_g[k];
                                     }
                                   });
                                 });
  for (std::int64_t i = 0; i < 2 * channels; ++i) {
    T sum = 0;
    for (int part = 0; part < parts; ++part) sum += partial[part * 2 * channels + i];
    sums[i] = static_cast<double>(sum);
  }
}

template <class T>
void batch_norm_put_sums(const Cpu&, std::int64_t channels, const double* sums, Gradient<T> dweight,
                         Gradient<T> dbias) {
  for (std::int64_t c = 0; c < channels; ++c) {
    if (dweight) dweight.put(c, static_cast<T>(sums[c]));
    if (dbias) dbias.put(c, static_cast<T>(sums[channels + c]));
  }
}

template <class T>
void batch_norm_backward_dx(const Cpu& cpu, BatchNormShape s, std::int64_t all, const T* x,
                            const T* mean, const T* rstd, const T* weight, const T* dy,
                            const double* sums, Gradient<T> dx) {
  if (!dx) return;
  const std::int64_t channels = s.channels;
  Workspace::Scope scratch(cpu.workspace);
  T* factor = scratch.take<T>(static_cast<std::size_t>(channels));   // weight·rstd
  T* slope = scratch.take<T>(static_cast<std::size_t>(channels));    // rstd·dweight/R
  T* average = scratch.take<T>(static_cast<std::size_t>(channels));  // dbias/R
  for (std::int64_t c = 0; c < channels; ++c) {
    factor[c] = weight[c] * rstd[c];
    slope[c] = rstd[c] * static_cast<T>(sums[c]) / static_cast<T>(all);
    average[c] = static_cast<T>(sums[channels + c]) / static_cast<T>(all);
  }
  parallel_for(s.rows, grain_of(2 * channels), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t r = begin; r < end; ++r) {
      const T* xr = x + r * channels;
      const T* g = dy + r * channels;
      T* dxr = dx.data + r * channels;
#pragma omp simd
      for (std::int64_t c = 0; c < channels; ++c) {
        const T value = factor[c] * (g[c] - average[c] - (xr[c] - mean[c]) * slope[c]);
        dxr[c] = dx.accumulate ? dxr[c] + value : value;
      }
    }
  });
}

template <class T>
void batch_norm_backward(const Cpu& cpu, BatchNormShape s, const T* x, const T* mean, const T* rstd,
                         const T* weight, const T* dy, Gradient<T> dx, Gradient<T> dweight,
                         Gradient<T> dbias) {
  Workspace::Scope scratch(cpu.workspace);
  double* sums = scratch.take<double>(static_cast<std::size_t>(2 * s.channels));
  batch_norm_backward_sums(cpu, s, x, mean, rstd, dy, sums);
  batch_norm_put_sums(cpu, s.channels, sums, dweight, dbias);
  batch_norm_backward_dx(cpu, s, s.rows, x, mean, rstd, weight, dy, sums, dx);
}

#define EKGINE_INSTANTIATE(I, T)                                                      \
  template void batch_norm_moments<T>(const Cpu&, BatchNormShape, const I*, double*); \
  template void batch_norm_statistics(const Cpu&, BatchNormShape, T, T, const I*, T*, T*, T*, T*);
EKGINE_INSTANTIATE(float, float)
EKGINE_INSTANTIATE(bfloat16, float)
EKGINE_INSTANTIATE(double, double)
#undef EKGINE_INSTANTIATE

#define EKGINE_INSTANTIATE(T)                                                                      \
  template void batch_norm_merge(const Cpu&, std::int64_t, std::int64_t, const double*, T, T, T*,  \
                                 T*, T*, T*);                                                      \
  template void batch_norm_rstd(const Cpu&, std::int64_t, T, const T*, T*);                        \
  template void batch_norm_forward(const Cpu&, BatchNormShape, const T*, const T*, const T*,       \
                                   const T*, const T*, T*);                                        \
  template void batch_norm_backward_sums(const Cpu&, BatchNormShape, const T*, const T*, const T*, \
                                         const T*, double*);                                       \
  template void batch_norm_put_sums(const Cpu&, std::int64_t, const double*, Gradient<T>,          \
                                    Gradient<T>);                                                  \
  template void batch_norm_backward_dx(const Cpu&, BatchNormShape, std::int64_t, const T*,         \
                                       const T*, const T*, const T*, const T*, const double*,      \
                                       Gradient<T>);                                               \
  template void batch_norm_backward(const Cpu&, BatchNormShape, const T*, const T*, const T*,      \
                                    const T*, const T*, Gradient<T>, Gradient<T>, Gradient<T>);
EKGINE_INSTANTIATE(float)
EKGINE_INSTANTIATE(double)
#undef EKGINE_INSTANTIATE

}  // namespace ekgine::kernels
