#include "kernels/conv2d_winograd.h"

#include <algorithm>
#include <array>

#include "kernels/runtime/multiply.h"

namespace ekgine::kernels::winograd {

namespace {

using simd::Floats, simd::lanes, simd::load, simd::store;

constexpr int in_edge = 6, out_edge = 4, kernel_edge = 3;
constexpr int elements = in_edge * in_edge;  // of a transformed tile

// The one-dimensional transforms, of vectors of channels: interpolation of polynomials at the
// points 0, ±a, ±b and ∞. The points decide how much rounding errors grow. With Lavin and Gray's 1
// and 2 they are five times those of the direct sum, with these twice (docs/performance.md).
constexpr float a = 0.625F, b = 1.375F, aa = a * a, bb = b * b;
// Π(p − q) over the other finite points q, for p = 0, ±a, ±b.
constexpr float norm_0 = aa * bb, norm_a = 2 * aa * (aa - bb), norm_b = 2 * bb * (bb - aa);

// Bᵀ d
inline void transform_input(const Floats (&d)[in_edge], Floats (&t)[in_edge]) {
  const Floats even_a = d[4] - bb * d[2], odd_a = a * d[3] - (a * bb) * d[1];
  const Floats even_b = d[4] - aa * d[2], odd_b = b * d[3] - (b * aa) * d[1];
  t[0] = (aa * bb) * d[0] - (aa + bb) * d[2] + d[4];
  t[1] = even_a + odd_a;
  t[2] = even_a - odd_a;
  t[3] = even_b + odd_b;
  t[4] = even_b - odd_b;
  t[5] = (aa * bb) * d[1] - (aa + bb) * d[3] + d[5];
}

// Aᵀ m
inline void transform_output(const Floats (&m)[in_edge], Floats (&y)[out_edge]) {
  const Floats sum_a = m[1] + m[2], difference_a = m[1] - m[2];
  const Floats sum_b = m[3] + m[4], difference_b = m[3] - m[4];
  y[0] = m[0] + sum_a + sum_b;
  y[1] = a * difference_a + b * difference_b;
  y[2] = aa * sum_a + bb * sum_b;
  y[3] = (a * aa) * difference_a + (b * bb) * difference_b + m[5];
}

// A y
inline void transform_output_gradient(const Floats (&y)[out_edge], Floats (&m)[in_edge]) {
  const Floats even_a = y[0] + aa * y[2], odd_a = a * y[1] + (a * aa) * y[3];
  const Floats even_b = y[0] + bb * y[2], odd_b = b * y[1] + (b * bb) * y[3];
  m[0] = y[0];
  m[1] = even_a + odd_a;
  m[2] = even_a - odd_a;
  m[3] = even_b + odd_b;
  m[4] = even_b - odd_b;
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

// `transform` of the columns, then of the rows, of a square whose element (i,j) is in(i,j);
// out(i,j,value) takes the results.
template <int From, int To, class In, class Transform, class Out>
inline void transform_square(const In& in, const Transform& transform, const Out& out) {
  Floats half[To][From];
#pragma GCC unroll 6
  for (int j = 0; j < From; ++j) {
    Floats column[From], transformed[To];
#pragma GCC unroll 6
    for (int i = 0; i < From; ++i) column[i] = in(i, j);
    transform(column, transformed);
#pragma GCC unroll 6
    for (int i = 0; i < To; ++i) half[i][j] = transformed[i];
  }
#pragma GCC unroll 6
  for (int i = 0; i < To; ++i) {
    Floats transformed[To];
    transform(half[i], transformed);
#pragma GCC unroll 6
    for (int j = 0; j < To; ++j) out(i, j, transformed[j]);
  }
}

// A tile of an image (H,W,C) as Edge² pixels, of which those outside of the image are `outside`.
template <int Edge, class Pixel>
using Pixels = std::array<Pixel*, static_cast<std::size_t>(Edge* Edge)>;

// How an image is divided: all images' tiles in a row.
struct Tiles {
  std::int64_t n, h, w;
  std::int64_t rows = (h + out_edge - 1) / out_edge, columns = (w + out_edge - 1) / out_edge;

  std::int64_t count() const { return n * rows * columns; }

  // The tile's square that begins `before` pixels up and left of its output.
  template <int Edge, class Pixel>
  Pixels<Edge, Pixel> pixels(std::int64_t tile, int before, Pixel* images, std::int64_t channels,
                             Pixel* outside) const {
    const std::int64_t image = tile / (rows * columns), position = tile % (rows * columns);
    const std::int64_t top = position / columns * out_edge - before;
    const std::int64_t left = position % columns * out_edge - before;
    Pixels<Edge, Pixel> pixels;
    for (int i = 0; i < Edge; ++i) {
      const std::int64_t row = top + i;
      for (int j = 0; j < Edge; ++j) {
        const std::int64_t column = left + j;
        const bool inside = row >= 0 && row < h && column >= 0 && column < w;
        pixels[static_cast<std::size_t>(i * Edge + j)] =
            inside ? images + ((image * h + row) * w + column) * channels : outside;
      }
    }
    return pixels;
  }
};

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
  float* operator()(int i, int j) const { return matrix(i * in_edge + j); }
  float* matrix(int element) const { return data + element * stride(rows, columns); }
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

// Bᵀ x B of `count` tiles from `first` on.
template <class I>
void transform_inputs(const Tiles& tiles, std::int64_t first, std::int64_t count, const I* x,
                      std::int64_t channels, const I* zeros, const Transformed& to) {
  for (std::int64_t t = 0; t < count; ++t) {
    const auto pixels = tiles.pixels<in_edge>(first + t, 1, x, channels, zeros);
    for (std::int64_t c = 0; c < channels; c += lanes) {
      transform_square<in_edge, in_edge>(
          [&](int i, int j) { return load(pixels[i * in_edge + j] + c); }, transform_input,
          [&](int i, int j, Floats v) { store(to(i, j) + t * channels + c, v); });
    }
  }
}

// G w Gᵀ, rows (C), columns (O).
void transform_kernels(std::int64_t channels, std::int64_t outputs, const float* w,
                       const Transformed& to) {
  parallel_for(channels, grain_of(elements * outputs),
               [&](std::int64_t begin, std::int64_t end, int) {
                 for (std::int64_t c = begin; c < end; ++c) {
                   for (std::int64_t o = 0; o < outputs; o += lanes) {
                     transform_square<kernel_edge, in_edge>(
                         [&](int i, int j) {
                           return load(w + ((i * kernel_edge + j) * channels + c) * outputs + o);
                         },
                         transform_kernel,
                         [&](int i, int j, Floats v) { store(to(i, j) + c * outputs + o, v); });
                   }
                 }
               });
}

}  // namespace

bool applies(Conv2dShape s) {
  return s.kernel_h == kernel_edge && s.kernel_w == kernel_edge && s.c % 16 == 0 && s.o % 16 == 0;
}

template <class I>
void correlate(const Cpu& cpu, Conv2dShape s, const I* x, const float* w, Gradient<I> y) {
  Workspace::Scope scratch(cpu.workspace);
  const Tiles tiles{s.n, s.h, s.w};
  const Transformed kernel = Transformed::take(s.c, s.o, scratch);
  transform_kernels(s.c, s.o, w, kernel);
  I* zeros = scratch.take<I>(static_cast<std::size_t>(s.c));
  std::fill_n(zeros, s.c, I{});
  struct Scratch {
    Transformed in, out;
    I* outside;
  };
  const auto threads = static_cast<std::size_t>(thread_count());
  Scratch* scratches = scratch.take<Scratch>(threads);
  for (std::size_t i = 0; i < threads; ++i) {
    scratches[i] = {Transformed::take(block_tiles, s.c, scratch),
                    Transformed::take(block_tiles, s.o, scratch),
                    scratch.take<I>(static_cast<std::size_t>(s.o))};
  }
  for_blocks(
      tiles, elements * s.c * s.o, [&](std::int64_t first, std::int64_t count, int part, bool) {
        const auto& [in, out, outside] = scratches[part];
        transform_inputs<I>(tiles, first, count, x, s.c, zeros, in);
        for (int e = 0; e < elements; ++e) {
          simd::multiply(count, s.o, s.c, in.matrix(e), s.c, 1, kernel.matrix(e), s.o,
                         out.matrix(e), s.o, false);
        }
        for (std::int64_t t = 0; t < count; ++t) {
          const auto pixels = tiles.pixels<out_edge>(first + t, 0, y.data, s.o, outside);
          for (std::int64_t o = 0; o < s.o; o += lanes) {
            transform_square<in_edge, out_edge>(
                [&](int i, int j) { return load(out(i, j) + t * s.o + o); }, transform_output,
                [&](int i, int j, Floats v) {
                  I* const pixel = pixels[i * out_edge + j] + o;
                  store(pixel, y.accumulate ? load(pixel) + v : v);
                });
          }
        }
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
  };
  const auto threads = static_cast<std::size_t>(thread_count());
  Scratch* scratches = scratch.take<Scratch>(threads);
  for (std::size_t i = 0; i < threads; ++i) {
    scratches[i] = {Transformed::take(block_tiles, s.c, scratch),
                    Transformed::take(block_tiles, s.o, scratch),
                    Transformed::take(s.c, s.o, scratch)};
  }
  const int parts =
      for_blocks(tiles, elements * s.c * s.o,
                 [&](std::int64_t first, std::int64_t count, int part, bool begin) {
                   const auto& [in, out, sum] = scratches[part];
                   transform_inputs<I>(tiles, first, count, x, s.c, zeros, in);
                   for (std::int64_t t = 0; t < count; ++t) {
                     const auto pixels = tiles.pixels<out_edge>(first + t, 0, dy, s.o,
                                                                static_cast<const I*>(zeros));
                     for (std::int64_t o = 0; o < s.o; o += lanes) {
                       transform_square<out_edge, in_edge>(
                           [&](int i, int j) { return load(pixels[i * out_edge + j] + o); },
                           transform_output_gradient,
                           [&](int i, int j, Floats v) { store(out(i, j) + t * s.o + o, v); });
                     }
                   }
                   for (int e = 0; e < elements; ++e) {
                     simd::multiply(s.c, s.o, count, in.matrix(e), 1, s.c, out.matrix(e), s.o,
                                    sum.matrix(e), s.o, !begin);
                   }
                 });
  parallel_for(s.c, grain_of(elements * s.o), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t c = begin; c < end; ++c) {
      for (std::int64_t o = 0; o < s.o; o += lanes) {
        transform_square<in_edge, kernel_edge>(
            [&](int i, int j) {
              Floats total{};
              for (int part = 0; part < parts; ++part) {
                total += load(scratches[part].sum(i, j) + c * s.o + o);
              }
              return total;
            },
            transform_kernel_gradient,
            [&](int i, int j, Floats v) {
              float* const weight = dw.data + ((i * kernel_edge + j) * s.c + c) * s.o + o;
              store(weight, dw.accumulate ? load(weight) + v : v);
            });
      }
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
