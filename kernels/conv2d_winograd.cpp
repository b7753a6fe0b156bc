#include "kernels/conv2d_winograd.h"

#include <algorithm>
#include <array>
#include <type_traits>

#include "kernels/runtime/multiply.h"

namespace ekgine::kernels::winograd {

namespace {

using simd::Floats, simd::lanes, simd::load, simd::store;

constexpr int in_edge = 6, out_edge = 4, kernel_edge = 3;
constexpr int elements = in_edge * in_edge;  // of a transformed tile

// The one-dimensional transforms, of vectors of channels: interpolation of polynomials at the
// points 0, ±a, ±b and ∞. The points decide how much rounding errors grow. With Lavin and Gray's 1
// and 2 they are five times those of the direct sum, with these twice (docs/results/cpu_speed.md).
constexpr float a = 0.625F, b = 1.375F, aa = a * a, bb = b * b;
// Π(p − q) over the other finite points q, for p = 0, ±a, ±b.
constexpr float norm_0 = aa * bb, norm_a = 2 * aa * (aa - bb), norm_b = 2 * bb * (bb - aa);

// Bᵀ d
inline void transform_input(const Floats (&d)[in_edge], Floats (&t)[in_edge]) {
  const Floats even_a = d[4] - bb * d[2], odd_a = d[3] - bb * d[1];
  const Floats even_b = d[4] - aa * d[2], odd_b = d[3] - aa * d[1];
  t[0] = (aa * bb) * d[0] - ((aa + bb) * d[2] - d[4]);
  t[1] = even_a + a * odd_a;
  t[2] = even_a - a * odd_a;
  t[3] = even_b + b * odd_b;
  t[4] = even_b - b * odd_b;
  t[5] = (aa * bb) * d[1] - ((aa + bb) * d[3] - d[5]);
}

// Aᵀ m
inline void transform_output(const Floats (&m)[in_edge], Floats (&y)[out_edge]) {
  const Floats sum_a = m[1] + m[2], difference_a = m[1] - m[2];
  const Floats sum_b = m[3] + m[4], difference_b = m[3] - m[4];
  y[0] = m[0] + sum_a + sum_b;
  y[1] = a * difference_a + b * difference_b;
  y[2] = aa * sum_a + bb * sum_b;
  y[3] = (a * aa) * difference_a + ((b * bb) * difference_b + m[5]);
}

// A y
inline void transform_output_gradient(const Floats (&y)[out_edge], Floats (&m)[in_edge]) {
  const Floats even_a = y[0] + aa * y[2], odd_a = y[1] + aa * y[3];
  const Floats even_b = y[0] + bb * y[2], odd_b = y[1] + bb * y[3];
  m[0] = y[0];
  m[1] = even_a + a * odd_a;
  m[2] = even_a - a * odd_a;
  m[3] = even_b + b * odd_b;
  m[4] = even_b - b * odd_b;
  m[5] = y[3];
}

// G w
inline void transform_kernel(const Floats (&w)[kernel_edge], Floats (&u)[in_edge]) {
  const Floats even_a = w[0] * (1 / norm_a) + w[2] * (aa / norm_a), odd_a = w[1] * (a / norm_a);
  const Floats even_b = w[0] * (1 / norm_b) + w[2] * (bb / norm_b), odd_b = w[1] * (b / norm_b);
  u[0] = w[0] * (1 / norm_0);
  u[1] = even_a + odd_a;
  u[2] = even_a - odd_a;
  u[3] = even_b + odd_b;
  u[4] = even_b - odd_b;
  u[5] = w[2];
}

// Gᵀ u
inline void transform_kernel_gradient(const Floats (&u)[in_edge], Floats (&w)[kernel_edge]) {
  const Floats sum_a = u[1] + u[2], sum_b = u[3] + u[4];
  w[0] = u[0] * (1 / norm_0) + sum_a * (1 / norm_a) + sum_b * (1 / norm_b);
  w[1] = (u[1] - u[2]) * (a / norm_a) + (u[3] - u[4]) * (b / norm_b);
  w[2] = sum_a * (aa / norm_a) + sum_b * (bb / norm_b) + u[5];
}

// How images are divided: all their tiles in a row, image by image, each from left to right and
// down.
struct Tiles {
  std::int64_t n, h, w;
  std::int64_t rows = (h + out_edge - 1) / out_edge, columns = (w + out_edge - 1) / out_edge;

