#include "kernels/stem.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "kernels/batch_norm.h"
#include "kernels/runtime/simd.h"

namespace ekgine::kernels {

namespace {

constexpr int edge = 3, taps = edge * edge;  // of the kernel
constexpr int reach = edge + 1;              // of a window's four patches together

// As many channels as are computed with at a time.
template <class T>
struct ChannelVector {
  using Type = T;
  static constexpr std::int64_t lanes = 1;
};
template <>
struct ChannelVector<float> {
  using Type = simd::Floats;
  static constexpr std::int64_t lanes = simd::lanes;
};
template <class T>
using Vector = typename ChannelVector<T>::Type;

// The first `count` channels from `from` on; the others are 0.
template <class T, class I>
Vector<T> load_channels(const I* from, std::int64_t count) {
  if constexpr (std::is_same_v<T, double>) {
    return *from;
  } else {
    if (count >= simd::lanes) return simd::load(from);
    I channels[simd::lanes] = {};
    std::copy_n(from, count, channels);
    return simd::load(channels);
  }
}
template <class T, class I>
void store_channels(I* to, Vector<T> values, std::int64_t count) {
  if constexpr (std::is_same_v<T, double>) {
    *to = values;
  } else {
    if (count >= simd::lanes) return simd::store(to, values);
    I channels[simd::lanes];
    simd::store(channels, values);
    std::copy_n(channels, count, to);
  }
}

template <class T>
std::int64_t vectors_of(std::int64_t channels) {
  return (channels + ChannelVector<T>::lanes - 1) / ChannelVector<T>::lanes;
}

// A pixel, or anything stored as one, as a number to compute with.
template <class T, class I>
T number(I stored) {
  if constexpr (std::is_same_v<I, bfloat16>) {
    return static_cast<T>(static_cast<float>(stored));
  } else {
    return static_cast<T>(stored);
  }
}

// The kernel as images are stored: weight i of kernel (3,3,C).
template <class I, class T>
T rounded(const T* kernel, std::int64_t i) {
  return number<T>(static_cast<I>(kernel[i]));
}

// The rows of an image below a row of windows, between zeros, for every thread.
template <class T>
class PaddedRows {
 public:
  PaddedRows(StemShape s, Workspace::Scope& scratch)
      : s_(s), values_(scratch.take<T>(static_cast<std::size_t>(thread_count() * size()))) {
    std::fill_n(values_, thread_count() * size(), T(0));
  }

  // Rows `first` to first + 3 of image n for thread `part`, one zero before each and one behind;
  // rows that the image has not are zeros. Valid until the thread's next call.
  template <class I>
  std::array<const T*, reach> load(const I* x, int part, std::int64_t n, std::int64_t first) const {
    std::array<const T*, reach> rows;
    for (int i = 0; i < reach; ++i) {
      T* row = values_ + part * size() + i * (s_.w + 2);
      rows[static_cast<std::size_t>(i)] = row;
      const std::int64_t h = first + i;
      if (h < 0 || h >= s_.h) {
        std::fill_n(row + 1, s_.w, T(0));
      } else {
        const I* from = x + (n * s_.h + h) * s_.w;
        for (std::int64_t v = 0; v < s_.w; ++v) row[1 + v] = number<T>(from[v]);
      }
    }
    return rows;
  }

 private:
  std::int64_t size() const { return reach * (s_.w + 2); }

