#include "kernels/batch_norm_relu_pool.h"

#include "kernels/batch_norm.h"

#include "kernels/runtime/channels.h"

namespace ekgine::kernels {

namespace {

// `pixels` as numbers to compute with.
template <class T, class I>
T load(const I* pixels, std::int64_t i) {
  return static_cast<T>(pixels[i]);
}

// `width` pixels from `pixels` on as numbers to compute with: where they lie, or converted in
// `buffer`. GCC 12 does not vectorise long loops that also convert for AVX2.
template <class T, class I>
const T* load_tile(const I* pixels, std::int64_t width, T* buffer) {
  if constexpr (std::is_same_v<I, T>) {
    return pixels;
  } else {
#pragma omp simd
    for (std::int64_t k = 0; k < width; ++k) buffer[k] = load<T>(pixels, k);
    return buffer;
  }
}

// Written so that a NaN stays one, and so that it is one instruction.
template <class T>
T relu(T v) {
  return T(0) > v ? T(0) : v;
}

// Per-channel factors of the affine map, for one tile of channels in registers:
// v = (x − mean)·factor + bias.
template <class T>
struct Affine {
  const T* mean;
  const T* factor;
  const T* bias;

  Affine from(std::int64_t first) const { return {mean + first, factor + first, bias + first}; }
  T operator()(T x, std::int64_t k) const { return (x - mean[k]) * factor[k] + bias[k]; }
};

template <class T>
Affine<T> affine(std::int64_t channels, const T* mean, const T* rstd, const T* weight,
                 const T* bias, Workspace::Scope& scratch) {
  T* factor = scratch.take<T>(static_cast<std::size_t>(channels));
  for (std::int64_t c = 0; c < channels; ++c) factor[c] = weight[c] * rstd[c];
  return {mean, factor, bias};
}

// Σ g and Σ g·(x − mean) per part of the work and channel. Sums of a few hundred terms are added
// up in registers, and those in double: millions of terms lose no digits.
class PartialSums {
 public:
  PartialSums(std::int64_t channels, Workspace::Scope& scratch)
      : channels_(channels),
        sums_(scratch.take<double>(static_cast<std::size_t>(thread_count() * 2 * channels))) {
    std::fill_n(sums_, thread_count() * 2 * channels, 0.0);
  }
  void add(int part, std::int64_t c, double g, double gx) {
    sums_[part * 2 * channels_ + c] += g;
    sums_[(part * 2 + 1) * channels_ + c] += gx;
  }
  // sums (2, C), assigned: Σ g·x̂ and Σ g over the parts.
  template <class T>
  void write(int parts, const T* rstd, double* sums) const {
    for (std::int64_t c = 0; c < channels_; ++c) {
      sums[c] = total(parts, channels_ + c) * static_cast<double>(rstd[c]);
      sums[channels_ + c] = total(parts, c);
    }
  }

 private:
  double total(int parts, std::int64_t i) const {
    double sum = 0;
    for (int part = 0; part < parts; ++part) sum += sums_[part * 2 * channels_ + i];
    return sum;
  }

  std::int64_t channels_;
  double* sums_;
};

// dx = factor·(g − average − (x − mean)·slope), per channel.
template <class T>
struct Correction {
  const T* mean;
  const T* factor;
  const T* average;  // dbias/M
  const T* slope;    // rstd·dweight/M