  std::int64_t count() const { return n * rows * columns; }
};

// A row or a column of a square: where each of its elements' channels are.
template <int Edge, class T>
using Line = std::array<T*, static_cast<std::size_t>(Edge)>;

template <int Edge, class At>
auto line(const At& at) {
  Line<Edge, std::remove_pointer_t<decltype(at(0))>> line;
  for (int k = 0; k < Edge; ++k) line[static_cast<std::size_t>(k)] = at(k);
  return line;
}

// A square whose element (i,j) lies at data + i·down + j·right.
template <class T>
struct Grid {
  T* data;
  std::int64_t down, right;

  T* operator()(int i, int j) const { return data + i * down + j * right; }
};

// The square of an image (H,W,C) that begins `before` pixels up and left of a tile's output. Pixels
// outside of the image are `outside`.
template <class T>
class Pixels {
 public:
  Pixels(const Tiles& tiles, std::int64_t tile, int before, T* images, std::int64_t channels,
         T* outside)
      : h_(tiles.h), w_(tiles.w), channels_(channels), outside_(outside) {
    const std::int64_t per_image = tiles.rows * tiles.columns, position = tile % per_image;
    top_ = position / tiles.columns * out_edge - before;
    left_ = position % tiles.columns * out_edge - before;
    image_ = images + tile / per_image * h_ * w_ * channels;
  }

  T* operator()(int i, int j) const {
    const std::int64_t row = top_ + i, column = left_ + j;
    const bool inside = row >= 0 && row < h_ && column >= 0 && column < w_;
    return inside ? image_ + (row * w_ + column) * channels_ : outside_;
  }

 private:
  std::int64_t h_, w_, channels_, top_ = 0, left_ = 0;
  T *image_ = nullptr, *outside_;
};

// What becomes of results: they are stored, added to what is there, or stored around the caches.
enum class Put { store, add, stream };

// `transform` of a line, for every channel. It reads and writes one address after the other: a
// square at a time, in registers, would have 36 places in memory in turn.
template <std::size_t From, std::size_t To, class In, class Out, class Transform>
void transform_line(std::array<In*, From> from, std::array<Out*, To> to, std::int64_t channels,
                    const Transform& transform, Put put = Put::store) {
  for (std::int64_t c = 0; c < channels; c += lanes) {
    Floats in[From], out[To];
#pragma GCC unroll 6
    for (std::size_t k = 0; k < From; ++k) in[k] = load(from[k] + c);
    transform(in, out);
    if (put == Put::add) {
#pragma GCC unroll 6
      for (std::size_t k = 0; k < To; ++k) out[k] += load(to[k] + c);
    }
    if (put == Put::stream) {
#pragma GCC unroll 6
      for (std::size_t k = 0; k < To; ++k) simd::stream(to[k] + c, out[k]);
      continue;
    }
#pragma GCC unroll 6
    for (std::size_t k = 0; k < To; ++k) store(to[k] + c, out[k]);
  }
}

// `transform` of the columns, then of the rows, of a square. `half` is scratch for From·To elements
// of all channels.
template <int From, int To, class In, class Out, class Transform>
void transform_square(const In& in, const Out& out, std::int64_t channels, float* half,
                      const Transform& transform, Put put = Put::store) {
  const Grid<float> between{half, channels, To * channels};
  for (int j = 0; j < From; ++j) {
    transform_line(line<From>([&](int i) { return in(i, j); }),
                   line<To>([&](int i) { return between(i, j); }), channels, transform);
  }
  for (int i = 0; i < To; ++i) {
    transform_line(line<From>([&](int j) { return between(i, j); }),
                   line<To>([&](int j) { return out(i, j); }), channels, transform, put);
  }
}

// The elements of transformed tiles, or of the kernel: 36 matrices (rows, columns). Their distance
// is a cache line more than their size: at a power of two all 36 would compete for the same few
// lines.
struct Transformed {
  float* data;
  std::int64_t rows, columns;