  StemShape s_;
  T* values_;
};

// The convolution and the batch normalisation as one affine map of patches, per channel vector.
template <class T>
struct Map {
  Vector<T>* kernel;  // (vectors, 9): kernel·factor
  Vector<T>* shift;   // (vectors): bias − mean·factor
};

template <class I, class T>
Map<T> make_map(StemShape s, const T* kernel, const T* mean, const T* rstd, const T* weight,
                const T* bias, Workspace::Scope& scratch) {
  constexpr std::int64_t lanes = ChannelVector<T>::lanes;
  const std::int64_t padded = vectors_of<T>(s.c) * lanes;
  T* products = scratch.take<T>(static_cast<std::size_t>(taps * padded));
  T* shift = scratch.take<T>(static_cast<std::size_t>(padded));
  std::fill_n(products, taps * padded, T(0));
  std::fill_n(shift, padded, T(0));
  for (std::int64_t c = 0; c < s.c; ++c) {
    const T factor = weight[c] * rstd[c];
    shift[c] = bias[c] - mean[c] * factor;
    for (std::int64_t t = 0; t < taps; ++t) {
      products[(c / lanes * taps + t) * lanes + c % lanes] =
          rounded<I>(kernel, t * s.c + c) * factor;
    }
  }
  return {reinterpret_cast<Vector<T>*>(products), reinterpret_cast<Vector<T>*>(shift)};
}

// Calls body(i, j, q, t) for every pixel (i,j) below a window's four patches, patch q and tap t
// that meet there.
template <class Body>
[[gnu::always_inline]] inline void for_products(const Body& body) {
#pragma GCC unroll 4
  for (int i = 0; i < reach; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < reach; ++j) {
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q) {
        const int row = i - q / 2, column = j - q % 2;
        if (row >= 0 && row < edge && column >= 0 && column < edge) {
          body(i, j, q, row * edge + column);
        }
      }
    }
  }
}

// v at the four positions of the window whose first patch begins at `column` of the rows.
template <class T>
[[gnu::always_inline]] inline void map_window(const std::array<const T*, reach>& rows,
                                              std::int64_t column, const Vector<T>* kernel,
                                              Vector<T> shift, Vector<T> (&v)[4]) {
#pragma GCC unroll 4
  for (Vector<T>& value : v) value = shift;
  for_products([&](int i, int j, int q, int t) {
    v[q] += rows[static_cast<std::size_t>(i)][column + j] * kernel[t];
  });
}

// The larger, or the first if they cannot be compared or are equal.
template <class V>
V larger(V first, V second) {
  return second > first ? second : first;
}

// The gradients of v at the windows of a row, (columns, 4), for a channel vector: dy at the first
// position that reaches the window's maximum, where that is above 0, and 0 elsewhere. `dy` is the
// row's.
template <class I, class T>
void window_gradients(StemShape s, const std::array<const T*, reach>& in, const Map<T>& map,
                      std::int64_t vector, const I* dy, Vector<T>* gradients) {
  using V = Vector<T>;
  const std::int64_t first = vector * ChannelVector<T>::lanes;
  const V shift = map.shift[vector], zero = {};
  V kernel[taps];
  std::copy_n(map.kernel + vector * taps, taps, kernel);
  for (std::int64_t j = 0; j < s.w / 2; ++j) {
    V v[4];
    map_window<T>(in, 2 * j, kernel, shift, v);
    const V best01 = larger(v[0], v[1]), best012 = larger(best01, v[2]);
    const V dy_j = load_channels<T>(dy + j * s.c + first, s.c - first);
    const V to_all = larger(best012, v[3]) > zero ? dy_j : zero;
    const V to012 = v[3] > best012 ? zero : to_all;
    const V to01 = v[2] > best01 ? zero : to012;
    V* to = gradients + 4 * j;
    to[0] = v[1] > v[0] ? zero : to01;
    to[1] = v[1] > v[0] ? to01 : zero;
    to[2] = v[2] > best01 ? to012 : zero;
    to[3] = v[3] > best012 ? to_all : zero;
  }
}