  Correction from(std::int64_t first) const {
    return {mean + first, factor + first, average + first, slope + first};
  }
  T operator()(T g, T x, std::int64_t k) const {
    return factor[k] * (g - average[k] - (x - mean[k]) * slope[k]);
  }
};

// From the sums over `images` images.
template <class T>
Correction<T> correction_of(BatchNormReluPoolShape s, std::int64_t images, const double* sums,
                            const Affine<T>& map, const T* rstd, Workspace::Scope& scratch) {
  T* average = scratch.take<T>(static_cast<std::size_t>(s.c));
  T* slope = scratch.take<T>(static_cast<std::size_t>(s.c));
  const double count = static_cast<double>(images * s.h * s.w);
  for (std::int64_t c = 0; c < s.c; ++c) {
    average[c] = static_cast<T>(sums[s.c + c] / count);
    slope[c] = static_cast<T>(static_cast<double>(rstd[c]) * sums[c] / count);
  }
  return {map.mean, map.factor, average, slope};
}

// Adds what a row of windows has of the sums of channels first, ..., first + width − 1. x: the
// upper one of its two rows; dy: its gradients.
template <class I, class T, class Width>
void sum_windows(const BatchNormReluPoolShape& s, const I* x, const I* dy, const Affine<T>& map,
                 std::int64_t first, Width width, PartialSums& sums, int part) {
  const Affine<T> v = map.from(first);
  T sum_g[channel_tile] = {}, sum_gx[channel_tile] = {};
  for (std::int64_t j = 0; j < s.w / 2; ++j) {
    const I* top = x + 2 * j * s.c + first;
    const I* bottom = top + s.w * s.c;
    T buffer[5][channel_tile];
    const T* x0 = load_tile(top, width, buffer[0]);
    const T* x1 = load_tile(top + s.c, width, buffer[1]);
    const T* x2 = load_tile(bottom, width, buffer[2]);
    const T* x3 = load_tile(bottom + s.c, width, buffer[3]);
    const T* g_out = load_tile(dy + j * s.c + first, width, buffer[4]);
#pragma omp simd
    for (std::int64_t k = 0; k < width; ++k) {
      T winner = x0[k], best = v(winner, k);
      const auto consider = [&](T candidate) {
        const T value = v(candidate, k);
        winner = value > best ? candidate : winner;
        best = value > best ? value : best;
      };
      consider(x1[k]);
      consider(x2[k]);
      consider(x3[k]);
      const T g = best > 0 ? g_out[k] : T(0);
      sum_g[k] += g;
      sum_gx[k] += g * (winner - v.mean[k]);
    }
  }
  for (std::int64_t k = 0; k < width; ++k) sums.add(part, first + k, sum_g[k], sum_gx[k]);
}

// Puts dx, with the `put` of assign_or_add.
template <class I, class T>
struct WindowGradients {
  BatchNormReluPoolShape s;
  const I* x;
  const I* dy;
  Gradient<I> dx;
  Affine<T> map;
  Correction<T> correction;

  // Of rows 2·i and 2·i + 1 of image n, or of the last one where H is odd.
  template <class Put>
  void put_band(std::int64_t n, std::int64_t i, const Put& put) const {
    const std::int64_t rows = s.h / 2, columns = s.w / 2;
    const std::int64_t offset = (n * s.h + 2 * i) * s.w * s.c;
    if (i == rows) return put_outside(offset, s.w, put);
    for_channel_tiles(s.c, [&](std::int64_t first, auto width) {
      const I* g = dy + (n * rows + i) * columns * s.c + first;
      for (std::int64_t j = 0; j < columns; ++j) {
        put_window(offset + 2 * j * s.c, g + j * s.c, first, width, put);
      }
    });
    if (s.w % 2 == 0) return;
    const std::int64_t last = offset + (s.w - 1) * s.c;
    put_outside(last, 1, put);
    put_outside(last + s.w * s.c, 1, put);
  }

 private:
  // Elements outside of every window have g = 0.
  template <class Put>
  void put_outside(std::int64_t offset, std::int64_t pixels, const Put& put) const {
    for (std::int64_t i = offset; i < offset + pixels * s.c; i += s.c) {
#pragma omp simd
      for (std::int64_t c = 0; c < s.c; ++c) put(i + c, correction(T(0), load<T>(x, i + c), c));
    }
  }

  // Where a tile of results goes: to its place, unless that is of another type or added to.
  T* place(std::int64_t pixel, T* buffer) const {
    if constexpr (std::is_same_v<I, T>) {
      if (!dx.accumulate) return dx.data + pixel;
    }
    return buffer;
  }

