// y = f(x0, x1, ...) element by element over flat arrays: the pattern of every kernel that does
// nothing else.
//
// Such a kernel waits for memory alone, so all that counts is that each array crosses once, in few
// and full requests. A thread takes 16 bytes of every array: vector_width<T> elements, the same
// ones of each, so that y may lie over any of the inputs. A warp's request is then 512 bytes in a
// row. The last few elements, and arrays that do not start at 16 bytes (slices), go one by one.
#pragma once

#include <cstdint>

#include "kernels/device/gradient.cuh"
#include "kernels/runtime/launch.cuh"

namespace ekgine::device {

inline constexpr int map_threads = 256;

template <class T, int Inputs>
struct MapInputs {
  const T* data[Inputs];
};

// f(first, in, out): in[k][e] is element first + e of input k; first is a multiple of the width.
// Elements past the end read as 0.
template <class T, int Inputs, class F>
__global__ void __launch_bounds__(map_threads)
    map_kernel(std::int64_t n, bool aligned, MapInputs<T, Inputs> x, Gradient<T> y, F f) {
  constexpr int width = vector_width<T>;
  const std::int64_t first =
      (static_cast<std::int64_t>(blockIdx.x) * map_threads + threadIdx.x) * width;
  if (first >= n) return;
  float in[Inputs][width], out[width];
  if (aligned && first + width <= n) {
#pragma unroll
    for (int k = 0; k < Inputs; ++k) load(in[k], x.data[k] + first);
    f(first, in, out);
    put(y, first, out);
  } else {
#pragma unroll
    for (int e = 0; e < width; ++e) {
#pragma unroll
      for (int k = 0; k < Inputs; ++k) {
        in[k][e] = first + e < n ? to_float(x.data[k][first + e]) : 0.0F;
      }
    }
    f(first, in, out);
#pragma unroll
    for (int e = 0; e < width; ++e) {
      if (first + e < n) put(y, first + e, out[e]);
    }
  }
}

// Queues map_kernel on `inputs` arrays of n elements; nothing where nobody asks for y.
template <class T, int Inputs, class F>
void map(const Cuda& cuda, const char* name, std::int64_t n, const T* const (&inputs)[Inputs],
         Gradient<T> y, const F& f) {
  if (n == 0 || !y) return;
  MapInputs<T, Inputs> x;
  bool aligned = aligned16(y.data);
  for (int k = 0; k < Inputs; ++k) {
    x.data[k] = inputs[k];
    aligned = aligned && aligned16(inputs[k]);
  }
  const std::int64_t blocks = blocks_of(n, std::int64_t{map_threads} * vector_width<T>);
  launch(cuda, name, map_kernel<T, Inputs, F>,
         Grid{dim3(static_cast<unsigned>(blocks)), dim3(map_threads)}, n, aligned, x, y, f);
}

}  // namespace ekgine::device