// Adds to `sums`, (10, lanes), the Σ g·p of every tap and Σ g of a row of windows: within the row
// in registers, to others in double.
template <class T>
void add_products(const std::array<const T*, reach>& in, std::int64_t columns,
                  const Vector<T>* gradients, double* sums) {
  using V = Vector<T>;
  constexpr std::int64_t lanes = ChannelVector<T>::lanes;
  V sum[taps + 1] = {};
  for (std::int64_t j = 0; j < columns; ++j) {
    const V* g = gradients + 4 * j;
    const V of_window[4] = {g[0], g[1], g[2], g[3]};
    for_products([&](int i, int k, int q, int t) {
      sum[t] += in[static_cast<std::size_t>(i)][2 * j + k] * of_window[q];
    });
    sum[taps] += (of_window[0] + of_window[1]) + (of_window[2] + of_window[3]);
  }
  for (std::int64_t t = 0; t <= taps; ++t) {
    T lane[lanes];
    store_channels<T>(lane, sum[t], lanes);
    for (std::int64_t k = 0; k < lanes; ++k) sums[t * lanes + k] += static_cast<double>(lane[k]);
  }
}

// The gradients of channel c, from its Σ g·p of every tap and, behind them, Σ g.
template <class I, class T>
void put_gradients(StemShape s, std::int64_t c, const double (&total)[taps + 1], const T* kernel,
                   const T* patch_mean, const T* patch_covariance, const T* mean, const T* rstd,
                   const T* weight, Gradient<T> dkernel, Gradient<T> dweight, Gradient<T> dbias) {
  double k[taps];
  for (int t = 0; t < taps; ++t) k[t] = static_cast<double>(rounded<I>(kernel, t * s.c + c));
  const double g = total[taps], r = static_cast<double>(rstd[c]);
  double gu = -static_cast<double>(mean[c]) * g;  // Σ g·(u − mean)
  for (int t = 0; t < taps; ++t) gu += k[t] * total[t];
  if (dbias) dbias.put(c, static_cast<T>(g));
  if (dweight) dweight.put(c, static_cast<T>(r * gu));
  if (!dkernel) return;
  for (int t = 0; t < taps; ++t) {
    double covariance = 0;  // of p_t and u
    for (int u = 0; u < taps; ++u) {
      covariance += static_cast<double>(patch_covariance[t * taps + u]) * k[u];
    }
    const double sum = total[t] - g * static_cast<double>(patch_mean[t]) - r * r * gu * covariance;
    dkernel.put(t * s.c + c, static_cast<T>(static_cast<double>(weight[c]) * r * sum));
  }
}

using Doubles [[gnu::vector_size(simd::lanes * sizeof(float))]] = double;
constexpr std::int64_t double_lanes = sizeof(Doubles) / sizeof(double);