  // Channels first, ..., first + width − 1 of the window that begins at `offset`; g: their dy.
  template <class Width, class Put>
  [[gnu::always_inline]] void put_window(std::int64_t offset, const I* g, std::int64_t first,
                                         Width width, const Put& put) const {
    const Affine<T> v = map.from(first);
    const Correction<T> d = correction.from(first);
    const std::int64_t top = offset + first, bottom = top + s.w * s.c;
    T buffer[9][channel_tile];
    const T* x0 = load_tile(x + top, width, buffer[0]);
    const T* x1 = load_tile(x + top + s.c, width, buffer[1]);
    const T* x2 = load_tile(x + bottom, width, buffer[2]);
    const T* x3 = load_tile(x + bottom + s.c, width, buffer[3]);
    const T* g_out = load_tile(g, width, buffer[4]);
    T* dx0 = place(top, buffer[5]);
    T* dx1 = place(top + s.c, buffer[6]);
    T* dx2 = place(bottom, buffer[7]);
    T* dx3 = place(bottom + s.c, buffer[8]);
#pragma omp simd
    for (std::int64_t k = 0; k < width; ++k) {
      const T v0 = v(x0[k], k), v1 = v(x1[k], k), v2 = v(x2[k], k), v3 = v(x3[k], k);
      const T best01 = std::max(v0, v1), best012 = std::max(best01, v2);
      const T gradient = std::max(best012, v3) > 0 ? g_out[k] : T(0);
      // The first that reaches the maximum wins. As selections: with logic on truth values GCC 12
      // does not vectorise the loop for AVX2.
      const T g3 = v3 > best012 ? gradient : T(0), to012 = v3 > best012 ? T(0) : gradient;
      const T g2 = v2 > best01 ? to012 : T(0), to01 = v2 > best01 ? T(0) : to012;
      const T g1 = v1 > v0 ? to01 : T(0), g0 = v1 > v0 ? T(0) : to01;
      dx0[k] = d(g0, x0[k], k);
      dx1[k] = d(g1, x1[k], k);
      dx2[k] = d(g2, x2[k], k);
      dx3[k] = d(g3, x3[k], k);
    }
    const auto put_tile = [&](std::int64_t pixel, const T* tile) {
      if (tile == place(pixel, nullptr)) return;
#pragma omp simd
      for (std::int64_t k = 0; k < width; ++k) put(pixel + k, tile[k]);
    };
    put_tile(top, dx0);
    put_tile(top + s.c, dx1);
    put_tile(bottom, dx2);
    put_tile(bottom + s.c, dx3);
  }
};

}  // namespace

template <class I, class T>
void batch_norm_relu_max_pool2d_forward(const Cpu& cpu, BatchNormReluPoolShape s, const I* x,
                                        const T* mean, const T* rstd, const T* weight,
                                        const T* bias, I* y) {
  Workspace::Scope scratch(cpu.workspace);
  const Affine<T> map = affine(s.c, mean, rstd, weight, bias, scratch);
  const std::int64_t rows = s.h / 2, columns = s.w / 2, x_row = s.w * s.c;
  parallel_for(s.n * rows, grain_of(4 * x_row), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t row = begin; row < end; ++row) {
      const I* x_top = x + (row / rows * s.h + row % rows * 2) * x_row;
      I* y_row = y + row * columns * s.c;
      for_channel_tiles(s.c, [&](std::int64_t first, auto width) {
        const Affine<T> v = map.from(first);
        for (std::int64_t j = 0; j < columns; ++j) {
          const I* top = x_top + 2 * j * s.c + first;
          const I* bottom = top + x_row;
          I* out = y_row + j * s.c + first;
#pragma omp simd
          for (std::int64_t k = 0; k < width; ++k) {
            const T x0 = load<T>(top, k), x1 = load<T>(top, s.c + k);
            const T x2 = load<T>(bottom, k), x3 = load<T>(bottom, s.c + k);
            const T upper = std::max(v(x0, k), v(x1, k)), lower = std::max(v(x2, k), v(x3, k));
            store(out[k], relu(std::max(upper, lower)));
          }
        }
      });
    }
  });
}

template <class I, class T>
void batch_norm_relu_max_pool2d_backward_sums(const Cpu& cpu, BatchNormReluPoolShape s, const I* x,
                                              const T* mean, const T* rstd, const T* weight,
                                              const T* bias, const I* dy, double* sums) {
  Workspace::Scope scratch(cpu.workspace);
  const Affine<T> map = affine(s.c, mean, rstd, weight, bias, scratch);
  PartialSums partial(s.c, scratch);
  const std::int64_t rows = s.h / 2, columns = s.w / 2, x_row = s.w * s.c;
  const int parts = parallel_for(
      s.n * rows, grain_of(4 * x_row), [&](std::int64_t begin, std::int64_t end, int part) {
        for (std::int64_t row = begin; row < end; ++row) {
          const I* x_top = x + (row / rows * s.h + row % rows * 2) * x_row;
          const I* dy_row = dy + row * columns * s.c;
          for_channel_tiles(s.c, [&](std::int64_t first, auto width) {
            sum_windows(s, x_top, dy_row, map, first, width, partial, part);
          });
        }
      });
  partial.write(parts, rstd, sums);
}

