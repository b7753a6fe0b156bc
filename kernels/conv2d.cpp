#include "kernels/conv2d.h"

#include <array>

#include "kernels/elementwise.h"
#include "kernels/runtime/channels.h"
#include "kernels/runtime/onednn.h"

namespace ekgine::kernels {

namespace {

// Double: the definition, with the innermost loop over contiguous channels.

// y[n,h,v,:] (+)= Σ_{i,j} x[n, h+i−top, v+j−left, :]·w[i,j,:,:]
void correlate(Conv2dShape s, std::int64_t top, std::int64_t left, const double* x, const double* w,
               double* y, bool accumulate) {
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
    double* out = y + (row * s.w + v) * s.o + first;
    for (std::int64_t k = 0; k < width; ++k) out[k] = accumulate ? out[k] + sum[k] : sum[k];
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

void forward(const Cpu&, Conv2dShape s, const double* x, const double* w, double* y) {
  correlate(s, (s.kernel_h - 1) / 2, (s.kernel_w - 1) / 2, x, w, y, false);
}

// The data gradient is the correlation of dy with the kernel turned by 180° and transposed.
void backward_data(const Cpu& cpu, Conv2dShape s, const double* w, const double* dy,
                   Gradient<double> dx) {
  Workspace::Scope scratch(cpu.workspace);
  double* turned = scratch.take<double>(static_cast<std::size_t>(s.weights()));  // (KH,KW,O,C)
  const std::int64_t taps = s.kernel_h * s.kernel_w;
  for (std::int64_t tap = 0; tap < taps; ++tap) {
    for (std::int64_t c = 0; c < s.c; ++c) {
      for (std::int64_t o = 0; o < s.o; ++o) {
        turned[((taps - 1 - tap) * s.o + o) * s.c + c] = w[(tap * s.c + c) * s.o + o];
      }
    }
  }
  Conv2dShape transposed = s;
  std::swap(transposed.c, transposed.o);
  correlate(transposed, s.kernel_h / 2, s.kernel_w / 2, dy, turned, dx.data, dx.accumulate);
}

void backward_weights(const Cpu&, Conv2dShape s, const double* x, const double* dy,
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

// Float: oneDNN.

// A batch is worked through in chunks of so many images. The copies that Winograd's algorithm needs
// stay in cache, and however many images a batch has, at most this many shapes are ever prepared.
constexpr std::int64_t chunk_images = 32;

enum class Pass { forward, backward_data, backward_weights };

// An array as the caller has it and as the convolution wants it.
struct Operand {
  int argument;
  bool output;
  onednn::Desc plain, inner;
  onednn::Primitive reorder;  // from plain to inner, of an output the other way; or nothing

  Operand(int argument_, bool output_, const onednn::Desc& plain_, const onednn::Desc& inner_)
      : argument(argument_),
        output(output_),
        plain(plain_),
        inner(inner_),
        reorder(output ? onednn::Primitive::reorder(inner, plain)
                       : onednn::Primitive::reorder(plain, inner)) {}
};

struct Convolution {
  onednn::Primitive run;
  std::array<Operand, 3> operands;  // x, w, y or their gradients
};

Convolution make(Pass pass, Conv2dShape s, dnnl::algorithm algorithm) {
  const dnnl::memory::dims x_dims{s.n, s.c, s.h, s.w}, y_dims{s.n, s.o, s.h, s.w};
  const dnnl::memory::dims w_dims{s.o, s.c, s.kernel_h, s.kernel_w};
  const dnnl::memory::dims strides{1, 1}, before{(s.kernel_h - 1) / 2, (s.kernel_w - 1) / 2};
  const dnnl::memory::dims after{s.kernel_h / 2, s.kernel_w / 2};
  const onednn::Desc x = onednn::floats(x_dims, onednn::Layout::nhwc);
  const onednn::Desc w = onednn::floats(w_dims, onednn::Layout::hwio);
  const onednn::Desc y = onednn::floats(y_dims, onednn::Layout::nhwc);
  const auto images = algorithm == dnnl::algorithm::convolution_winograd ? onednn::Layout::any
                                                                         : onednn::Layout::nhwc;
  const onednn::Desc inner_x = onednn::floats(x_dims, images);
  const onednn::Desc inner_w = onednn::floats(w_dims, onednn::Layout::any);
  const onednn::Desc inner_y = onednn::floats(y_dims, images);
  const dnnl::convolution_forward::primitive_desc forward(
      {dnnl::prop_kind::forward_training, algorithm, inner_x, inner_w, inner_y, strides, before,
       after},
      onednn::attributes(), onednn::engine());
  if (pass == Pass::forward) {
    return {onednn::Primitive::make<dnnl::convolution_forward>(forward),
            {Operand{DNNL_ARG_SRC, false, x, forward.src_desc()},
             Operand{DNNL_ARG_WEIGHTS, false, w, forward.weights_desc()},
             Operand{DNNL_ARG_DST, true, y, forward.dst_desc()}}};
  }
  if (pass == Pass::backward_data) {
    const dnnl::convolution_backward_data::primitive_desc backward(
        {algorithm, inner_x, inner_w, inner_y, strides, before, after}, onednn::attributes(),
        onednn::engine(), forward);
    return {onednn::Primitive::make<dnnl::convolution_backward_data>(backward),
            {Operand{DNNL_ARG_DIFF_SRC, true, x, backward.diff_src_desc()},
             Operand{DNNL_ARG_WEIGHTS, false, w, backward.weights_desc()},
             Operand{DNNL_ARG_DIFF_DST, false, y, backward.diff_dst_desc()}}};
  }
  const dnnl::convolution_backward_weights::primitive_desc backward(
      {algorithm, inner_x, inner_w, inner_y, strides, before, after}, onednn::attributes(),
      onednn::engine(), forward);
  return {onednn::Primitive::make<dnnl::convolution_backward_weights>(backward),
          {Operand{DNNL_ARG_SRC, false, x, backward.src_desc()},
           Operand{DNNL_ARG_DIFF_WEIGHTS, true, w, backward.diff_weights_desc()},
           Operand{DNNL_ARG_DIFF_DST, false, y, backward.diff_dst_desc()}}};
}

// Winograd's algorithm halves the time of 3×3 kernels between many channels, at twice the rounding
// error. oneDNN has it for machines with AVX-512.
Convolution make(Pass pass, Conv2dShape s) {
  if (s.kernel_h == 3 && s.kernel_w == 3 && s.c % 16 == 0 && s.o % 16 == 0) {
    try {
      return make(pass, s, dnnl::algorithm::convolution_winograd);
    } catch (const dnnl::error&) {
    }
  }
  return make(pass, s, dnnl::algorithm::convolution_direct);
}

// x, w and y, or their gradients, in the caller's layout; what the pass does not write is only
// read.
void run(const Cpu& cpu, Pass pass, Conv2dShape s, const float* x, const float* w, const float* y) {
  using Key = std::array<std::int64_t, 8>;
  static thread_local onednn::PerShape<Key, Convolution> convolutions;
  const Convolution& convolution =
      convolutions.get({static_cast<int>(pass), s.n, s.h, s.w, s.c, s.kernel_h, s.kernel_w, s.o},
                       [&] { return make(pass, s); });
  const std::array<const float*, 3> data{x, w, y};
  std::array<dnnl::memory, 3> plain, inner;
  onednn::Arguments arguments;
  Workspace::Scope scratch(cpu.workspace);
  for (std::size_t i = 0; i < 3; ++i) {
    const Operand& operand = convolution.operands[i];
    plain[i] = inner[i] = onednn::wrap(operand.plain, data[i]);
    if (operand.reorder) {
      inner[i] = onednn::wrap(operand.inner, scratch.take<std::byte>(operand.inner.get_size()));
      if (!operand.output) {
        operand.reorder.run(cpu, {{DNNL_ARG_FROM, plain[i]}, {DNNL_ARG_TO, inner[i]}});
      }
    }
    arguments.emplace(operand.argument, inner[i]);
  }
  convolution.run.run(cpu, std::move(arguments));
  for (std::size_t i = 0; i < 3; ++i) {
    const Operand& operand = convolution.operands[i];
    if (operand.reorder && operand.output) {
      operand.reorder.run(cpu, {{DNNL_ARG_FROM, inner[i]}, {DNNL_ARG_TO, plain[i]}});
    }
  }
}

// Calls body(chunk, x offset, y offset) for all chunks of the batch.
template <class Body>
void for_chunks(Conv2dShape s, const Body& body) {
  for (std::int64_t n = 0; n < s.n; n += chunk_images) {
    Conv2dShape chunk = s;
    chunk.n = std::min(chunk_images, s.n - n);
    body(chunk, n * s.h * s.w * s.c, n * s.h * s.w * s.o);
  }
}

// Calls write(array) for an array of n elements that is to be assigned or added to the gradient.
template <class Write>
void put(const Cpu& cpu, std::int64_t n, Gradient<float> gradient, const Write& write) {
  if (!gradient.accumulate) return write(gradient.data);
  Workspace::Scope scratch(cpu.workspace);
  float* term = scratch.take<float>(static_cast<std::size_t>(n));
  write(term);
  scale(cpu, n, 1.0F, term, gradient);
}

void forward(const Cpu& cpu, Conv2dShape s, const float* x, const float* w, float* y) {
  for_chunks(s, [&](Conv2dShape chunk, std::int64_t in, std::int64_t out) {
    run(cpu, Pass::forward, chunk, x + in, w, y + out);
  });
}

void backward_data(const Cpu& cpu, Conv2dShape s, const float* w, const float* dy,
                   Gradient<float> dx) {
  for_chunks(s, [&](Conv2dShape chunk, std::int64_t in, std::int64_t out) {
    put(cpu, chunk.in(), {dx.data + in, dx.accumulate},
        [&](float* term) { run(cpu, Pass::backward_data, chunk, term, w, dy + out); });
  });
}

void backward_weights(const Cpu& cpu, Conv2dShape s, const float* x, const float* dy,
                      Gradient<float> dw) {
  for_chunks(s, [&](Conv2dShape chunk, std::int64_t in, std::int64_t out) {
    put(cpu, s.weights(), dw,
        [&](float* term) { run(cpu, Pass::backward_weights, chunk, x + in, term, dy + out); });
    dw.accumulate = true;
  });
}

}  // namespace

template <class T>
void conv2d_forward(const Cpu& cpu, Conv2dShape s, const T* x, const T* w, T* y) {
  forward(cpu, s, x, w, y);
}

template <class T>
void conv2d_backward(const Cpu& cpu, Conv2dShape s, const T* x, const T* w, const T* dy,
                     Gradient<T> dx, Gradient<T> dw) {
  if (dw) backward_weights(cpu, s, x, dy, dw);
  if (dx) backward_data(cpu, s, w, dy, dx);
}

template void conv2d_forward(const Cpu&, Conv2dShape, const float*, const float*, float*);
template void conv2d_forward(const Cpu&, Conv2dShape, const double*, const double*, double*);
template void conv2d_backward(const Cpu&, Conv2dShape, const float*, const float*, const float*,
                              Gradient<float>, Gradient<float>);
template void conv2d_backward(const Cpu&, Conv2dShape, const double*, const double*, const double*,
                              Gradient<double>, Gradient<double>);

}  // namespace ekgine::kernels
