#include "kernels/conv2d.h"

#include <array>
#include <vector>

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

// Float, and images in bfloat16: oneDNN, each thread a few images at a time.

// A thread works through its share of the batch in chunks of so many images: the copies that
// Winograd's algorithm needs stay in its cache, and no thread waits for another. When the threads
// divide each convolution among them instead, a quarter of the speed is lost
// (docs/performance.md).
constexpr std::int64_t chunk_images = 4;

// In its scope the calling thread has no others: oneDNN prepares and runs for one.
class OneThread {
 public:
  OneThread() : before_(thread_count()) { set_thread_count(1); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;
  ~OneThread() { set_thread_count(before_); }

 private:
  int before_;
};

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
  std::size_t inner_bytes() const { return inner.get_size(); }
};

template <class I>
constexpr dnnl::memory::data_type type_of_images =
    std::is_same_v<I, float> ? dnnl::memory::data_type::f32 : dnnl::memory::data_type::bf16;

struct Convolution {
  onednn::Primitive run;
  Operand x, w, y;  // or their gradients

  std::size_t scratchpad_bytes() const {
    std::size_t most = run.scratchpad.get_size();
    for (const Operand* operand : {&x, &w, &y}) {
      most = std::max(most, operand->reorder.scratchpad.get_size());
    }
    return most;
  }
};

// Products take weights in the images' type; their gradient is float.
template <class I>
Convolution make(Pass pass, Conv2dShape s, dnnl::algorithm algorithm) {
  constexpr dnnl::memory::data_type real = dnnl::memory::data_type::f32, image = type_of_images<I>;
  const dnnl::memory::dims x_dims{s.n, s.c, s.h, s.w}, y_dims{s.n, s.o, s.h, s.w};
  const dnnl::memory::dims w_dims{s.o, s.c, s.kernel_h, s.kernel_w};
  const dnnl::memory::dims strides{1, 1}, before{(s.kernel_h - 1) / 2, (s.kernel_w - 1) / 2};
  const dnnl::memory::dims after{s.kernel_h / 2, s.kernel_w / 2};
  const onednn::Desc x(x_dims, image, onednn::Layout::nhwc);
  const onednn::Desc w(w_dims, real, onednn::Layout::hwio);
  const onednn::Desc y(y_dims, image, onednn::Layout::nhwc);
  const auto images = algorithm == dnnl::algorithm::convolution_winograd ? onednn::Layout::any
                                                                         : onednn::Layout::nhwc;
  const onednn::Desc inner_x(x_dims, image, images);
  const onednn::Desc inner_w(w_dims, image, onednn::Layout::any);
  const onednn::Desc inner_dw(w_dims, real, onednn::Layout::any);
  const onednn::Desc inner_y(y_dims, image, images);
  const dnnl::convolution_forward::primitive_desc forward(
      {dnnl::prop_kind::forward_training, algorithm, inner_x, inner_w, inner_y, strides, before,
       after},
      onednn::attributes(), onednn::engine());
  if (pass == Pass::forward) {
    return {onednn::Primitive::make<dnnl::convolution_forward>(forward),
            {DNNL_ARG_SRC, false, x, forward.src_desc()},
            {DNNL_ARG_WEIGHTS, false, w, forward.weights_desc()},
            {DNNL_ARG_DST, true, y, forward.dst_desc()}};
  }
  if (pass == Pass::backward_data) {
    const dnnl::convolution_backward_data::primitive_desc backward(
        {algorithm, inner_x, inner_w, inner_y, strides, before, after}, onednn::attributes(),
        onednn::engine(), forward);
    return {onednn::Primitive::make<dnnl::convolution_backward_data>(backward),
            {DNNL_ARG_DIFF_SRC, true, x, backward.diff_src_desc()},
            {DNNL_ARG_WEIGHTS, false, w, backward.weights_desc()},
            {DNNL_ARG_DIFF_DST, false, y, backward.diff_dst_desc()}};
  }
  const dnnl::convolution_backward_weights::primitive_desc backward(
      {algorithm, inner_x, inner_dw, inner_y, strides, before, after}, onednn::attributes(),
      onednn::engine(), forward);
  return {onednn::Primitive::make<dnnl::convolution_backward_weights>(backward),
          {DNNL_ARG_SRC, false, x, backward.src_desc()},
          {DNNL_ARG_DIFF_WEIGHTS, true, w, backward.diff_weights_desc()},
          {DNNL_ARG_DIFF_DST, false, y, backward.diff_dst_desc()}};
}