template <class I, class T>
void batch_norm_relu_max_pool2d_backward_dx(const Cpu& cpu, BatchNormReluPoolShape s,
                                            std::int64_t images, const I* x, const T* mean,
                                            const T* rstd, const T* weight, const T* bias,
                                            const I* dy, const double* sums, Gradient<I> dx) {
  if (!dx) return;
  Workspace::Scope scratch(cpu.workspace);
  const Affine<T> map = affine(s.c, mean, rstd, weight, bias, scratch);
  const Correction<T> correction = correction_of(s, images, sums, map, rstd, scratch);
  const std::int64_t x_row = s.w * s.c;
  const WindowGradients<I, T> gradients{s, x, dy, dx, map, correction};
  const std::int64_t bands = (s.h + 1) / 2;  // pairs of rows; the last may be a single one
  assign_or_add(dx, [&](auto put) {
    parallel_for(s.n * bands, grain_of(4 * x_row), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t band = begin; band < end; ++band) {
        gradients.put_band(band / bands, band % bands, put);
      }
    });
  });
}

template <class I, class T>
void batch_norm_relu_global_avg_pool_forward(const Cpu& cpu, BatchNormReluPoolShape s, const I* x,
                                             const T* mean, const T* rstd, const T* weight,
                                             const T* bias, T* y) {
  Workspace::Scope scratch(cpu.workspace);
  const Affine<T> map = affine(s.c, mean, rstd, weight, bias, scratch);
  const std::int64_t pixels = s.h * s.w;
  parallel_for(s.n, grain_of(pixels * s.c), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t n = begin; n < end; ++n) {
      for_channel_tiles(s.c, [&](std::int64_t first, auto width) {
        const Affine<T> v = map.from(first);
        T sum[channel_tile] = {};
        for (std::int64_t i = 0; i < pixels; ++i) {
          const I* in = x + (n * pixels + i) * s.c + first;
#pragma omp simd
          for (std::int64_t k = 0; k < width; ++k) sum[k] += relu(v(load<T>(in, k), k));
        }
        for (std::int64_t k = 0; k < width; ++k) {
          y[n * s.c + first + k] = sum[k] / static_cast<T>(pixels);
        }
      });
    }
  });
}

template <class I, class T>
void batch_norm_relu_max_pool2d_backward(const Cpu& cpu, BatchNormReluPoolShape s, const I* x,
                                         const T* mean, const T* rstd, const T* weight,
                                         const T* bias, const I* dy, Gradient<I> dx,
                                         Gradient<T> dweight, Gradient<T> dbias) {
  Workspace::Scope scratch(cpu.workspace);
  double* sums = scratch.take<double>(static_cast<std::size_t>(2 * s.c));
  batch_norm_relu_max_pool2d_backward_sums(cpu, s, x, mean, rstd, weight, bias, dy, sums);
  batch_norm_put_sums(cpu, s.c, sums, dweight, dbias);
  batch_norm_relu_max_pool2d_backward_dx(cpu, s, s.n, x, mean, rstd, weight, bias, dy, sums, dx);
}

template <class I, class T>
void batch_norm_relu_global_avg_pool_backward_sums(const Cpu& cpu, BatchNormReluPoolShape s,
                                                   const I* x, const T* mean, const T* rstd,
                                                   const T* weight, const T* bias, const T* dy,
                                                   double* sums) {
  Workspace::Scope scratch(cpu.workspace);
  const Affine<T> map = affine(s.c, mean, rstd, weight, bias, scratch);
  const std::int64_t pixels = s.h * s.w;
  const T share = T(1) / static_cast<T>(pixels);
  PartialSums partial(s.c, scratch);
  const int parts = parallel_for(
      s.n, grain_of(pixels * s.c), [&](std::int64_t begin, std::int64_t end, int part) {
        for (std::int64_t n = begin; n < end; ++n) {
          for_channel_tiles(s.c, [&](std::int64_t first, auto width) {
            const Affine<T> v = map.from(first);
            // dy is the same for the whole image: it is multiplied in afterwards.
            T positive[channel_tile] = {}, sum_x[channel_tile] = {};
            for (std::int64_t i = 0; i < pixels; ++i) {
              const I* in = x + (n * pixels + i) * s.c + first;
#pragma omp simd
              for (std::int64_t k = 0; k < width; ++k) {
                const T pixel = load<T>(in, k), on = v(pixel, k) > 0 ? T(1) : T(0);
                positive[k] += on;
                sum_x[k] += on * (pixel - v.mean[k]);
              }
            }
            for (std::int64_t k = 0; k < width; ++k) {
              const double g = static_cast<double>(dy[n * s.c + first + k] * share);
              partial.add(part, first + k, g * static_cast<double>(positive[k]),
                          g * static_cast<double>(sum_x[k]));
            }
          });
        }
      });
  partial.write(parts, rstd, sums);
}

