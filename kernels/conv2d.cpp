#include "kernels/conv2d.h"

#include <algorithm>
#include <vector>

#include "kernels/conv2d_winograd.h"
#include "kernels/runtime/channels.h"
#include "kernels/runtime/multiply.h"

namespace ekgine::kernels {

namespace {

// Double: the definition, which float is compared with, with the innermost loop over contiguous
// channels.

// y[n,h,v,:] (+)= Σ_{i,j} x[n, h+i−top, v+j−left, :]·w[i,j,:,:]
void correlate(const Cpu&, Conv2dShape s, std::int64_t top, std::int64_t left, const double* x,
               const double* w, Gradient<double> y) {
  const auto pixel = [&](std::int64_t row, std::int64_t v, std::int64_t first, auto width) {
    const std::int64_t n = row / s.h, h = row % s.h;
    double sum[channel_tile] = {};
    for (std::int64_t i = std::max<std::int64_t>(0, top - h);
         i < std::min(s.kernel_h, s.h + top - h); ++i) {
      for (std::int64_t j = std::max<std::int64_t>(0, left - v);
           j < std::min(s.kernel_w, s.w + left - v); ++j) {
        const double* in = x + ((n * s.h + h + i - top) * s.w + v + j - left) * s.c;
        const double* weights = w + (i * s.kernel_w + j) * s.c * s.o + first;
        for (std::int64_t c = 0; c < s.c; ++c) {
#pragma omp simd
          for (std::int64_t k = 0; k < width; ++k) sum[k] += in[c] * weights[c * s.o + k];
        }
      }
    }
    const std::int64_t out = (row * s.w + v) * s.o + first;
    for (std::int64_t k = 0; k < width; ++k) y.put(out + k, sum[k]);
  };
  parallel_for(s.n * s.h, grain_of(s.w * s.weights()),
               [&](std::int64_t begin, std::int64_t end, int) {
                 for (std::int64_t row = begin; row < end; ++row) {
                   for (std::int64_t v = 0; v < s.w; ++v) {
                     for_channel_tiles(
                         s.o, [&](std::int64_t first, auto width) { pixel(row, v, first, width); });
                   }
                 }
               });
}

// dw[i,j,c,:] (+)= Σ_{n,h,v} x[n, h+i−top, v+j−left, c]·dy[n,h,v,:]
void correlate_images(const Cpu&, Conv2dShape s, const double* x, const double* dy,
                      Gradient<double> dw) {
  const std::int64_t top = (s.kernel_h - 1) / 2, left = (s.kernel_w - 1) / 2;
  const std::int64_t taps = s.kernel_h * s.kernel_w;
  const auto tap_sum = [&](std::int64_t row, std::int64_t first, auto width) {
    const std::int64_t tap = row / s.c, c = row % s.c;
    const std::int64_t down = tap / s.kernel_w - top, right = tap % s.kernel_w - left;
    double sum[channel_tile] = {};
    for (std::int64_t n = 0; n < s.n; ++n) {
      for (std::int64_t h = std::max<std::int64_t>(0, -down); h < std::min(s.h, s.h - down); ++h) {
        for (std::int64_t v = std::max<std::int64_t>(0, -right); v < std::min(s.w, s.w - right);
             ++v) {
          const double value = x[((n * s.h + h + down) * s.w + v + right) * s.c + c];
          const double* out = dy + ((n * s.h + h) * s.w + v) * s.o + first;
#pragma omp simd
          for (std::int64_t k = 0; k < width; ++k) sum[k] += value * out[k];
        }
      }
    }
    for (std::int64_t k = 0; k < width; ++k) dw.put(row * s.o + first + k, sum[k]);
  };
  parallel_for(taps * s.c, grain_of(s.n * s.h * s.w * s.o),
               [&](std::int64_t begin, std::int64_t end, int) {
                 for (std::int64_t row = begin; row < end; ++row) {
                   for_channel_tiles(
                       s.o, [&](std::int64_t first, auto width) { tap_sum(row, first, width); });
                 }
               });
}

// Float, and images in bfloat16: by minimal filtering where that applies, else a row of the image
// at a time. Between zeros, the KW·C inputs that a row of the kernel meets at pixel v are
// contiguous from v·C on, so the row of outputs is a sum over the kernel's rows of products of
// matrices (W, KW·C)·(KW·C, O).

// O as the products take it.
std::int64_t padded(std::int64_t o) {
  return (o + simd::lanes - 1) / simd::lanes * simd::lanes;
}

// Rows of an image as floats, for one thread.
class ImageRows {
 public:
  ImageRows(Conv2dShape s, std::int64_t top, std::int64_t left, Workspace::Scope& scratch)
      : s_(s),
        top_(top),
        left_(left),
        in_(scratch.take<float>(static_cast<std::size_t>(in_size()))),
        out_(scratch.take<float>(static_cast<std::size_t>(s.w * padded(s.o)))) {
    std::fill_n(out_, s.w * padded(s.o), 0.0F);
  }