inline Doubles load_doubles(const double* from) {
  Doubles v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

using Products = std::array<std::array<double, edge>, edge>;

void add(Products& to, const Products& products) {
  for (std::size_t j = 0; j < edge; ++j) {
    for (std::size_t k = 0; k < edge; ++k) to[j][k] += products[j][k];
  }
}

// Σ_v a[v+j]·b[v+k] over `width` values v, for all j and k. Behind their last value the rows have
// room for a vector.
Products row_products(const double* a, const double* b, std::int64_t width) {
  Doubles sum[edge][edge] = {};
  const auto add_at = [&](std::int64_t v, const auto& used) {
    Doubles left[edge], right[edge];
#pragma GCC unroll 3
    for (int j = 0; j < edge; ++j) {
      left[j] = used(load_doubles(a + v + j));
      right[j] = load_doubles(b + v + j);
    }
#pragma GCC unroll 3
    for (int j = 0; j < edge; ++j) {
#pragma GCC unroll 3
      for (int k = 0; k < edge; ++k) sum[j][k] += left[j] * right[k];
    }
  };
  std::int64_t v = 0;
  for (; v + double_lanes <= width; v += double_lanes) {
    add_at(v, [](Doubles values) { return values; });
  }
  if (v < width) {
    add_at(v, [&](Doubles values) {
      for (std::int64_t k = width - v; k < double_lanes; ++k) values[k] = 0;
      return values;
    });
  }
  Products products;
  for (std::size_t j = 0; j < edge; ++j) {
    for (std::size_t k = 0; k < edge; ++k) {
      products[j][k] = 0;
      for (std::int64_t lane = 0; lane < double_lanes; ++lane) products[j][k] += sum[j][k][lane];
    }
  }
  return products;
}

// Σ p (9) and Σ p·pᵀ (9,9) over the patches of images.
//
// Elements (i,j) and (i+d,k) of a patch meet the rows r and r + d of the image, for every r but for
// those where a patch with row r in its place i has no centre in the image: the last row for i = 0,
// the first for i = 2. So products of rows serve several elements. Rows outside of the image are
// zeros; two rows apart in the image exclude the exceptions.
class PatchSums {
 public:
  // `rows` (H,W+2) between zeros, each `stride` behind the one before.
  void add_image(const double* rows, std::int64_t h, std::int64_t w, std::int64_t stride) {
    for (std::int64_t r = 0; r < h; ++r) {
      const double* row = rows + r * stride;
      double total = 0;
      for (std::int64_t v = 1; v <= w; ++v) total += row[v];
      const std::array<double, edge> sums = {total - row[w], total, total - row[1]};
      for (std::size_t i = 0; i < edge; ++i) {
        const bool excluded = (i == 0 && r == h - 1) || (i == 2 && r == 0);
        for (std::size_t j = 0; j < edge && !excluded; ++j) sum_[i * edge + j] += sums[j];
      }
      for (std::int64_t d = 0; d < edge && r + d < h; ++d) {
        const Products products = row_products(row, row + d * stride, w);
        add(products_[static_cast<std::size_t>(d)], products);
        if (d == 0 && r == 0) add(first_, products);
        if (d == 0 && r == h - 1) add(last_, products);
      }
    }
  }
  void add_all(const PatchSums& more) {
    for (std::size_t t = 0; t < taps; ++t) sum_[t] += more.sum_[t];
    for (std::size_t d = 0; d < edge; ++d) add(products_[d], more.products_[d]);
    add(first_, more.first_);
    add(last_, more.last_);
  }

  double sum(int t) const { return sum_[static_cast<std::size_t>(t)]; }
  // t ≤ u
  double product(int t, int u) const {
    const auto at = [&](const Products& products) {
      return products[static_cast<std::size_t>(t % edge)][static_cast<std::size_t>(u % edge)];
    };
    const int i = t / edge, d = u / edge - i;
    const double all = at(products_[static_cast<std::size_t>(d)]);
    if (d > 0) return all;
    return i == 0 ? all - at(last_) : i == 2 ? all - at(first_) : all;
  }

 private:
  std::array<double, taps> sum_ = {};
  std::array<Products, edge> products_ = {};  // of rows so far apart
  Products first_ = {}, last_ = {};           // of the first rows, the last rows, with themselves
};

}  // namespace

template <class I>
void stem_patch_sums(const Cpu& cpu, StemShape s, const I* x, double* sums) {
  Workspace::Scope scratch(cpu.workspace);
  // An image between zeros, for one thread; behind it room for a vector.
  const std::int64_t stride = s.w + 2, size = s.h * stride + double_lanes;
  double* images = scratch.take<double>(static_cast<std::size_t>(thread_count() * size));
  std::fill_n(images, thread_count() * size, 0.0);
  auto* partial = scratch.take<PatchSums>(static_cast<std::size_t>(thread_count()));
  const auto sum_images = [&](std::int64_t begin, std::int64_t end, int part) {
    double* image = images + part * size;
    PatchSums mine;
    for (std::int64_t n = begin; n < end; ++n) {
      for (std::int64_t r = 0; r < s.h; ++r) {
        const I* from = x + (n * s.h + r) * s.w;
        double* row = image + r * stride + 1;
        for (std::int64_t v = 0; v < s.w; ++v) row[v] = number<double>(from[v]);
      }
      mine.add_image(image, s.h, s.w, stride);
    }
    partial[part] = mine;
  };
  const int parts = parallel_for(s.n, grain_of(54 * s.h * s.w), sum_images);
  for (int part = 1; part < parts; ++part) partial[0].add_all(partial[part]);
  for (int t = 0; t < taps; ++t) {
    sums[t] = partial[0].sum(t);
    for (int u = t; u < taps; ++u) {
      sums[taps + t * taps + u] = sums[taps + u * taps + t] = partial[0].product(t, u);
    }
  }
}