// Winograd's algorithm halves the time of 3×3 kernels between many channels, at twice the rounding
// error. oneDNN has it for machines with AVX-512, in float.
template <class I>
Convolution make(Pass pass, Conv2dShape s) {
  const bool winograd = std::is_same_v<I, float> && s.kernel_h == 3 && s.kernel_w == 3;
  if (winograd && s.c % 16 == 0 && s.o % 16 == 0) {
    try {
      return make<I>(pass, s, dnnl::algorithm::convolution_winograd);
    } catch (const dnnl::error&) {
    }
  }
  return make<I>(pass, s, dnnl::algorithm::convolution_direct);
}

template <class I>
const Convolution& convolution_for(Pass pass, Conv2dShape s) {
  using Key = std::array<std::int64_t, 8>;
  static thread_local onednn::PerShape<Key, Convolution> convolutions;
  return convolutions.get({static_cast<int>(pass), s.n, s.h, s.w, s.c, s.kernel_h, s.kernel_w, s.o},
                          [&] { return make<I>(pass, s); });
}

// One convolution after the other, on one thread.
template <class I>
class Worker {
 public:
  Worker(const Convolution& convolution, Workspace::Scope& scratch)
      : convolution_(&convolution),
        x_(take(convolution.x, scratch)),
        y_(take(convolution.y, scratch)),
        scratchpad_(scratch.take<std::byte>(convolution.scratchpad_bytes())) {}

  // Images in the caller's layout, the weights or their gradient in the convolution's.
  void run(const I* x, const void* w, const I* y) const {
    const Convolution& c = *convolution_;
    onednn::Arguments arguments{{c.x.argument, enter(c.x, x, x_)},
                                {c.w.argument, onednn::wrap(c.w.inner, w)},
                                {c.y.argument, enter(c.y, y, y_)}};
    c.run.run(scratchpad_, std::move(arguments));
    leave(c.x, x, x_);
    leave(c.y, y, y_);
  }

  // Copies the weights into the convolution's layout, their gradient out of it.
  void reorder_weights(const void* from, const void* to) const {
    const Operand& w = convolution_->w;
    if (w.output) copy(w, w.inner, from, w.plain, to);
    if (!w.output) copy(w, w.plain, from, w.inner, to);
  }

 private:
  static const void* take(const Operand& operand, Workspace::Scope& scratch) {
    return scratch.take<std::byte>(operand.reorder ? operand.inner_bytes() : 0);
  }
  void copy(const Operand& operand, const onednn::Desc& from_desc, const void* from,
            const onednn::Desc& to_desc, const void* to) const {
    operand.reorder.run(scratchpad_, {{DNNL_ARG_FROM, onednn::wrap(from_desc, from)},
                                      {DNNL_ARG_TO, onednn::wrap(to_desc, to)}});
  }
  dnnl::memory enter(const Operand& operand, const I* plain, const void* inner) const {
    if (!operand.reorder) return onednn::wrap(operand.plain, plain);
    if (!operand.output) copy(operand, operand.plain, plain, operand.inner, inner);
    return onednn::wrap(operand.inner, inner);
  }
  void leave(const Operand& operand, const I* plain, const void* inner) const {
    if (operand.reorder && operand.output)
      copy(operand, operand.inner, inner, operand.plain, plain);
  }

  const Convolution* convolution_;
  const void *x_, *y_;  // in the convolution's layout
  std::byte* scratchpad_;
};

// What all passes have in common: `count` chunks of s.n images each, whose convolution is prepared
// once, here, and run by every thread in memory of its own.
template <class I>
struct Chunks {
  Conv2dShape s;
  std::int64_t count;
  const Convolution* convolution;
  std::vector<Worker<I>> workers;  // one per thread

  Chunks(Pass pass, Conv2dShape chunk, std::int64_t count_, Workspace::Scope& scratch)
      : s(chunk), count(count_) {
    const int threads = thread_count();
    const OneThread alone;
    convolution = &convolution_for<I>(pass, s);
    for (int i = 0; i < threads; ++i) workers.emplace_back(*convolution, scratch);
  }

  // Calls body(worker, chunk's offset in x, in y, part, whether it is the part's first chunk).
  template <class Body>
  int for_each(const Body& body) const {
    return parallel_for(count, 1, [&](std::int64_t begin, std::int64_t end, int part) {
      const OneThread alone;
      const Worker<I>& worker = workers[static_cast<std::size_t>(part)];
      for (std::int64_t i = begin; i < end; ++i) {
        body(worker, i * s.in(), i * s.out(), part, i == begin);
      }
    });
  }
};