  static std::int64_t stride(std::int64_t rows, std::int64_t columns) {
    return rows * columns + 16;
  }
  static Transformed take(std::int64_t rows, std::int64_t columns, Workspace::Scope& scratch) {
    return {scratch.take<float>(static_cast<std::size_t>(elements * stride(rows, columns))), rows,
            columns};
  }
  float* matrix(int element) const { return data + element * stride(rows, columns); }
  // The elements of one row of all matrices.
  Grid<float> row(std::int64_t row) const {
    return {data + row * columns, in_edge * stride(rows, columns), stride(rows, columns)};
  }
};

// Tiles that are transformed and multiplied together: few enough to stay in a core's cache.
constexpr std::int64_t block_tiles = 24;

template <class Body>
int for_blocks(const Tiles& tiles, std::int64_t operations, const Body& body) {
  const std::int64_t blocks = (tiles.count() + block_tiles - 1) / block_tiles;
  return parallel_for(blocks, grain_of(block_tiles * operations),
                      [&](std::int64_t begin, std::int64_t end, int part) {
                        for (std::int64_t block = begin; block < end; ++block) {
                          const std::int64_t first = block * block_tiles;
                          body(first, std::min(block_tiles, tiles.count() - first), part,
                               block == begin);
                        }
                      });
}

// Bᵀ x B of `count` tiles from `first` on. `half` is scratch for 36 elements of all channels.
template <class I>
void transform_inputs(const Tiles& tiles, std::int64_t first, std::int64_t count, const I* x,
                      std::int64_t channels, const I* zeros, float* half, const Transformed& to) {
  for (std::int64_t t = 0; t < count; ++t) {
    const Pixels<const I> pixels(tiles, first + t, 1, x, channels, zeros);
    const Grid<float> out = to.row(t);
    // Columns of the image, transformed, in a ring: the tile to the left had the first two as well.
    const std::int64_t left = (first + t) % tiles.columns;
    const auto column = [&](std::int64_t j) {
      return half + (left * out_edge + j) % in_edge * in_edge * channels;
    };
    for (int j = t > 0 && left > 0 ? in_edge - out_edge : 0; j < in_edge; ++j) {
      transform_line(line<in_edge>([&](int i) { return pixels(i, j); }),
                     line<in_edge>([&](int i) { return column(j) + i * channels; }), channels,
                     transform_input);
    }
    for (int i = 0; i < in_edge; ++i) {
      transform_line(line<in_edge>([&](int j) { return column(j) + i * channels; }),
                     line<in_edge>([&](int j) { return out(i, j); }), channels, transform_input);
    }
  }
}

}  // namespace

bool applies(Conv2dShape s) {
  return s.kernel_h == kernel_edge && s.kernel_w == kernel_edge && s.c % 16 == 0 && s.o % 16 == 0;
}

template <class I>
void correlate(const Cpu& cpu, Conv2dShape s, const I* x, const float* w, Gradient<I> y) {
  Workspace::Scope scratch(cpu.workspace);
  const Tiles tiles{s.n, s.h, s.w};
  const auto threads = static_cast<std::size_t>(thread_count());
  struct Scratch {
    Transformed in, out;
    float* half;
    I* outside;
  };
  Scratch* scratches = scratch.take<Scratch>(threads);
  for (std::size_t i = 0; i < threads; ++i) {
    scratches[i] = {Transformed::take(block_tiles, s.c, scratch),
                    Transformed::take(block_tiles, s.o, scratch),
                    scratch.take<float>(static_cast<std::size_t>(elements * std::max(s.c, s.o))),
                    scratch.take<I>(static_cast<std::size_t>(s.o))};
  }
  // G w Gᵀ, rows (C), columns (O)
  const Transformed kernel = Transformed::take(s.c, s.o, scratch);
  parallel_for(s.c, grain_of(elements * s.o), [&](std::int64_t begin, std::int64_t end, int part) {
    for (std::int64_t c = begin; c < end; ++c) {
      transform_square<kernel_edge, in_edge>(
          Grid<const float>{w + c * s.o, kernel_edge * s.c * s.o, s.c * s.o}, kernel.row(c), s.o,
          scratches[part].half, transform_kernel);
    }
  });
  I* zeros = scratch.take<I>(static_cast<std::size_t>(s.c));
  std::fill_n(zeros, s.c, I{});
  const Put put = y.accumulate ? Put::add : simd::can_stream(y.data) ? Put::stream : Put::store;
  for_blocks(
      tiles, elements * s.c * s.o, [&](std::int64_t first, std::int64_t count, int part, bool) {
        const auto& [in, out, half, outside] = scratches[part];
        transform_inputs<I>(tiles, first, count, x, s.c, zeros, half, in);
        for (int e = 0; e < elements; ++e) {
          simd::multiply(count, s.o, s.c, in.matrix(e), s.c, 1, kernel.matrix(e), s.o,
                         out.matrix(e), s.o, false);
        }
        for (std::int64_t t = 0; t < count; ++t) {
          transform_square<in_edge, out_edge>(out.row(t),
                                              Pixels<I>(tiles, first + t, 0, y.data, s.o, outside),
                                              s.o, half, transform_output, put);
        }
        simd::fence();
      });
}

// Every thread sums over its tiles in the transformed domain; then the threads' sums are added in
// order.
template <class I>
void correlate_images(const Cpu& cpu, Conv2dShape s, const I* x, const I* dy, Gradient<float> dw) {
  Workspace::Scope scratch(cpu.workspace);
  const Tiles tiles{s.n, s.h, s.w};
  I* zeros = scratch.take<I>(static_cast<std::size_t>(std::max(s.c, s.o)));
  std::fill_n(zeros, std::max(s.c, s.o), I{});
  struct Scratch {
    Transformed in, out, sum;
    float* half;
  };
  const auto threads = static_cast<std::size_t>(thread_count());
  Scratch* scratches = scratch.take<Scratch>(threads);
  for (std::size_t i = 0; i < threads; ++i) {
    scratches[i] = {Transformed::take(block_tiles, s.c, scratch),
                    Transformed::take(block_tiles, s.o, scratch),
                    Transformed::take(s.c, s.o, scratch),
                    scratch.take<float>(static_cast<std::size_t>(elements * std::max(s.c, s.o)))};
  }
  const int parts = for_blocks(tiles, elements * s.c * s.o,
                               [&](std::int64_t first, std::int64_t count, int part, bool begin) {
                                 const auto& [in, out, sum, half] = scratches[part];
                                 transform_inputs<I>(tiles, first, count, x, s.c, zeros, half, in);
                                 for (std::int64_t t = 0; t < count; ++t) {
                                   transform_square<out_edge, in_edge>(
                                       Pixels<const I>(tiles, first + t, 0, dy, s.o, zeros),
                                       out.row(t), s.o, half, transform_output_gradient);
                                 }
                                 for (int e = 0; e < elements; ++e) {
                                   simd::multiply(s.c, s.o, count, in.matrix(e), 1, s.c,
                                                  out.matrix(e), s.o, sum.matrix(e), s.o, !begin);
                                 }
                               });
  parallel_for(s.c, grain_of(elements * s.o), [&](std::int64_t begin, std::int64_t end, int part) {
    for (std::int64_t c = begin; c < end; ++c) {
      for (int e = 0; e < elements; ++e) {
        float* const total = scratches[0].sum.matrix(e) + c * s.o;
        if (parts == 0) std::fill_n(total, s.o, 0.0F);
        for (int more = 1; more < parts; ++more) {
          const float* const sum = scratches[more].sum.matrix(e) + c * s.o;
          for (std::int64_t o = 0; o < s.o; o += lanes) {
            store(total + o, load(total + o) + load(sum + o));
          }
        }
      }
      transform_square<in_edge, kernel_edge>(
          scratches[0].sum.row(c),
          Grid<float>{dw.data + c * s.o, kernel_edge * s.c * s.o, s.c * s.o}, s.o,
          scratches[part].half, transform_kernel_gradient, dw.accumulate ? Put::add : Put::store);
    }
  });
}

#define EKGINE_INSTANTIATE(I)                                                            \
  template void correlate(const Cpu&, Conv2dShape, const I*, const float*, Gradient<I>); \
  template void correlate_images(const Cpu&, Conv2dShape, const I*, const I*, Gradient<float>);
EKGINE_INSTANTIATE(float)
EKGINE_INSTANTIATE(bfloat16)
#undef EKGINE_INSTANTIATE

}  // namespace ekgine::kernels::winograd