template <class I, class T>
void stem_statistics_of(const Cpu& cpu, StemShape s, std::int64_t images, T epsilon, T momentum,
                        const double* sums, const T* kernel, T* patch_mean, T* patch_covariance,
                        T* mean, T* rstd, T* running_mean, T* running_variance) {
  const auto count = static_cast<double>(images * s.h * s.w);
  double average[taps], covariance[taps][taps];
  for (int t = 0; t < taps; ++t) average[t] = sums[t] / count;
  for (int t = 0; t < taps; ++t) {
    for (int u = t; u < taps; ++u) {
      covariance[t][u] = covariance[u][t] =
          sums[taps + t * taps + u] / count - average[t] * average[u];
    }
  }
  for (int t = 0; t < taps; ++t) {
    patch_mean[t] = static_cast<T>(average[t]);
    for (int u = 0; u < taps; ++u) {
      patch_covariance[t * taps + u] = static_cast<T>(covariance[t][u]);
    }
  }
  const T kept = kept_of(momentum, cpu.step);
  for (std::int64_t c = 0; c < s.c; ++c) {
    double k[taps], center = 0, variance = 0;
    for (int t = 0; t < taps; ++t) {
      k[t] = static_cast<double>(rounded<I>(kernel, t * s.c + c));
      center += k[t] * average[t];
    }
    for (int t = 0; t < taps; ++t) {
      for (int u = 0; u < taps; ++u) variance += k[t] * covariance[t][u] * k[u];
    }
    if (variance < 0) variance = 0;  // by rounding, where u is constant
    mean[c] = static_cast<T>(center);
    rstd[c] = static_cast<T>(1 / std::sqrt(variance + static_cast<double>(epsilon)));
    if (!std::isfinite(mean[c]) || !std::isfinite(static_cast<T>(variance))) continue;
    running_mean[c] = kept * running_mean[c] + (1 - kept) * mean[c];
    running_variance[c] = kept * running_variance[c] + (1 - kept) * static_cast<T>(variance);
  }
}

template <class I, class T>
void stem_statistics(const Cpu& cpu, StemShape s, T epsilon, T momentum, const I* x,
                     const T* kernel, T* patch_mean, T* patch_covariance, T* mean, T* rstd,
                     T* running_mean, T* running_variance) {
  double sums[stem_sums];
  stem_patch_sums(cpu, s, x, sums);
  stem_statistics_of<I>(cpu, s, s.n, epsilon, momentum, sums, kernel, patch_mean, patch_covariance,
                        mean, rstd, running_mean, running_variance);
}

template <class I, class T>
void stem_forward(const Cpu& cpu, StemShape s, const I* x, const T* kernel, const T* mean,
                  const T* rstd, const T* weight, const T* bias, I* y) {
  using V = Vector<T>;
  constexpr std::int64_t lanes = ChannelVector<T>::lanes;
  Workspace::Scope scratch(cpu.workspace);
  const Map<T> map = make_map<I>(s, kernel, mean, rstd, weight, bias, scratch);
  const PaddedRows<T> padded(s, scratch);
  const std::int64_t rows = s.h / 2, columns = s.w / 2;
  parallel_for(s.n * rows, grain_of(4 * taps * columns * s.c),
               [&](std::int64_t begin, std::int64_t end, int part) {
                 for (std::int64_t row = begin; row < end; ++row) {
                   const auto in = padded.load(x, part, row / rows, row % rows * 2 - 1);
                   I* out = y + row * columns * s.c;
                   for (std::int64_t vector = 0; vector < vectors_of<T>(s.c); ++vector) {
                     const std::int64_t first = vector * lanes;
                     V kernel_of_vector[taps];
                     std::copy_n(map.kernel + vector * taps, taps, kernel_of_vector);
                     const V shift = map.shift[vector];
                     for (std::int64_t j = 0; j < columns; ++j) {
                       V v[4];
                       map_window<T>(in, 2 * j, kernel_of_vector, shift, v);
                       const V best = larger(larger(v[0], v[1]), larger(v[2], v[3])), zero = {};
                       store_channels<T>(out + j * s.c + first, zero > best ? zero : best,
                                         s.c - first);
                     }
                   }
                 }
               });
}