template <class I, class T>
void batch_norm_relu_global_avg_pool_backward_dx(const Cpu& cpu, BatchNormReluPoolShape s,
                                                 std::int64_t images, const I* x, const T* mean,
                                                 const T* rstd, const T* weight, const T* bias,
                                                 const T* dy, const double* sums, Gradient<I> dx) {
  if (!dx) return;
  Workspace::Scope scratch(cpu.workspace);
  const Affine<T> map = affine(s.c, mean, rstd, weight, bias, scratch);
  const Correction<T> correction = correction_of(s, images, sums, map, rstd, scratch);
  const std::int64_t pixels = s.h * s.w;
  const T share = T(1) / static_cast<T>(pixels);
  assign_or_add(dx, [&](auto put) {
    parallel_for(s.n, grain_of(pixels * s.c), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t n = begin; n < end; ++n) {
        for_channel_tiles(s.c, [&](std::int64_t first, auto width) {
          const Affine<T> v = map.from(first);
          const Correction<T> d = correction.from(first);
          const T* g_out = dy + n * s.c + first;
          for (std::int64_t p = 0; p < pixels; ++p) {
            const std::int64_t i = (n * pixels + p) * s.c + first;
#pragma omp simd
            for (std::int64_t k = 0; k < width; ++k) {
              const T pixel = load<T>(x, i + k), dy_k = g_out[k] * share;
              put(i + k, d(v(pixel, k) > 0 ? dy_k : T(0), pixel, k));
            }
          }
        });
      }
    });
  });
}

template <class I, class T>
void batch_norm_relu_global_avg_pool_backward(const Cpu& cpu, BatchNormReluPoolShape s, const I* x,
                                              const T* mean, const T* rstd, const T* weight,
                                              const T* bias, const T* dy, Gradient<I> dx,
                                              Gradient<T> dweight, Gradient<T> dbias) {
  Workspace::Scope scratch(cpu.workspace);
  double* sums = scratch.take<double>(static_cast<std::size_t>(2 * s.c));
  batch_norm_relu_global_avg_pool_backward_sums(cpu, s, x, mean, rstd, weight, bias, dy, sums);
  batch_norm_put_sums(cpu, s.c, sums, dweight, dbias);
  batch_norm_relu_global_avg_pool_backward_dx(cpu, s, s.n, x, mean, rstd, weight, bias, dy, sums,
                                              dx);
}

#define EKGINE_INSTANTIATE(I, T)                                                                 \
  template void batch_norm_relu_max_pool2d_forward(const Cpu&, BatchNormReluPoolShape, const I*, \
                                                   const T*, const T*, const T*, const T*, I*);  \
  template void batch_norm_relu_max_pool2d_backward_sums(const Cpu&, BatchNormReluPoolShape,     \
                                                         const I*, const T*, const T*, const T*, \
                                                         const T*, const I*, double*);           \
  template void batch_norm_relu_max_pool2d_backward_dx(                                          \
      const Cpu&, BatchNormReluPoolShape, std::int64_t, const I*, const T*, const T*, const T*,  \
      const T*, const I*, const double*, Gradient<I>);                                           \
  template void batch_norm_relu_max_pool2d_backward(                                             \
      const Cpu&, BatchNormReluPoolShape, const I*, const T*, const T*, const T*, const T*,      \
      const I*, Gradient<I>, Gradient<T>, Gradient<T>);                                          \
  template void batch_norm_relu_global_avg_pool_forward(                                         \
      const Cpu&, BatchNormReluPoolShape, const I*, const T*, const T*, const T*, const T*, T*); \
  template void batch_norm_relu_global_avg_pool_backward_sums(                                   \
      const Cpu&, BatchNormReluPoolShape, const I*, const T*, const T*, const T*, const T*,      \
      const T*, double*);                                                                        \
  template void batch_norm_relu_global_avg_pool_backward_dx(                                     \
      const Cpu&, BatchNormReluPoolShape, std::int64_t, const I*, const T*, const T*, const T*,  \
      const T*, const T*, const double*, Gradient<I>);                                           \
  template void batch_norm_relu_global_avg_pool_backward(                                        \
      const Cpu&, BatchNormReluPoolShape, const I*, const T*, const T*, const T*, const T*,      \
      const T*, Gradient<I>, Gradient<T>, Gradient<T>);
EKGINE_INSTANTIATE(float, float)
EKGINE_INSTANTIATE(double, double)
EKGINE_INSTANTIATE(bfloat16, float)
#undef EKGINE_INSTANTIATE

}  // namespace ekgine::kernels