// Calls body(chunk, number of chunks, offset in x, in y) for all of the batch: chunks of a few
// images, and the rest one by one. So a batch of whatever size needs two shapes at most.
template <class Body>
void for_chunk_sizes(Conv2dShape s, const Body& body) {
  const std::int64_t images = s.n >= chunk_images * thread_count() ? chunk_images : 1;
  const std::int64_t chunks = s.n / images, rest = s.n % images;
  s.n = images;
  body(s, chunks, 0, 0);
  const std::int64_t in = chunks * s.in(), out = chunks * s.out();
  s.n = 1;
  if (rest > 0) body(s, rest, in, out);
}

template <class I>
void forward_or_data(const Cpu& cpu, Pass pass, Conv2dShape batch, const I* x, const float* w,
                     const I* y) {
  for_chunk_sizes(batch, [&](Conv2dShape s, std::int64_t count, std::int64_t x0, std::int64_t y0) {
    Workspace::Scope scratch(cpu.workspace);
    const Chunks<I> chunks(pass, s, count, scratch);
    const void* weights = w;
    if (const Operand& operand = chunks.convolution->w; operand.reorder) {
      weights = scratch.take<std::byte>(operand.inner_bytes());
      const OneThread alone;
      chunks.workers[0].reorder_weights(w, weights);
    }
    chunks.for_each([&](const Worker<I>& worker, std::int64_t in, std::int64_t out, int, bool) {
      worker.run(x + x0 + in, weights, y + y0 + out);
    });
  });
}

template <class I>
void forward(const Cpu& cpu, Conv2dShape s, const I* x, const float* w, I* y) {
  forward_or_data(cpu, Pass::forward, s, x, w, y);
}

// Calls write(array) for an array of n elements that is to be assigned or added to the gradient.
template <class T, class Write>
void put(const Cpu& cpu, std::int64_t n, Gradient<T> gradient, const Write& write) {
  if (!gradient.accumulate) return write(gradient.data);
  Workspace::Scope scratch(cpu.workspace);
  T* term = scratch.take<T>(static_cast<std::size_t>(n));
  write(term);
  assign_or_add(gradient, [&](auto add) {
    parallel_for(n, grain_of(1), [&](std::int64_t begin, std::int64_t end, int) {
#pragma omp simd
      for (std::int64_t i = begin; i < end; ++i) add(i, static_cast<float>(term[i]));
    });
  });
}

template <class I>
void backward_data(const Cpu& cpu, Conv2dShape s, const float* w, const I* dy, Gradient<I> dx) {
  put(cpu, s.in(), dx, [&](I* term) { forward_or_data(cpu, Pass::backward_data, s, term, w, dy); });
}

// Every thread sums over its chunks, in the convolution's layout; then the threads' sums are added
// in order.
template <class I>
void backward_weights(const Cpu& cpu, Conv2dShape batch, const I* x, const I* dy,
                      Gradient<float> dw) {
  for_chunk_sizes(batch, [&](Conv2dShape s, std::int64_t count, std::int64_t x0, std::int64_t y0) {
    Workspace::Scope scratch(cpu.workspace);
    const Chunks<I> chunks(Pass::backward_weights, s, count, scratch);
    const Operand& operand = chunks.convolution->w;
    const std::size_t n = operand.inner_bytes() / sizeof(float);
    const auto threads = static_cast<std::size_t>(thread_count());
    float* terms = scratch.take<float>(threads * n);
    float* sums = scratch.take<float>(threads * n);
    const auto add = [n](const float* term, float* sum) {
#pragma omp simd
      for (std::size_t i = 0; i < n; ++i) sum[i] += term[i];
    };
    const int parts = chunks.for_each(
        [&](const Worker<I>& worker, std::int64_t in, std::int64_t out, int part, bool first) {
          const std::size_t offset = static_cast<std::size_t>(part) * n;
          float* term = (first ? sums : terms) + offset;
          worker.run(x + x0 + in, term, dy + y0 + out);
          if (!first) add(term, sums + offset);
        });
    for (int part = 1; part < parts; ++part) add(sums + static_cast<std::size_t>(part) * n, sums);
    put(cpu, s.weights(), dw, [&](float* plain) {
      if (!operand.reorder) {
        std::copy_n(sums, n, plain);
        return;
      }
      const OneThread alone;
      chunks.workers[0].reorder_weights(sums, plain);
    });
    dw.accumulate = true;
  });
}

}  // namespace

template <class I, class T>
void conv2d_forward(const Cpu& cpu, Conv2dShape s, const I* x, const T* w, I* y) {
  forward(cpu, s, x, w, y);
}

template <class I, class T>
void conv2d_backward(const Cpu& cpu, Conv2dShape s, const I* x, const T* w, const I* dy,
                     Gradient<I> dx, Gradient<T> dw) {
  if (dw) backward_weights(cpu, s, x, dy, dw);
  if (dx) backward_data(cpu, s, w, dy, dx);
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
