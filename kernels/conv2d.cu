// Convolution on CUDA: cuDNN's. dx is the same correlation as forward, of dy with the kernel turned
// by half a turn and its channels swapped: cuDNN's algorithms of forward are reproducible, of every
// shape and precision; among those of its own backward pass for data none is, in float, for the
// model's layers.
//
// For images of one channel, the first layer of a model, what cuDNN offers in float takes 4
// (forward) and 24 times (dweight) as long as moving the image of many channels once, on an H100:
// kernels/stem.h is for them.
#include "kernels/conv2d.h"

#include "kernels/device/channels.cuh"
#include "kernels/device/gradient.cuh"
#include "kernels/device/rows.cuh"
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

}  // namespace

template <class T>
void conv2d_forward(const Cuda& cuda, Conv2dShape s, const T* x, const T* w, T* y) {
  if (s.out() == 0) return;
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
  if (dw) {
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