  // The input row that row i of the kernel meets when its output is row h of image n. Valid until
  // the next call.
  template <class I>
  const float* in(const I* x, std::int64_t n, std::int64_t h, std::int64_t i) const {
    const std::int64_t row = h + i - top_;
    std::fill_n(in_, in_size(), 0.0F);
    if (row < 0 || row >= s_.h) return in_;
    const I* from = x + (n * s_.h + row) * s_.w * s_.c;
    float* pixels = in_ + left_ * s_.c;
    for (std::int64_t k = 0; k < s_.w * s_.c; ++k) pixels[k] = static_cast<float>(from[k]);
    return in_;
  }
  // (W, padded(O)): sums that become a row of outputs.
  float* sums() const { return out_; }
  // A row of the outputs' gradient, padded with zeros.
  template <class I>
  const float* out(const I* dy, std::int64_t row) const {
    const I* from = dy + row * s_.w * s_.o;
    if constexpr (std::is_same_v<I, float>) {
      if (padded(s_.o) == s_.o) return from;
    }
    for (std::int64_t v = 0; v < s_.w; ++v) {
      float* to = out_ + v * padded(s_.o);
      for (std::int64_t o = 0; o < s_.o; ++o) to[o] = static_cast<float>(from[v * s_.o + o]);
    }
    return out_;
  }

 private:
  std::int64_t in_size() const { return (s_.w + s_.kernel_w - 1) * s_.c; }

