// Max pooling on CUDA: a thread takes a 2×2 window, Width channels deep. Neighbouring threads take
// neighbouring channels and then neighbouring windows, so every load of a warp covers whole
// stretches of an image row, and each element crosses once.
#include "kernels/max_pool2d.h"

#include "kernels/device/gradient.cuh"
#include "kernels/device/images.cuh"

namespace ekgine::kernels {

namespace {

using namespace device;

constexpr std::int64_t most_blocks = 1 << 14;

// Whether b follows a as the maximum: a stays when equal, and a NaN wins and stays.
__device__ __forceinline__ bool beats(float b, float a) {
  return b > a || (b != b && a == a);
}

template <class T, int Width>
__global__ void __launch_bounds__(channel_threads)
    forward(MaxPool2dShape s, const T* __restrict__ x, T* __restrict__ y) {
  const std::int64_t channel = first_channel(Width);
  if (channel >= s.c) return;
  const std::int64_t rows = s.h / 2, columns = s.w / 2;
  for_cells(s.n, rows, columns, [&](std::int64_t n, std::int64_t i, std::int64_t j) {
    const Cell cell(n, i, j, s.h, s.w, s.c, channel);
    float window[4][Width];
#pragma unroll
    for (int pixel = 0; pixel < 4; ++pixel) load(window[pixel], x + cell[pixel]);
#pragma unroll
    for (int pixel = 1; pixel < 4; ++pixel) {
#pragma unroll
      for (int k = 0; k < Width; ++k) {
        if (beats(window[pixel][k], window[0][k])) window[0][k] = window[pixel][k];
      }
    }
    store(y + ((n * rows + i) * columns + j) * s.c + channel, window[0]);
  });
}

// Also visits the cells that stick out of the image: their pixels are in no window and get 0.
template <class T, int Width>
__global__ void __launch_bounds__(channel_threads)
    backward(MaxPool2dShape s, const T* __restrict__ x, const T* __restrict__ dy, Gradient<T> dx) {
  const std::int64_t channel = first_channel(Width);
  if (channel >= s.c) return;
  const std::int64_t rows = s.h / 2, columns = s.w / 2;
  for_cells(s.n, (s.h + 1) / 2, (s.w + 1) / 2, [&](std::int64_t n, std::int64_t i, std::int64_t j) {
    const Cell cell(n, i, j, s.h, s.w, s.c, channel);
    float g[Width] = {};
    int winner[Width] = {};
    if (cell.full()) {
      float window[4][Width];
#pragma unroll
      for (int pixel = 0; pixel < 4; ++pixel) load(window[pixel], x + cell[pixel]);
      load(g, dy + ((n * rows + i) * columns + j) * s.c + channel);
#pragma unroll
      for (int pixel = 1; pixel < 4; ++pixel) {
#pragma unroll
        for (int k = 0; k < Width; ++k) {
          if (!beats(window[pixel][k], window[0][k])) continue;
          window[0][k] = window[pixel][k];
          winner[k] = pixel;
        }
      }
    } else if (dx.accumulate) {
      return;
    }
#pragma unroll
    for (int pixel = 0; pixel < 4; ++pixel) {
      if (!cell.has(pixel)) continue;
      float values[Width];
#pragma unroll
      for (int k = 0; k < Width; ++k) values[k] = winner[k] == pixel ? g[k] : 0.0F;
      put(dx, cell[pixel], values);
    }
  });
}

}  // namespace

template <class T>
void max_pool2d_forward(const Cuda& cuda, MaxPool2dShape s, const T* x, T* y) {
  const std::int64_t rows = s.h / 2, columns = s.w / 2;
  if (s.n * rows * columns * s.c == 0) return;
  with_width<T>(vectorised<T>(s.c, x, y), [&](auto width) {
    launch(cuda, "max_pool2d_forward", forward<T, width>,
           cell_grid(width, s.c, s.n * rows, columns, most_blocks), s, x, y);
  });
}

template <class T>
void max_pool2d_backward(const Cuda& cuda, MaxPool2dShape s, const T* x, const T* dy,
                         Gradient<T> dx) {
  if (!dx || s.n * s.h * s.w * s.c == 0) return;
  with_width<T>(vectorised<T>(s.c, x, dy, dx.data), [&](auto width) {
    launch(cuda, "max_pool2d_backward", backward<T, width>,
           cell_grid(width, s.c, s.n * ((s.h + 1) / 2), (s.w + 1) / 2, most_blocks), s, x, dy, dx);
  });
}

template void max_pool2d_forward(const Cuda&, MaxPool2dShape, const float*, float*);
template void max_pool2d_forward(const Cuda&, MaxPool2dShape, const bfloat16*, bfloat16*);
template void max_pool2d_backward(const Cuda&, MaxPool2dShape, const float*, const float*,
                                  Gradient<float>);
template void max_pool2d_backward(const Cuda&, MaxPool2dShape, const bfloat16*, const bfloat16*,
                                  Gradient<bfloat16>);

}  // namespace ekgine::kernels