template <class I, class T>
void stem_backward(const Cpu& cpu, StemShape s, const I* x, const T* kernel, const T* patch_mean,
                   const T* patch_covariance, const T* mean, const T* rstd, const T* weight,
                   const T* bias, const I* dy, Gradient<T> dkernel, Gradient<T> dweight,
                   Gradient<T> dbias) {
  using V = Vector<T>;
  constexpr std::int64_t lanes = ChannelVector<T>::lanes;
  Workspace::Scope scratch(cpu.workspace);
  const Map<T> map = make_map<I>(s, kernel, mean, rstd, weight, bias, scratch);
  const PaddedRows<T> padded(s, scratch);
  const std::int64_t rows = s.h / 2, columns = s.w / 2, vectors = vectors_of<T>(s.c);
  // Σ g·p and Σ g: (threads, vectors, 10, lanes). A row of windows is added up in registers, rows
  // in double.
  const std::int64_t size = vectors * (taps + 1) * lanes;
  double* sums = scratch.take<double>(static_cast<std::size_t>(thread_count() * size));
  std::fill_n(sums, thread_count() * size, 0.0);
  // Gradients of v at the windows of a row: (threads, columns, 4).
  V* gradients = reinterpret_cast<V*>(
      scratch.take<T>(static_cast<std::size_t>(thread_count() * columns * 4 * lanes)));
  const int parts = parallel_for(
      s.n * rows, grain_of(8 * taps * columns * s.c),
      [&](std::int64_t begin, std::int64_t end, int part) {
        for (std::int64_t row = begin; row < end; ++row) {
          const auto in = padded.load(x, part, row / rows, row % rows * 2 - 1);
          V* g = gradients + part * columns * 4;
          for (std::int64_t vector = 0; vector < vectors; ++vector) {
            // In two passes, each of which has its operands in registers.
            window_gradients<I>(s, in, map, vector, dy + row * columns * s.c, g);
            add_products<T>(in, columns, g, sums + part * size + vector * (taps + 1) * lanes);
          }
        }
      });

  for (std::int64_t c = 0; c < s.c; ++c) {
    double total[taps + 1] = {};
    for (int t = 0; t <= taps; ++t) {
      for (int part = 0; part < parts; ++part) {
        total[t] += sums[part * size + (c / lanes * (taps + 1) + t) * lanes + c % lanes];
      }
    }
    put_gradients<I>(s, c, total, kernel, patch_mean, patch_covariance, mean, rstd, weight, dkernel,
                     dweight, dbias);
  }
}

#define EKGINE_INSTANTIATE(I, T)                                                                 \
  template void stem_patch_sums(const Cpu&, StemShape, const I*, double*);                       \
  template void stem_statistics_of<I>(const Cpu&, StemShape, std::int64_t, T, T, const double*,  \
                                      const T*, T*, T*, T*, T*, T*, T*);                         \
  template void stem_statistics(const Cpu&, StemShape, T, T, const I*, const T*, T*, T*, T*, T*, \
                                T*, T*);                                                         \
  template void stem_forward(const Cpu&, StemShape, const I*, const T*, const T*, const T*,      \
                             const T*, const T*, I*);                                            \
  template void stem_backward(const Cpu&, StemShape, const I*, const T*, const T*, const T*,     \
                              const T*, const T*, const T*, const T*, const I*, Gradient<T>,     \
                              Gradient<T>, Gradient<T>);
EKGINE_INSTANTIATE(float, float)
EKGINE_INSTANTIATE(double, double)
EKGINE_INSTANTIATE(bfloat16, float)
#undef EKGINE_INSTANTIATE

}  // namespace ekgine::kernels
