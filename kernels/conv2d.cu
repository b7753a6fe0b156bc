// Convolution on CUDA. cuDNN convolves, with these exceptions:
//
//   - A 3×3 kernel on images of one channel, the first layer of a model: forward and dweight are
//     kernels of our own. They move an image of many channels once, and that is all the work there
//     is; what cuDNN offers in float took 4 and 24 times as long as that on an H100.
//   - dx is the same correlation as forward, of dy with the kernel turned by half a turn and its
//     channels swapped. cuDNN's algorithms of forward are reproducible, of every shape and
//     precision; among those of its own backward pass for data none is, in float, for the model's
//     layers.
#include "kernels/conv2d.h"

#include "kernels/device/channels.cuh"
#include "kernels/device/gradient.cuh"
#include "kernels/device/rows.cuh"
#include "kernels/reduce.h"
#include "kernels/runtime/cuda_libraries.h"
#include "kernels/runtime/launch.cuh"

namespace ekgine::kernels {

namespace {

// cuDNN's weights are (O,KH,KW,C) and its padding is as wide at the end as at the beginning. Ours
// are (KH,KW,C,O), and an even kernel reaches one further at the end: a row (or column) of zeros
// before the kernel makes it odd, with the same result.
Convolution odd(Conv2dShape s) {
  return {s.n, s.h, s.w, s.c, s.kernel_h | 1, s.kernel_w | 1, s.o};
}

// Weights are few, so both kernels below are plain transpositions of 32×32 tiles: read along one
// axis, turned in shared memory, written along the other. A block does one tile of one tap.
constexpr int tile = 32;
constexpr int depth = 8;

struct Tile {
  std::int64_t tap, c, o;  // tap of the odd kernel; first channels
};
__device__ __forceinline__ Tile tile_of_block(std::int64_t o) {
  const std::int64_t tiles = (o + tile - 1) / tile;
  return {blockIdx.x / tiles, static_cast<std::int64_t>(blockIdx.y) * tile,
          blockIdx.x % tiles * tile};
}
Grid tiles_of(const Convolution& s) {
  return {.blocks = dim3(static_cast<unsigned>(s.kernel_h * s.kernel_w * blocks_of(s.o, tile)),
                         static_cast<unsigned>(blocks_of(s.c, tile))),
          .threads = dim3(tile, depth)};
}

// The tap of ours that a tap of the odd kernel is, or −1 if it is one of the zeros.
__device__ __forceinline__ std::int64_t own_tap(Conv2dShape s, std::int64_t tap) {
  const std::int64_t width = s.kernel_w | 1;
  const std::int64_t i = tap / width - (s.kernel_h % 2 == 0),
                     j = tap % width - (s.kernel_w % 2 == 0);
  return i < 0 || j < 0 ? -1 : i * s.kernel_w + j;
}

template <class T>
__global__ void __launch_bounds__(tile* depth)
    pack_weights(Conv2dShape s, std::int64_t taps, const T* w, T* packed) {
  SIMT_SHARED(float[tile][tile + 1], turned);
  const auto [tap, c0, o0] = tile_of_block(s.o);
  const std::int64_t own = own_tap(s, tap);
  const int lane = static_cast<int>(threadIdx.x);
  for (int row = static_cast<int>(threadIdx.y); row < tile; row += depth) {
    const std::int64_t c = c0 + row, o = o0 + lane;
    const bool inside = own >= 0 && c < s.c && o < s.o;
    turned[row][lane] = inside ? device::to_float(w[(own * s.c + c) * s.o + o]) : 0.0F;
  }
  __syncthreads();
  for (int row = static_cast<int>(threadIdx.y); row < tile; row += depth) {
    const std::int64_t c = c0 + lane, o = o0 + row;
    if (c < s.c && o < s.o) {
      packed[(o * taps + tap) * s.c + c] = device::from_float<T>(turned[lane][row]);
    }
  }
}

template <class T>
__global__ void __launch_bounds__(tile* depth)
    unpack_gradient(Conv2dShape s, std::int64_t taps, const T* packed, Gradient<float> dw) {
  SIMT_SHARED(float[tile][tile + 1], turned);
  const auto [tap, c0, o0] = tile_of_block(s.o);
  const std::int64_t own = own_tap(s, tap);
  if (own < 0) return;  // the whole block
  const int lane = static_cast<int>(threadIdx.x);
  for (int row = static_cast<int>(threadIdx.y); row < tile; row += depth) {
    const std::int64_t c = c0 + lane, o = o0 + row;
    if (c < s.c && o < s.o) {
      turned[row][lane] = device::to_float(packed[(o * taps + tap) * s.c + c]);
    }
  }
  __syncthreads();
  for (int row = static_cast<int>(threadIdx.y); row < tile; row += depth) {
    const std::int64_t c = c0 + row, o = o0 + lane;
    if (c < s.c && o < s.o) device::put(dw, (own * s.c + c) * s.o + o, turned[lane][row]);
  }
}

// turned (C,taps,O): the odd kernel by half a turn. A row is the O weights of a tap and channel.
template <class T>
__global__ void __launch_bounds__(device::row_threads)
    turn_weights(Conv2dShape s, std::int64_t taps, const T* w, T* turned) {
  const std::int64_t row = device::row_of_thread();
  if (row >= s.c * taps) return;
  const std::int64_t c = row / taps, own = own_tap(s, taps - 1 - row % taps);
  for (std::int64_t o = threadIdx.x; o < s.o; o += blockDim.x) {
    turned[row * s.o + o] = own < 0 ? device::from_float<T>(0) : w[(own * s.c + c) * s.o + o];
  }
}

template <class T>
T* take_weights(Workspace::Scope& scratch, const Convolution& s) {
  return scratch.take<T>(static_cast<std::size_t>(s.o * s.kernel_h * s.kernel_w * s.c));
}

template <class T>
const T* pack(const Cuda& cuda, Workspace::Scope& scratch, Conv2dShape s, const T* w) {
  const Convolution inner = odd(s);
  T* packed = take_weights<T>(scratch, inner);
  launch(cuda, "conv2d_pack_weights", pack_weights<T>, tiles_of(inner), s,
         inner.kernel_h * inner.kernel_w, w, packed);
  return packed;
}

template <class T>
const T* turn(const Cuda& cuda, Workspace::Scope& scratch, Conv2dShape s, const T* w) {
  const Convolution inner = odd(s);
  const std::int64_t taps = inner.kernel_h * inner.kernel_w;
  T* turned = take_weights<T>(scratch, inner);
  launch(cuda, "conv2d_turn_weights", turn_weights<T>, device::row_grid(s.c * taps, s.o), s, taps,
         w, turned);
  return turned;
}

// Images of one channel. A thread keeps to `Width` neighbouring channels of y and takes strips of a
// row of pixels; the 3×3 pixels of x around it move along with it.

constexpr int strip = 32;  // pixels
constexpr int single_taps = 9;
constexpr std::int64_t most_parts = 1024;  // of dweight's sums

bool is_single(Conv2dShape s) {
  return s.c == 1 && s.kernel_h == 3 && s.kernel_w == 3;
}
__host__ __device__ constexpr std::int64_t strips_of(Conv2dShape s) {
  return s.n * s.h * ((s.w + strip - 1) / strip);
}

// Calls body(window, pixel) for every pixel of the calling thread's strips: its index in (N,H,W),
// and the pixels around it in row-major order.
template <class T, class Body>
__device__ __forceinline__ void for_pixels(Conv2dShape s, const T* __restrict__ x,
                                           const Body& body) {
  const std::int64_t per_row = (s.w + strip - 1) / strip;
  const device::Range mine = device::share_of(strips_of(s), blockIdx.x, gridDim.x);
  for (std::int64_t at = mine.begin + threadIdx.y; at < mine.end; at += blockDim.y) {
    const std::int64_t row = at / per_row, first = at % per_row * strip;
    const std::int64_t last = first + strip < s.w ? first + strip : s.w;
    const bool above = row % s.h > 0, below = row % s.h + 1 < s.h;
    const T* line = x + row * s.w;
    float window[single_taps] = {};
    const auto take = [&](int column, std::int64_t v) {
      window[column] = above ? device::to_float(line[v - s.w]) : 0.0F;
      window[3 + column] = device::to_float(line[v]);
      window[6 + column] = below ? device::to_float(line[v + s.w]) : 0.0F;
    };
    if (first > 0) take(1, first - 1);
    take(2, first);
#pragma unroll 4
    for (std::int64_t v = first; v < last; ++v) {
#pragma unroll
      for (int i = 0; i < single_taps; i += 3) {
        window[i] = window[i + 1];
        window[i + 1] = window[i + 2];
        window[i + 2] = 0;
      }
      if (v + 1 < s.w) take(2, v + 1);
      body(window, row * s.w + v);
    }
  }
}

// Two blocks to a multiprocessor, here and below: without the number ptxas 13.0 aims at more, and
// spills.
template <class T, int Width>
__global__ void __launch_bounds__(device::channel_threads, 2)
    single_forward(Conv2dShape s, const T* __restrict__ x, const T* __restrict__ w,
                   T* __restrict__ y) {
  const std::int64_t channel = device::first_channel(Width);
  if (channel >= s.o) return;
  float taps[single_taps][Width];
#pragma unroll
  for (int tap = 0; tap < single_taps; ++tap) device::load(taps[tap], w + tap * s.o + channel);
  for_pixels(s, x, [&](const float(&window)[single_taps], std::int64_t pixel) {
    float sum[Width] = {};
#pragma unroll
    for (int tap = 0; tap < single_taps; ++tap) {
#pragma unroll
      for (int k = 0; k < Width; ++k) sum[k] = fmaf(window[tap], taps[tap][k], sum[k]);
    }
    device::store(y + pixel * s.o + channel, sum);
  });
}

// partial (parts,3,3,O): blockIdx.x's share of the strips.
template <class T, int Width>
__global__ void __launch_bounds__(device::channel_threads, 2)
    single_weight_gradient(Conv2dShape s, const T* __restrict__ x, const T* __restrict__ dy,
                           float* __restrict__ partial) {
  SIMT_SHARED(float[single_taps * Width * device::lane_scratch], scratch);
  const std::int64_t channel = device::first_channel(Width);
  const bool inside = channel < s.o;
  float sums[single_taps * Width] = {};
  if (inside) {
    for_pixels(s, x, [&](const float(&window)[single_taps], std::int64_t pixel) {
      float g[Width];
      device::load(g, dy + pixel * s.o + channel);
#pragma unroll
      for (int tap = 0; tap < single_taps; ++tap) {
#pragma unroll
        for (int k = 0; k < Width; ++k) {
          sums[tap * Width + k] = fmaf(window[tap], g[k], sums[tap * Width + k]);
        }
      }
    });
  }
  const device::Place place = device::channel_place();
  device::sum_lanes(sums, place, scratch);
  if (!inside || place.lane != 0) return;
#pragma unroll
  for (int tap = 0; tap < single_taps; ++tap) {
    float values[Width];
#pragma unroll
    for (int k = 0; k < Width; ++k) values[k] = sums[tap * Width + k];
    device::store(partial + (blockIdx.x * single_taps + tap) * s.o + channel, values);
  }
}

// Calls body(width) with the number of channels per thread: four where possible, of bfloat16 too,
// since each is nine registers.
template <class Body>
void with_single_width(bool aligned, std::int64_t channels, const Body& body) {
  if (aligned && channels % 4 == 0) {
    body(std::integral_constant<int, 4>());
  } else {
    body(std::integral_constant<int, 1>());
  }
}

template <class T>
void single_channel_forward(const Cuda& cuda, Conv2dShape s, const T* x, const T* w, T* y) {
  const bool aligned = device::aligned16(w) && device::aligned16(y);
  with_single_width(aligned, s.o, [&](auto width) {
    launch(cuda, "conv2d_single_forward", single_forward<T, width()>,
           device::channel_grid(width(), s.o, strips_of(s), 1, std::int64_t{1} << 20), s, x, w, y);
  });
}

template <class T>
void single_channel_weight_gradient(const Cuda& cuda, Conv2dShape s, const T* x, const T* dy,
                                    Gradient<float> dw) {
  with_single_width(device::aligned16(dy), s.o, [&](auto width) {
    const Grid grid = device::channel_grid(width(), s.o, strips_of(s), 4, most_parts);
    const std::int64_t parts = grid.blocks.x, sums = single_taps * s.o;
    Workspace::Scope scratch(cuda.workspace);
    float* partial = scratch.take<float>(static_cast<std::size_t>(parts * sums));
    launch(cuda, "conv2d_single_backward_weight", single_weight_gradient<T, width()>, grid, s, x,
           dy, partial);
    sum_rows<float>(cuda, parts, sums, partial, dw);
  });
}

}  // namespace

template <class T>
void conv2d_forward(const Cuda& cuda, Conv2dShape s, const T* x, const T* w, T* y) {
  if (s.out() == 0) return;
  if (is_single(s)) return single_channel_forward(cuda, s, x, w, y);
  Workspace::Scope scratch(cuda.workspace);
  const T* packed = pack(cuda, scratch, s, w);
  cuda.libraries.convolve(cuda, "conv2d_forward", odd(s), x, packed, Gradient<T>{y});
}

template <class T>
void conv2d_backward(const Cuda& cuda, Conv2dShape s, const T* x, const T* w, const T* dy,
                     Gradient<T> dx, Gradient<float> dw) {
  const Convolution inner = odd(s);
  if (s.out() == 0) {
    if (dw && !dw.accumulate) {
      EKGINE_CUDA(cudaMemsetAsync(dw.data, 0, static_cast<std::size_t>(s.weights()) * sizeof(float),
                                  cuda.stream));
    }
    return;
  }
  if (dw && is_single(s)) {
    single_channel_weight_gradient(cuda, s, x, dy, dw);
  } else if (dw) {
    Workspace::Scope scratch(cuda.workspace);
    T* packed = take_weights<T>(scratch, inner);
    cuda.libraries.convolve_backward_weights(cuda, "conv2d_backward dweight", inner, x, dy, packed);
    launch(cuda, "conv2d_unpack_gradient", unpack_gradient<T>, tiles_of(inner), s,
           inner.kernel_h * inner.kernel_w, static_cast<const T*>(packed), dw);
  }
  if (dx) {
    Workspace::Scope scratch(cuda.workspace);
    const T* turned = turn(cuda, scratch, s, w);
    const Convolution swapped{s.n, s.h, s.w, s.o, inner.kernel_h, inner.kernel_w, s.c};
    cuda.libraries.convolve(cuda, "conv2d_backward dx", swapped, dy, turned, dx);
  }
}

template void conv2d_forward(const Cuda&, Conv2dShape, const float*, const float*, float*);
template void conv2d_forward(const Cuda&, Conv2dShape, const bfloat16*, const bfloat16*, bfloat16*);
template void conv2d_backward(const Cuda&, Conv2dShape, const float*, const float*, const float*,
                              Gradient<float>, Gradient<float>);
template void conv2d_backward(const Cuda&, Conv2dShape, const bfloat16*, const bfloat16*,
                              const bfloat16*, Gradient<bfloat16>, Gradient<float>);

}  // namespace ekgine::kernels