  Conv2dShape s_;
  std::int64_t top_, left_;
  float *in_, *out_;
};

std::vector<ImageRows> rows_per_thread(Conv2dShape s, std::int64_t top, std::int64_t left,
                                       Workspace::Scope& scratch) {
  std::vector<ImageRows> rows;
  for (int i = 0; i < thread_count(); ++i) rows.emplace_back(s, top, left, scratch);
  return rows;
}

template <class I>
void correlate(const Cpu& cpu, Conv2dShape s, std::int64_t top, std::int64_t left, const I* x,
               const float* w, Gradient<I> y) {
  if (winograd::applies(s)) return winograd::correlate(cpu, s, x, w, y);
  Workspace::Scope scratch(cpu.workspace);
  const std::int64_t columns = padded(s.o), k = s.kernel_w * s.c;
  float* weights = scratch.take<float>(static_cast<std::size_t>(s.kernel_h * k * columns));
  std::fill_n(weights, s.kernel_h * k * columns, 0.0F);
  for (std::int64_t i = 0; i < s.kernel_h * k; ++i) {
    std::copy_n(w + i * s.o, s.o, weights + i * columns);
  }
  const std::vector<ImageRows> rows = rows_per_thread(s, top, left, scratch);
  parallel_for(s.n * s.h, grain_of(s.w * s.weights()),
               [&](std::int64_t begin, std::int64_t end, int part) {
                 const ImageRows& image = rows[static_cast<std::size_t>(part)];
                 for (std::int64_t row = begin; row < end; ++row) {
                   const Gradient<I> out{y.data + row * s.w * s.o, y.accumulate};
                   float* sums = image.sums();
                   if constexpr (std::is_same_v<I, float>) {
                     if (columns == s.o && !y.accumulate) sums = out.data;
                   }
                   for (std::int64_t i = 0; i < s.kernel_h; ++i) {
                     simd::multiply(s.w, columns, k, image.in(x, row / s.h, row % s.h, i), s.c, 1,
                                    weights + i * k * columns, columns, sums, columns, i > 0);
                   }
                   if (sums != image.sums()) continue;
                   assign_or_add(out, [&](auto put) {
                     for (std::int64_t v = 0; v < s.w; ++v) {
#pragma omp simd
                       for (std::int64_t o = 0; o < s.o; ++o)
                         put(v * s.o + o, sums[v * columns + o]);
                     }
                   });
                 }
               });
}

// Every thread sums over its rows; then the threads' sums are added in order.
template <class I>
void correlate_images(const Cpu& cpu, Conv2dShape s, const I* x, const I* dy, Gradient<float> dw) {
  if (winograd::applies(s)) return winograd::correlate_images(cpu, s, x, dy, dw);
  Workspace::Scope scratch(cpu.workspace);
  const std::int64_t columns = padded(s.o), k = s.kernel_w * s.c, size = s.kernel_h * k * columns;
  float* sums = scratch.take<float>(static_cast<std::size_t>(thread_count() * size));
  const std::vector<ImageRows> rows =
      rows_per_thread(s, (s.kernel_h - 1) / 2, (s.kernel_w - 1) / 2, scratch);
  const int parts = parallel_for(
      s.n * s.h, grain_of(s.w * s.weights()), [&](std::int64_t begin, std::int64_t end, int part) {
        const ImageRows& image = rows[static_cast<std::size_t>(part)];
        for (std::int64_t row = begin; row < end; ++row) {
          const float* out = image.out(dy, row);
          for (std::int64_t i = 0; i < s.kernel_h; ++i) {
            simd::multiply(k, columns, s.w, image.in(x, row / s.h, row % s.h, i), 1, s.c, out,
                           columns, sums + part * size + i * k * columns, columns, row > begin);
          }
        }
      });
  for (std::int64_t i = 0; i < s.kernel_h * k; ++i) {
    for (std::int64_t o = 0; o < s.o; ++o) {
      float sum = 0;
      for (int part = 0; part < parts; ++part) sum += sums[part * size + i * columns + o];
      dw.put(i * s.o + o, sum);
    }
  }
}

// The kernel turned by 180° and transposed, (KH,KW,O,C): the data gradient is the correlation of dy
// with it.
template <class T>
T* turned(Conv2dShape s, const T* w, Workspace::Scope& scratch) {
  T* turned = scratch.take<T>(static_cast<std::size_t>(s.weights()));
  const std::int64_t taps = s.kernel_h * s.kernel_w;
  for (std::int64_t tap = 0; tap < taps; ++tap) {
    for (std::int64_t c = 0; c < s.c; ++c) {
      for (std::int64_t o = 0; o < s.o; ++o) {
        turned[((taps - 1 - tap) * s.o + o) * s.c + c] = w[(tap * s.c + c) * s.o + o];
      }
    }
  }
  return turned;
}

// The weights as products take them: rounded to what images are stored as.
template <class I, class T>
const T* rounded(Conv2dShape s, const T* w, Workspace::Scope& scratch) {
  if constexpr (std::is_same_v<I, T>) {
    return w;
  } else {
    T* rounded = scratch.take<T>(static_cast<std::size_t>(s.weights()));
    for (std::int64_t i = 0; i < s.weights(); ++i) rounded[i] = static_cast<T>(I(w[i]));
    return rounded;
  }
}

}  // namespace

template <class I, class T>
void conv2d_forward(const Cpu& cpu, Conv2dShape s, const I* x, const T* w, I* y) {
  Workspace::Scope scratch(cpu.workspace);
  const T* weights = rounded<I>(s, w, scratch);
  correlate(cpu, s, (s.kernel_h - 1) / 2, (s.kernel_w - 1) / 2, x, weights, Gradient<I>{y, false});
}

template <class I, class T>
void conv2d_backward(const Cpu& cpu, Conv2dShape s, const I* x, const T* w, const I* dy,
                     Gradient<I> dx, Gradient<T> dw) {
  if (dw) correlate_images(cpu, s, x, dy, dw);
  if (!dx) return;
  Workspace::Scope scratch(cpu.workspace);
  const T* weights = turned(s, rounded<I>(s, w, scratch), scratch);
  std::swap(s.c, s.o);
  correlate(cpu, s, s.kernel_h / 2, s.kernel_w / 2, dy, weights, dx);
}

#define EKGINE_INSTANTIATE(I, T)                                                       \
  template void conv2d_forward(const Cpu&, Conv2dShape, const I*, const T*, I*);       \
  template void conv2d_backward(const Cpu&, Conv2dShape, const I*, const T*, const I*, \
                                Gradient<I>, Gradient<T>);
EKGINE_INSTANTIATE(float, float)
EKGINE_INSTANTIATE(double, double)
EKGINE_INSTANTIATE(bfloat16, float)
#undef EKGINE_INSTANTIATE

}  // namespace ekgine::kernels
